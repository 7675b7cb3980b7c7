import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Decoded, DecodedEvents } from './format.ts'
import { kubernetesAudit } from './kubernetes-audit.ts'
import { PARSE_LIMIT_BYTES } from './limits.ts'

function record(over: object = {}): object {
  return { kind: 'Event', auditID: 'a-1', stage: 'ResponseComplete', verb: 'get', requestURI: '/x?a=1', ...over }
}

/** As Go writes it: what is verbatim is so to the escape. */
const LINE = JSON.stringify(record()).replace('=', String.raw`\u003d`)

function decode(value: unknown): Decoded {
  const bytes =
    value instanceof Uint8Array ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  return kubernetesAudit.decode(bytes, { source: 'prod-1', now: 0 })
}

function eventsOf(value: unknown): DecodedEvents {
  const decoded = decode(value)
  if (decoded.kind === 'reject') throw new Error(`${decoded.reason}: ${decoded.message}`)
  return decoded
}

/** One event, with its own record as original and the name that it has by every way. */
function expectTheLine(value: unknown, line = LINE): void {
  const { events, rejects } = eventsOf(value)
  expect(rejects).toBeUndefined()
  expect(events).toHaveLength(1)
  expect(events[0]?.naturalId).toBe('a-1/ResponseComplete')
  expect(events[0]?.event.event.original).toBe(line)
  const { original: _, ...event } = events[0]?.event.event ?? {}
  const { original: _own, ...plain } = eventsOf(LINE).events[0]?.event.event ?? {}
  expect(event).toEqual(plain)
}

const document = (over: object = {}) => ({
  messageType: 'DATA_MESSAGE',
  owner: '111122223333',
  logGroup: '/aws/eks/prod-1/cluster',
  logStream: 'kube-apiserver-audit-0123',
  logEvents: [{ id: '1', timestamp: 1, message: LINE }],
  ...over,
})

describe('Amazon EKS', () => {
  test('a document of a CloudWatch subscription holds lines', () => {
    expectTheLine(document())
  })

  test('compressed, in base64, as Lambda gets it and as Firehose sends it: the same', () => {
    const compressed = gzipSync(JSON.stringify(document()))
    expectTheLine(compressed)
    expectTheLine(compressed.toString('base64'))
    expectTheLine({ awslogs: { data: compressed.toString('base64') } })
    expectTheLine({ requestId: 'r', timestamp: 1, records: [{ data: compressed.toString('base64') }] })
  })

  test('a plain line is what it is everywhere', () => {
    expectTheLine(LINE)
  })

  test('a message that only asks whether somebody is there is nothing', () => {
    const control = { messageType: 'CONTROL_MESSAGE', logStream: '', logEvents: [{ message: 'CWL CONTROL MESSAGE' }] }
    expect(decode(control)).toEqual({ kind: 'events', events: [] })
  })

  test('another log stream is refused by name', () => {
    expect(decode(document({ logStream: 'authenticator-0123' }))).toMatchObject({
      kind: 'reject',
      reason: 'unknown_kind',
      path: 'logStream',
    })
  })
})

describe('Azure AKS', () => {
  const log = (line: string, category = 'kube-audit') => ({ category, properties: { log: line, stream: 'stdout' } })

  test('records come in lists over Event Hubs, or alone', () => {
    expectTheLine({ records: [log(`${LINE}\n`)] }, `${LINE}\n`)
    expectTheLine(log(LINE, 'kube-audit-admin'))
  })

  test('another category is told, beside the events of the rest', () => {
    const { events, rejects } = eventsOf({ records: [log('I1120 text', 'cluster-autoscaler'), log(LINE), 7] })
    expect(events).toHaveLength(1)
    expect(rejects).toMatchObject([
      { reason: 'unknown_kind', path: 'category' },
      { reason: 'wrong_type', path: 'records' },
    ])
  })
})

