import { expect, test } from 'vitest'
import { formatNamed } from './formats.ts'
import { decodeExample, exampleOf } from '../../test/format-fixtures.ts'

function rejected(text: string) {
  return decodeExample(formatNamed('cloudevents'), Buffer.from(text))
}

test('attributes have their places, source and id are the name', () => {
  const decoded = exampleOf('cloudevents', 'with-actor')
  expect(decoded?.naturalId).toBe('/shop/orders|A234-1234')
  expect(decoded?.event).toMatchObject({
    '@timestamp': '2026-11-20T14:03:22.125Z',
    event: { action: 'com.example.order.deleted', outcome: 'unknown', provider: '/shop/orders' },
    user: { kind: 'person', id: 'ines@example.com', email: 'ines@example.com' },
    audit: { resource: [{ type: 'subject', name: 'orders/2026-0117' }], request: { reason: 'duplicate' } },
    trace: { id: '4bf92f3577b34da6a3ce929d0e0e4736' },
    labels: { 'cloudevents.datacontenttype': 'application/json' },
  })
  expect(exampleOf('cloudevents', 'no-time').trust).toEqual(['time:collected'])
})

test('data of a known format is read as that, and its own name wins', () => {
  const decoded = exampleOf('cloudevents', 'kubernetes-in-data')
  expect(decoded?.naturalId).toBe('5f0c/ResponseComplete')
  expect(decoded?.event).toMatchObject({
    event: { action: 'delete', outcome: 'success' },
    user: { name: 'ines@example.com' },
    labels: { 'cloudevents.type': 'io.k8s.audit' },
  })
  expect(exampleOf('cloudevents', 'ecs-in-text').event.event.action).toBe('read')
})

test.each([
  ['{"specversion":"0.3","id":"1","source":"x","type":"y"}', 'unknown_kind'],
  ['{"specversion":"1.0","id":"1","source":"x"}', 'missing_field'],
  ['{"specversion":"1.0","id":7,"source":"x","type":"y"}', 'missing_field'],
])('%s is refused by name', (text, reason) => {
  expect(rejected(text)).toMatchObject({ kind: 'reject', reason })
})

test('each event of one record has a name of its own, and what became none is told', () => {
  const context = { source: 's', now: Date.UTC(2026, 10, 20, 14) }
  const eventOf = (data: unknown): Buffer =>
    Buffer.from(JSON.stringify({ specversion: '1.0', id: '7', source: '/web-1', type: 'x', data }))
  const line =
    'Nov 20 14:02:11 web-1 sshd[7]: message repeated 2 times: [ Failed password for ada from 192.0.2.1 port 5 ssh2]'
  const lines = formatNamed('cloudevents').configure?.({ data: 'auth-log' })
  expect(lines?.decode(eventOf(line), context)).toMatchObject({
    events: [{ naturalId: '/web-1|7' }, { naturalId: '/web-1|7/1' }],
  })

  const good = { auditID: '5f0c', stage: 'ResponseComplete', verb: 'get', requestURI: '/healthz' }
  const list = { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items: [good, { auditID: '5f0d' }] }
  const kubernetes = formatNamed('cloudevents').configure?.({ data: 'kubernetes-audit' })
  expect(kubernetes?.decode(eventOf(list), context)).toMatchObject({
    events: [{ naturalId: '5f0c/ResponseComplete' }],
    rejects: [{ reason: 'missing_field' }],
  })
})
