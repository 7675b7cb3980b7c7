import { describe, expect, test } from 'vitest'
import type { DecodedEvent } from './format.ts'
import { kubernetesAudit } from './kubernetes-audit.ts'

const SECRET = 'aHVudGVyMg=='
const RULE = 'default:kubernetes-secrets'

function recordOn(resource: string, over: object): string {
  const [name, subresource] = resource.split('/')
  return JSON.stringify({
    kind: 'Event',
    auditID: 'a',
    stage: 'ResponseComplete',
    verb: 'create',
    objectRef: { resource: name, subresource, namespace: 'shop', name: 'db' },
    ...over,
  })
}

function decode(text: string): DecodedEvent {
  const decoded = kubernetesAudit.decode(Buffer.from(text), { source: 'prod-1', now: 0 })
  const [event] = decoded.kind === 'events' ? decoded.events : []
  if (event === undefined) throw new Error('no event')
  return event
}

/** Nothing of the secret anywhere, and in the original nothing else than the secret is changed. */
function expectMasked(text: string, paths: readonly string[], secret = SECRET): void {
  const { event, masked } = decode(text)
  expect(JSON.stringify(event)).not.toContain(secret)
  expect(masked).toEqual(paths.map((path) => ({ path, rule: RULE })))
  expect(event.event.original).toBe(text.replaceAll(secret, '[masked]'))
}

const manifest = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db' }, data: { password: SECRET } }

describe('values of a Secret are in neither the event nor its original', () => {
  test('in what was asked and answered, under both names, whatever comes first', () => {
    expectMasked(recordOn('secrets', { requestObject: manifest, responseObject: manifest }), [
      'audit.request.data',
      'audit.response.data',
    ])
    const alphabetic = { data: { password: SECRET }, stringData: { other: SECRET }, kind: 'Secret' }
    expectMasked(recordOn('pods', { requestObject: alphabetic }), ['audit.request.data', 'audit.request.stringData'])
  })

  test('and its keys stay, which are evidence', () => {
    const { event } = decode(recordOn('secrets', { requestObject: manifest }))
    expect(event.audit?.request).toEqual({ ...manifest, data: { password: '[masked]' } })
  })

  test('in lists, whose items do not say what they are', () => {
    const items = [{ metadata: { name: 'a' }, data: { x: SECRET } }, { data: { y: SECRET } }]
    expectMasked(recordOn('secrets', { verb: 'list', responseObject: { kind: 'SecretList', items } }), [
      'audit.response.items.data',
    ])
    expectMasked(recordOn('foos', { responseObject: { kind: 'List', items: [{ kind: 'Pod' }, manifest] } }), [
      'audit.response.items.data',
    ])
  })

  test('in a patch, which does not say what it is either', () => {
    expectMasked(recordOn('secrets', { verb: 'patch', requestObject: { data: { password: SECRET } } }), [
      'audit.request.data',
    ])
    const operations = [
      { op: 'replace', path: '/data/password', value: SECRET },
      { op: 'add', value: { a: SECRET }, path: '/stringData' },
      { op: 'replace', path: '/metadata/labels/a', value: 'kept' },
    ]
    const text = recordOn('secrets', { verb: 'patch', requestObject: operations })
    expectMasked(text, ['audit.request.value'])
    expect(decode(text).event.event.original).toContain('"kept"')
  })

  test('in what kubectl applied last, and in JSON in JSON in JSON', () => {
    const once = {
      metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(manifest) } },
    }
    const path = 'audit.request.metadata.annotations.kubectl.kubernetes.io/last-applied-configuration.data'
    expectMasked(recordOn('secrets', { requestObject: once }), [path])
    expectMasked(recordOn('configmaps', { requestObject: once }), [path])
    const twice = { data: { 'list.json': JSON.stringify({ manifest: JSON.stringify([manifest]) }) } }
    expectMasked(recordOn('configmaps', { requestObject: twice }), ['audit.request.data.manifest.data'])
  })

  test('with its words written in escapes, by hand', () => {
    const text = recordOn('secrets', { verb: 'patch', requestObject: 'HERE' }).replace(
      '"HERE"',
      String.raw`{ "d\u0061ta" : { "p" :"${SECRET}" , "n": 7, "gone":null } }`,
    )
    const { event } = decode(text)
    expect(event.event.original).toBe(text.replace(SECRET, '[masked]').replace('7', '"[masked]"'))
  })

  test('in a body that is too deep to be read', () => {
    const deep = `${'{"a":'.repeat(5000)}{"data":{"x":"${SECRET}"}}${'}'.repeat(5000)}`
    const text = recordOn('secrets', { requestObject: 'HERE' }).replace('"HERE"', deep)
    const { event } = decode(text)
    expect(event.event.original).toBe(text.replace(SECRET, '[masked]'))
  })

  test('in an entry of Cloud Logging, which says its type in another place', () => {
    const entry = {
      insertId: 'i',
      protoPayload: {
        '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
        serviceName: 'k8s.io',
        methodName: 'io.k8s.core.v1.secrets.create',
        resourceName: 'core/v1/namespaces/shop/secrets/db',
        request: { '@type': 'core.k8s.io/v1.Secret', data: { password: SECRET } },
      },
    }
    expectMasked(JSON.stringify(entry), ['audit.request.data'])
  })

  test('in the message of an old API server that could not read it', () => {
    const message = `Secret in version "v1" cannot be handled: error found in #10 byte of ...|"x":"${SECRET}"|...`
    const text = recordOn('secrets', { responseStatus: { code: 400, message } })
    expect(JSON.stringify(decode(text))).not.toContain(SECRET)
    expect(decode(text).event.message).toBe('[masked]')
  })
})