describe('Google GKE', () => {
  const entry = (payload: object = {}, over: object = {}) => ({
    insertId: 'i-1',
    operation: { id: 'op-1', first: true, last: true },
    labels: { 'authorization.k8s.io/decision': 'allow' },
    protoPayload: {
      '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
      serviceName: 'k8s.io',
      methodName: 'io.k8s.apps.v1.deployments.scale.update',
      resourceName: 'apps/v1/namespaces/shop/deployments/web/scale',
      authenticationInfo: { principalEmail: 'ada@example.com' },
      requestMetadata: { callerIp: '192.0.2.7', callerSuppliedUserAgent: 'kubectl' },
      ...payload,
    },
    timestamp: '2026-11-20T14:00:00.123456789Z',
    ...over,
  })

  test('an entry is the event that the audit record behind it would be, and keeps itself as original', () => {
    const value = entry()
    const { events } = eventsOf(value)
    expect(events[0]).toMatchObject({
      naturalId: 'i-1/op-1',
      event: {
        '@timestamp': '2026-11-20T14:00:00.123456Z',
        event: { action: 'scale', outcome: 'success', original: JSON.stringify(value) },
        user: { kind: 'person', name: 'ada@example.com', email: 'ada@example.com' },
        source: { ip: '192.0.2.7' },
        audit: {
          resource: [{ type: 'deployment', name: 'web', namespace: 'shop' }],
          authz: { decision: 'allow', permission: 'update deployments.apps/scale' },
        },
        http: { request: { id: 'op-1' } },
      },
    })
  })

  test('a refusal has the HTTP status that its code stands for', () => {
    const info = { authorizationInfo: [{ granted: false }], status: { code: 7, message: 'no' } }
    expect(eventsOf(entry(info, { labels: {} })).events[0]?.event).toMatchObject({
      event: { outcome: 'failure', type: ['change', 'denied'] },
      audit: { authz: { decision: 'deny' } },
      http: { response: { status_code: 403 } },
      message: 'no',
    })
  })

  test('the two entries of a watch are two stages of one request', () => {
    const stageOf = (operation: object) => eventsOf(entry({}, { operation })).events[0]?.event['kubernetes']
    expect(stageOf({ id: 'op-1', first: true })).toMatchObject({ audit: { stage: 'ResponseStarted' } })
    expect(stageOf({ id: 'op-1', last: true })).toMatchObject({ audit: { stage: 'ResponseComplete' } })
  })

  test('names of groups, of things without a namespace, and of namespaces are told apart', () => {
    const resourceOf = (resourceName: string) => eventsOf(entry({ resourceName })).events[0]?.event.audit?.resource?.[0]
    expect(resourceOf('core/v1/nodes/n1')).toEqual({ type: 'node', name: 'n1' })
    expect(resourceOf('core/v1/namespaces/shop')).toEqual({ type: 'namespace', name: 'shop' })
    expect(resourceOf('core/v1/namespaces/shop/pods')).toEqual({ type: 'pod', namespace: 'shop' })
    expect(resourceOf('healthz')).toEqual({ type: 'url', name: '/healthz' })
  })

  test('an entry of another service is refused by name', () => {
    expect(decode(entry({ serviceName: 'container.googleapis.com' }))).toMatchObject({ reason: 'unknown_kind' })
  })

  test('it comes by a push of Pub/Sub as well', () => {
    const data = Buffer.from(JSON.stringify(entry())).toString('base64')
    const { events } = eventsOf({ message: { data, messageId: '1' }, subscription: 'projects/p/subscriptions/s' })
    expect(events[0]?.naturalId).toBe('i-1/op-1')
  })
})

describe('an envelope that is broken or a trap', () => {
  test('one bad item harms no other', () => {
    const items = [record(), { kind: 'Pod' }, record({ auditID: 'b' })]
    const { events, rejects } = eventsOf({ kind: 'EventList', items })
    expect(events.map(({ naturalId }) => naturalId)).toEqual(['a-1/ResponseComplete', 'b/ResponseComplete'])
    expect(rejects).toMatchObject([{ reason: 'unknown_kind' }])
  })

  test('half a compressed record, and a small one that grows without end, are refused', () => {
    const compressed = gzipSync(JSON.stringify(document()))
    expect(decode(compressed.subarray(0, 40))).toMatchObject({ kind: 'reject', reason: 'wrong_type' })
    const bomb = gzipSync(Buffer.alloc(PARSE_LIMIT_BYTES * 8))
    expect(decode(bomb)).toMatchObject({ kind: 'reject', reason: 'too_large' })
  })

  test('many that grow are refused together', () => {
    const large = gzipSync(`{"x":"${'x'.repeat(PARSE_LIMIT_BYTES - 20)}"}`).toString('base64')
    const startedMs = performance.now()
    expect(decode({ records: Array.from({ length: 500 }, () => ({ data: large })) }).kind).toBe('reject')
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })

  test('envelopes in envelopes end', () => {
    let nested: object = record()
    for (let n = 0; n < 12; n++) {
      nested = { awslogs: { data: gzipSync(JSON.stringify(nested)).toString('base64') } }
    }
    expect(decode(nested).kind).toBe('reject')
  })

  test('half a surrogate pair has no bytes to keep', () => {
    const text = JSON.stringify(document()).replace('a-1', String.raw`\ud800`)
    expect(decode(text)).toMatchObject({ reason: 'not_utf8', path: 'message' })
  })
})

