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
