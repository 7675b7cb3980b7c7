import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '../domain/event.ts'
import type { DecodedEvent, Reject } from './format.ts'
import { kubernetesAudit } from './kubernetes-audit.ts'
import { RECORD_LIMIT_BYTES } from './limits.ts'

/** A completed request, as a real v1.34 server writes it to its file. */
const COMPLETED = {
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'Metadata',
  auditID: '6b21f1a4-8a0c-4f0e-9d1c-2f6f0f5a7d11',
  stage: 'ResponseComplete',
  requestURI: '/api/v1/namespaces/prod/secrets/db-password?propagationPolicy=Background',
  verb: 'delete',
  user: {
    username: 'alice',
    uid: 'uid-alice',
    groups: ['platform', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=1f2e'] },
  },
  sourceIPs: ['192.0.2.7', '198.51.100.4', '10.0.0.1'],
  userAgent: 'kubectl/v1.34.4 (linux/amd64) kubernetes/0000000',
  objectRef: { resource: 'secrets', namespace: 'prod', name: 'db-password', uid: 'uid-secret', apiVersion: 'v1' },
  responseStatus: { metadata: {}, status: 'Success', code: 200 },
  requestReceivedTimestamp: '2026-11-20T14:03:21.500000Z',
  stageTimestamp: '2026-11-20T14:03:21.504321Z',
  annotations: {
    'authorization.k8s.io/decision': 'allow',
    'authorization.k8s.io/reason':
      'RBAC: allowed by ClusterRoleBinding "ops-admin" of ClusterRole "cluster-admin" to User "alice"',
  },
}

const CONTEXT = { source: 'prod-1', cluster: 'prod-1', now: Date.UTC(2026, 10, 20, 15) }

function decode(record: unknown): DecodedEvent {
  const decoded = kubernetesAudit.decode(Buffer.from(JSON.stringify(record)), CONTEXT)
  if (decoded.kind === 'reject') throw new Error(`${decoded.reason}: ${decoded.message}`)
  const [event, ...more] = decoded.events
  if (event === undefined || more.length > 0) throw new Error('one event was expected')
  return event
}

function eventOf(over: object): AuditEvent {
  return decode({ ...COMPLETED, ...over }).event
}

function rejectOf(text: string | Uint8Array): Reject {
  const decoded = kubernetesAudit.decode(Buffer.from(text), CONTEXT)
  if (decoded.kind !== 'reject') throw new Error('it was taken')
  return decoded
}

test('a completed request becomes the event that the table of docs/formats says', () => {
  const { event, naturalId, trust, truncated } = decode(COMPLETED)
  expect(naturalId).toBe('6b21f1a4-8a0c-4f0e-9d1c-2f6f0f5a7d11/ResponseComplete')
  expect(trust).toEqual(['ip:last-hop', 'agent:claim'])
  expect(truncated).toBeUndefined()
  expect(event).toEqual({
    '@timestamp': '2026-11-20T14:03:21.504321Z',
    event: {
      kind: 'event',
      category: ['api', 'configuration'],
      type: ['deletion'],
      action: 'delete',
      outcome: 'success',
      dataset: 'kubernetes.audit',
      module: 'kubernetes',
      provider: 'kube-apiserver',
      start: '2026-11-20T14:03:21.500Z',
      duration: 4_321_000,
      original: JSON.stringify(COMPLETED),
    },
    user: { kind: 'person', name: 'alice', id: 'uid-alice', group: { name: ['platform', 'system:authenticated'] } },
    source: { address: '10.0.0.1', ip: '10.0.0.1' },
    client: { address: '192.0.2.7', ip: '192.0.2.7' },
    user_agent: { original: 'kubectl/v1.34.4 (linux/amd64) kubernetes/0000000' },
    audit: {
      resource: [{ type: 'secret', id: 'uid-secret', name: 'db-password', namespace: 'prod' }],
      authz: {
        decision: 'allow',
        permission: 'delete secrets',
        reason: 'RBAC: allowed by ClusterRoleBinding "ops-admin" of ClusterRole "cluster-admin" to User "alice"',
        engine: 'RBAC',
        policies: [
          { name: 'ops-admin', type: 'ClusterRoleBinding', effect: 'allow' },
          { name: 'cluster-admin', type: 'ClusterRole', effect: 'allow' },
        ],
        path: ['User alice', 'ClusterRoleBinding ops-admin', 'ClusterRole cluster-admin'],
      },
      authn: { method: 'certificate', credential_id: 'X509SHA256=1f2e' },
    },
    orchestrator: { type: 'kubernetes', cluster: { name: 'prod-1' }, namespace: 'prod', api_version: 'v1' },
    http: { request: { id: '6b21f1a4-8a0c-4f0e-9d1c-2f6f0f5a7d11' }, response: { status_code: 200 } },
    url: {
      original: '/api/v1/namespaces/prod/secrets/db-password?propagationPolicy=Background',
      path: '/api/v1/namespaces/prod/secrets/db-password',
      query: 'propagationPolicy=Background',
    },
    kubernetes: { audit: { stage: 'ResponseComplete', level: 'Metadata' } },
  })
})

test('a source without a cluster is one by its own name', () => {
  const decoded = kubernetesAudit.decode(Buffer.from(JSON.stringify(COMPLETED)), { source: 'prod-2', now: 0 })
  expect(decoded).toMatchObject({ events: [{ event: { orchestrator: { cluster: { name: 'prod-2' } } } }] })
})

test('the original is the record byte for byte', () => {
  const text = `{ "kind":"Event", "auditID":"a", "stage":"ResponseComplete","verb":"get","requestURI":"/x?a=1\\u0026b=2" }`
  const decoded = kubernetesAudit.decode(Buffer.from(text), CONTEXT)
  expect(decoded).toMatchObject({ events: [{ event: { event: { original: text }, url: { original: '/x?a=1&b=2' } } }] })
})

test('an item of an EventList, which has no kind, is the same event', () => {
  const { kind: _kind, apiVersion: _version, ...item } = COMPLETED
  const { original: _a, ...fromFile } = eventOf({}).event
  const { original: _b, ...fromWebhook } = decode(item).event.event
  expect(fromWebhook).toEqual(fromFile)
})

test('a whole EventList becomes an event per item, each with its own bytes', () => {
  const { kind: _kind, ...item } = COMPLETED
  const list = {
    kind: 'EventList',
    apiVersion: 'audit.k8s.io/v1',
    metadata: {},
    items: [item, { ...item, auditID: 'b' }],
  }
  const decoded = kubernetesAudit.decode(Buffer.from(JSON.stringify(list)), CONTEXT)
  if (decoded.kind === 'reject') throw new Error(decoded.message)
  expect(decoded.events.map((each) => each.naturalId)).toEqual([
    `${item.auditID}/ResponseComplete`,
    'b/ResponseComplete',
  ])
  expect(decoded.events[0]?.event.event.original).toBe(JSON.stringify(item))
})

describe('who it was', () => {
  const userOf = (username: string) => eventOf({ user: { username } }).user

  test('a name with @ is an address too', () => {
    expect(userOf('alice@acme.example')).toEqual({
      kind: 'person',
      name: 'alice@acme.example',
      email: 'alice@acme.example',
    })
  })

  test('machines are told from people', () => {
    expect(userOf('system:serviceaccount:shop:deployer')?.kind).toBe('service')
    expect(userOf('system:node:worker-1')?.kind).toBe('system')
    expect(userOf('eks:node-manager')?.kind).toBe('system')
    expect(userOf('aksService')?.kind).toBe('system')
    expect(userOf('system:apiserver')?.kind).toBe('system')
    expect(userOf('system:anonymous')?.kind).toBe('anonymous')
    expect(userOf('kubernetes-admin')?.kind).toBe('person')
  })

  test('a failed sign-in has nobody, one stage, and is denied', () => {
    const { annotations: _annotations, ...rest } = COMPLETED
    const event = decode({
      ...rest,
      stage: 'ResponseStarted',
      user: {},
      responseStatus: { metadata: {}, status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 },
    }).event
    expect(event.user).toEqual({ kind: 'anonymous' })
    expect(event.event).toMatchObject({ outcome: 'failure', type: ['deletion', 'denied'], reason: 'Unauthorized' })
    expect(event.event.category).toEqual(['api', 'configuration', 'authentication'])
  })

  test('who is impersonated is whom they acted as, with the reason they gave', () => {
    const event = eventOf({
      impersonatedUser: { username: 'dave', groups: ['developers'], extra: { reason: ['ticket-7'] } },
    })
    expect(event.user).toMatchObject({
      name: 'alice',
      effective: { kind: 'person', name: 'dave', group: { name: ['developers'] } },
    })
    expect(event.audit?.reason).toBe('ticket-7')
  })

  test('a refused impersonation, which only its message tells, names whom they wanted to be', () => {
    const message =
      'users "admin" is forbidden: User "carol" cannot impersonate resource "users" in API group "" at the cluster scope'
    const event = eventOf({
      annotations: undefined,
      user: { username: 'carol' },
      responseStatus: { metadata: {}, status: 'Failure', message, reason: 'Forbidden', code: 403 },
    })
    expect(event.user).toMatchObject({ name: 'carol', target: { kind: 'person', name: 'admin' } })
    expect(event.user?.effective).toBeUndefined()
    expect(event.audit?.authz).toEqual({ decision: 'deny', permission: 'impersonate users', reason: message })
    expect(event.event).toMatchObject({ outcome: 'failure', type: ['deletion', 'denied'] })
  })
})

test('a refused impersonation names nobody from Kubernetes 1.36 on', () => {
  const message =
    'pods is forbidden: User "carol" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "shop"'
  const event = eventOf({
    annotations: undefined,
    user: { username: 'carol' },
    responseStatus: { metadata: {}, status: 'Failure', message, reason: 'Forbidden', code: 403 },
  })
  expect(event.user).toEqual({ kind: 'person', name: 'carol' })
  expect(event.audit?.authz).toEqual({
    decision: 'deny',
    permission: 'impersonate-on:user-info:list pods',
    reason: message,
  })
})

describe('how it ended', () => {
  const responded = (code: number) => ({ metadata: {}, status: 'Failure', reason: 'X', message: 'why', code })

  test('forbidden is denied', () => {
    const event = eventOf({
      responseStatus: responded(403),
      annotations: { 'authorization.k8s.io/decision': 'forbid', 'authorization.k8s.io/reason': '' },
    })
    expect(event.event).toMatchObject({ outcome: 'failure', type: ['deletion', 'denied'], reason: 'X' })
    expect(event.audit?.authz).toEqual({ decision: 'deny', permission: 'delete secrets' })
    expect(event.message).toBe('why')
  })

  test('refused by admission is denied although it was authorized', () => {
    const event = eventOf({ responseStatus: responded(403) })
    expect(event.event.type).toContain('denied')
    expect(event.audit?.authz?.decision).toBe('allow')
  })

  test('a code of 400 or more is a failure', () => {
    expect(eventOf({ responseStatus: responded(404) }).event).toMatchObject({ outcome: 'failure', type: ['deletion'] })
    expect(eventOf({ responseStatus: { metadata: {}, code: 101 } }).event.outcome).toBe('success')
  })

  test('what is not complete is unknown, and a panic a failure', () => {
    const begun = eventOf({ stage: 'RequestReceived', responseStatus: undefined, annotations: undefined })
    expect(begun.event).toMatchObject({ outcome: 'unknown', type: ['deletion', 'start'] })
    expect(begun.event.duration).toBeUndefined()
    expect(eventOf({ stage: 'ResponseStarted' }).event.outcome).toBe('unknown')
    expect(eventOf({ stage: 'Panic', responseStatus: undefined }).event.outcome).toBe('failure')
  })
})

describe('what was done', () => {
  const actOf = (verb: string, resource: string, subresource?: string) => {
    const { action, type, category } = eventOf({ verb, objectRef: { resource, subresource } }).event
    return [action, type?.[0], category?.join()]
  }

  test('verbs are actions', () => {
    expect(actOf('get', 'configmaps')).toEqual(['get', 'access', 'api'])
    expect(actOf('watch', 'pods')).toEqual(['watch', 'access', 'api'])
    expect(actOf('create', 'rolebindings')).toEqual(['create', 'creation', 'api,iam'])
    expect(actOf('patch', 'clusterroles')).toEqual(['patch', 'change', 'api,iam'])
    expect(actOf('deletecollection', 'secrets')).toEqual(['deletecollection', 'deletion', 'api,configuration'])
  })

  test('some subresources are an act of their own', () => {
    expect(actOf('create', 'pods', 'exec')[0]).toBe('exec')
    expect(actOf('get', 'pods', 'exec')[0]).toBe('exec')
    expect(actOf('create', 'pods', 'attach')[0]).toBe('attach')
    expect(actOf('create', 'pods', 'portforward')[0]).toBe('port-forward')
    expect(actOf('patch', 'pods', 'ephemeralcontainers').slice(0, 2)).toEqual(['ephemeralcontainers', 'change'])
    expect(actOf('create', 'serviceaccounts', 'token').slice(0, 2)).toEqual(['token', 'creation'])
    expect(actOf('update', 'deployments', 'scale')[0]).toBe('scale')
    expect(actOf('get', 'deployments', 'scale')[0]).toBe('get')
    expect(actOf('patch', 'nodes', 'status')[0]).toBe('patch')
  })

  test('the command of an exec is in the URI alone', () => {
    const event = eventOf({
      verb: 'create',
      requestURI: '/api/v1/namespaces/shop/pods/web/exec?command=sh&command=-c&command=cat+%2Fetc%2Fpasswd&container=c',
      objectRef: { resource: 'pods', namespace: 'shop', name: 'web', subresource: 'exec' },
    })
    expect(event['process']).toEqual({
      command_line: `sh -c 'cat /etc/passwd'`,
      args: ['sh', '-c', 'cat /etc/passwd'],
    })
    expect(event['container']).toEqual({ name: 'c' })
    expect(event.audit?.authz?.permission).toBe('create pods/exec')
  })

  test('a URL that is no resource is the thing itself', () => {
    const event = eventOf({ verb: 'get', requestURI: '/healthz?verbose', objectRef: undefined })
    expect(event.audit?.resource).toEqual([{ type: 'url', name: '/healthz' }])
    expect(event['http']).toMatchObject({ request: { method: 'GET' } })
  })
})

describe('on what', () => {
  const resourceOf = (over: object) => eventOf(over).audit?.resource?.[0]

  test('types are singular', () => {
    const typeOf = (resource: string) => resourceOf({ objectRef: { resource } })?.type
    const plurals = 'secrets networkpolicies endpoints ingresses storageclasses leases statuses ipaddresses nodes'
    expect(plurals.split(' ').map(typeOf)).toEqual(
      'secret networkpolicy endpoints ingress storageclass lease status ipaddress node'.split(' '),
    )
  })

  test('a new thing has its name in the bodies', () => {
    const made = { verb: 'create', objectRef: { resource: 'pods', namespace: 'shop' } }
    const metadata = { name: 'web-x7k2p', uid: 'uid-pod' }
    expect(resourceOf({ ...made, responseObject: { metadata } })).toEqual({
      type: 'pod',
      id: 'uid-pod',
      name: 'web-x7k2p',
      namespace: 'shop',
    })
    expect(resourceOf(made)).toEqual({ type: 'pod', namespace: 'shop' })
  })

  test('a namespace is not in itself', () => {
    const objectRef = { resource: 'namespaces', namespace: 'shop', name: 'shop' }
    expect(resourceOf({ objectRef })).toEqual({ type: 'namespace', name: 'shop' })
  })

  test('bodies are kept as they are', () => {
    const event = eventOf({ requestObject: { a: [1, { b: null }] }, responseObject: { kind: 'Status' } })
    expect(event.audit).toMatchObject({ request: { a: [1, { b: null }] }, response: { kind: 'Status' } })
  })
})

describe('why it was allowed', () => {
  const authzOf = (reason: string) =>
    eventOf({ annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': reason } }).audit
      ?.authz

  test('a RoleBinding is named with its namespace first, as everything else', () => {
    expect(
      authzOf('RBAC: allowed by RoleBinding "deploy/shop" of Role "deployer" to ServiceAccount "ci-bot/ci"'),
    ).toMatchObject({
      policies: [
        { id: 'shop/deploy', name: 'deploy', type: 'RoleBinding' },
        { name: 'deployer', type: 'Role' },
      ],
      path: ['ServiceAccount ci/ci-bot', 'RoleBinding shop/deploy', 'Role deployer'],
    })
  })

  test('names with quotes are taken apart where Go put them together', () => {
    const reason = 'RBAC: allowed by ClusterRoleBinding "a\\"b" of ClusterRole "c\\\\d" to Group "system:masters"'
    expect(authzOf(reason)?.policies?.map((policy) => policy.name)).toEqual(['a"b', 'c\\d'])
  })

  test('another reason stands as it is', () => {
    expect(authzOf('allowed by the webhook')).toEqual({
      decision: 'allow',
      permission: 'delete secrets',
      reason: 'allowed by the webhook',
    })
  })
})

describe('hostile and broken records', () => {
  test('each is rejected for its own reason', () => {
    expect(rejectOf('{"kind":').reason).toBe('not_json')
    expect(rejectOf('[]')).toMatchObject({ reason: 'wrong_type', message: 'the record is a list, not a JSON object' })
    expect(rejectOf(Buffer.from([0x7b, 0xff, 0x7d])).reason).toBe('not_utf8')
    expect(rejectOf(JSON.stringify({ ...COMPLETED, kind: 'Pod' }))).toMatchObject({
      reason: 'unknown_kind',
      path: 'kind',
    })
    expect(rejectOf(JSON.stringify({ ...COMPLETED, apiVersion: 'v1' }))).toMatchObject({ path: 'apiVersion' })
    expect(rejectOf(JSON.stringify({ ...COMPLETED, auditID: undefined }))).toMatchObject({
      reason: 'missing_field',
      path: 'auditID',
    })
    expect(rejectOf(JSON.stringify({ ...COMPLETED, verb: 7 }))).toMatchObject({ reason: 'wrong_type', path: 'verb' })
  })

  test('a message does not repeat what the record holds', () => {
    expect(rejectOf('{"password": hunter2}').message).not.toContain('hunter2')
  })

  test('fields of a wrong type are left out, and the record stays in the original', () => {
    const event = eventOf({ user: 'alice', sourceIPs: 'x', objectRef: [], responseStatus: 7, annotations: 'y' })
    expect(event.user).toEqual({ kind: 'anonymous' })
    expect(event.source).toBeUndefined()
    expect(event.event.outcome).toBe('unknown')
    expect(event.event.original).toContain('"objectRef":[]')
  })

  test('the older version of the same shape is taken', () => {
    expect(eventOf({ apiVersion: 'audit.k8s.io/v1beta1' }).event.action).toBe('delete')
  })

  test('a time that cannot be read is the time of collecting, and says so', () => {
    const decoded = decode({ ...COMPLETED, stageTimestamp: 'now', requestReceivedTimestamp: 7 })
    expect(decoded.event['@timestamp']).toBe('2026-11-20T15:00:00.000Z')
    expect(decoded.trust).toContain('time:collected')
  })

  test('keys that could harm are left out of the bodies, and that is said', () => {
    const objectRef = { resource: 'configmaps' }
    const requestObject = { data: { x: 1 } }
    const text = JSON.stringify({ ...COMPLETED, objectRef, requestObject }).replace('"x"', '"__proto__"')
    const decoded = kubernetesAudit.decode(Buffer.from(text), CONTEXT)
    expect(decoded).toMatchObject({ events: [{ truncated: [{ path: 'audit', bytes: 0, reason: 'unsafe_keys' }] }] })
    expect(decoded.kind === 'events' && decoded.events[0]?.event.event.original).toBe(text)
    expect(decoded.kind === 'events' && decoded.events[0]?.event.audit?.request).toEqual({ data: {} })
  })

  test('a body that is too deep is cut, so that nobody can hide a request behind it', () => {
    const deep = `${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}`
    const text = JSON.stringify({ ...COMPLETED, requestObject: 'HERE' }).replace('"HERE"', deep)
    const decoded = kubernetesAudit.decode(Buffer.from(text), CONTEXT)
    expect(decoded).toMatchObject({ kind: 'events', events: [{ naturalId: `${COMPLETED.auditID}/ResponseComplete` }] })
    expect(decoded.kind === 'events' && decoded.events[0]?.event.audit?.request).toBeUndefined()
  })

  test('of a record beyond the limit the larger body is cut first, with its length and reason', () => {
    const requestObject = { data: 'x'.repeat(RECORD_LIMIT_BYTES) }
    const responseObject = { data: 'y'.repeat(1000) }
    const objectRef = { resource: 'configmaps' }
    const { event, truncated } = decode({ ...COMPLETED, objectRef, requestObject, responseObject })
    expect(event.audit?.request).toBeUndefined()
    expect(event.audit?.response).toEqual(responseObject)
    expect(truncated).toEqual([
      { path: 'audit.request', bytes: RECORD_LIMIT_BYTES + 11, reason: 'record_limit' },
      { path: 'event.original', bytes: expect.any(Number), reason: 'record_limit' },
    ])
    expect(event.event.original?.length).toBeLessThan(RECORD_LIMIT_BYTES)
  })

  test('a record that is too large without its bodies is rejected', () => {
    const large = { ...COMPLETED, userAgent: 'x'.repeat(RECORD_LIMIT_BYTES) }
    expect(rejectOf(JSON.stringify(large)).reason).toBe('too_large')
    expect(rejectOf(`{"x":"${'x'.repeat(5 << 20)}"}`).reason).toBe('too_large')
  })

  test('what the API server cut itself is marked', () => {
    const annotations = { ...COMPLETED.annotations, 'audit.k8s.io/truncated': 'true' }
    expect(decode({ ...COMPLETED, annotations }).truncated).toEqual([
      { path: 'audit.request', bytes: 0, reason: 'by_source' },
      { path: 'audit.response', bytes: 0, reason: 'by_source' },
    ])
  })

  test('an EventList of a million items takes a moment, not a minute', () => {
    const text = `{"kind":"EventList","items":[${'1,'.repeat(1_000_000)}1]}`
    expect(rejectOf(text).reason).toBe('too_large')
  })
})