describe('which address is believed', () => {
  const sourceIPs = ['203.0.113.9', '198.51.100.4', '10.0.0.1']
  const addressesAt = (trustedHops: number, addresses = sourceIPs) => {
    const format = kubernetesAudit.configure?.({ trustedHops }) ?? kubernetesAudit
    const decoded = format.decode(Buffer.from(JSON.stringify(record({ sourceIPs: addresses }))), {
      source: 's',
      now: 0,
    })
    const [first] = decoded.kind === 'events' ? decoded.events : []
    return [first?.event.source?.ip, first?.event.client?.ip, first?.trust?.[0]]
  }

  test('is the last one, and further ahead only as far as the configuration says', () => {
    expect(addressesAt(1)).toEqual(['10.0.0.1', '203.0.113.9', 'ip:last-hop'])
    expect(addressesAt(2)).toEqual(['198.51.100.4', '203.0.113.9', 'ip:trusted-hop'])
    expect(addressesAt(3)).toEqual(['203.0.113.9', undefined, 'ip:trusted-hop'])
    expect(addressesAt(9)).toEqual(['203.0.113.9', undefined, 'ip:trusted-hop'])
    expect(addressesAt(3, ['10.0.0.1'])).toEqual(['10.0.0.1', undefined, 'ip:last-hop'])
  })

  test('options that the format does not have are refused by name', () => {
    expect(() => kubernetesAudit.configure?.({ trustedHop: 2 })).toThrow(/kubernetes-audit.*trustedHop/)
    expect(() => kubernetesAudit.configure?.({ trustedHops: 0 })).toThrow(/trustedHops/)
  })
})

test('what the authenticator said of the user can be asked for by short names, but for the credential', () => {
  const extra = {
    'authentication.kubernetes.io/pod-name': ['web-0'],
    'authentication.kubernetes.io/credential-id': ['JTI=1'],
    'scopes.example': ['a', 'b'],
  }
  const { events } = eventsOf(record({ user: { username: 'system:serviceaccount:shop:web', extra } }))
  expect(events[0]?.event['kubernetes']).toMatchObject({
    audit: { user: { extra: { 'pod-name': ['web-0'], scopes_example: ['a', 'b'] } } },
  })
  expect(events[0]?.event.audit?.authn).toEqual({ method: 'token', credential_id: 'JTI=1' })
})

describe('what is kept of what was refused', () => {
  const SECRET = 'aHVudGVyMg=='
  const manifest = { kind: 'Secret', data: { password: SECRET } }
  const keptOf = (value: unknown): string => {
    const decoded = decode(value)
    const reject = decoded.kind === 'reject' ? decoded : decoded.rejects?.[0]
    return Buffer.from(reject?.bytes ?? []).toString('utf8')
  }

  test('holds no secret, and can be fed again as it is', () => {
    const text = JSON.stringify(record({ auditID: '', requestObject: manifest }))
    expect(keptOf(text)).toBe(text.replace(SECRET, '[masked]'))
  })

  test('is of an envelope only what became no event', () => {
    const items = [record({ requestObject: manifest }), { kind: 'Pod', n: 1 }, 7, { kind: 'Pod', data: SECRET }]
    expect(keptOf({ kind: 'EventList', items })).toBe(
      '{"kind":"EventList","items":[{"kind":"Pod","n":1},{"kind":"Pod","data":"[masked]"}]}',
    )
  })

  test('is of what is no JSON nothing behind its first body, and of broken gzip nothing', () => {
    const text = JSON.stringify(record({ requestObject: manifest }))
    expect(keptOf(text.slice(0, -1))).toBe(text.slice(0, text.indexOf('requestObject')))
    const compressed = gzipSync(text)
    expect(keptOf(compressed.subarray(0, -5))).toBe('')
    expect(keptOf(compressed.toString('base64').slice(0, -20))).toBe('')
  })

  test('is of a list in the cloud the record that was refused', () => {
    const wrong = { category: 'cluster-autoscaler', properties: { log: 'I1120 text' } }
    expect(keptOf({ records: [wrong] })).toBe(JSON.stringify(wrong))
  })
})