describe('tokens', () => {
  test('that are asked about or made are nowhere', () => {
    const review = { kind: 'TokenReview', spec: { token: 'eyJhbGciOi' }, status: { user: { username: 'ci' } } }
    const text = recordOn('tokenreviews', { requestObject: review, responseObject: review })
    expectMasked(text, ['audit.request.spec.token', 'audit.response.spec.token'], 'eyJhbGciOi')
    expect(decode(text).event.audit?.response).toMatchObject({ status: { user: { username: 'ci' } } })
    const made = { kind: 'TokenRequest', spec: { expirationSeconds: 600 }, status: { token: 'eyJhbGciOi' } }
    expectMasked(
      recordOn('serviceaccounts/token', { responseObject: made }),
      ['audit.response.status.token'],
      'eyJhbGciOi',
    )
  })

  test('in the query of a URI are nowhere, and the rest of it stays', () => {
    const requestURI = '/api/v1/namespaces/a/services/b/proxy/?page=2&access_token=eyJhbGciOi&last=1'
    const text = recordOn('services/proxy', { verb: 'get', requestURI }).replaceAll('&', String.raw`\u0026`)
    expectMasked(text, ['url.query'], 'eyJhbGciOi')
    expect(decode(text).event['url']).toMatchObject({ query: 'page=2&access_token=[masked]&last=1' })
  })
})

describe('what holds no secret is left as it is', () => {
  test('configuration that only looks like one', () => {
    const pod = { kind: 'Pod', spec: { volumes: [{ secret: { secretName: 'db' } }], token: 'x' }, data: { a: 'b' } }
    expect(decode(recordOn('pods', { requestObject: pod })).masked).toBeUndefined()
    const map = { kind: 'ConfigMap', data: { about: 'a Secret"', token: 'kept' } }
    expect(decode(recordOn('configmaps', { requestObject: map })).event.audit?.request).toEqual(map)
  })

  test('a Secret of which only the names are recorded', () => {
    expect(decode(recordOn('secrets', {})).masked).toBeUndefined()
  })
})

test('a megabyte that hides secrets in secrets takes a moment', () => {
  const nested = (unit: string, end: string) => {
    const times = Math.floor((1 << 20) / (unit.length + end.length))
    return `${unit.repeat(times)}1${end.repeat(times)}`
  }
  const hostile = [
    nested('{"kind":"Secret","token":"a","data":', '}'),
    nested('{"token":1,"kind":"Secret","value":1,"path":"/data/","a":', '}'),
    nested('[', ']'),
    `[${'{"kind":"Secret"},'.repeat(50_000)}1]`,
    JSON.stringify('{"kind":"Secret","data":"'.repeat(40_000)),
    JSON.stringify('\\"{'.repeat(200_000)),
    JSON.stringify('?a=b&token=x'.repeat(80_000)),
    `{"data":{${Array.from({ length: 60_000 }, (_, n) => `"k${n}":${n}`).join(',')}},"kind":"Secret"}`,
  ]
  for (const body of hostile) {
    for (const [resource, field] of [
      ['secrets', 'requestObject'],
      ['pods', 'requestObject'],
      ['pods', 'requestURI'],
    ] as const) {
      const text = recordOn(resource, { [field]: 'HERE' }).replace('"HERE"', body)
      const startedMs = performance.now()
      expect(kubernetesAudit.decode(Buffer.from(text), { source: 's', now: 0 }).kind).toBeDefined()
      expect(performance.now() - startedMs, `${resource} ${body.slice(0, 40)}`).toBeLessThan(5_000)
    }
  }
})
