import { expect, test } from 'vitest'
import { formatNamed } from './formats.ts'
import { decodeExample, exampleOf } from '../../test/format-fixtures.ts'

function rejected(text: string) {
  return decodeExample(formatNamed('bazel-remote'), Buffer.from(text))
}

const DIGEST = '6b3a55e0261b0304143f805a24924d0c1c44524821305f31d9277843b8a10f4e'

test('a line of HTTP says what was done with which entry of which store, from where', () => {
  const put = exampleOf('bazel-remote', 'http-put')
  expect(put?.category).toEqual(['file'])
  expect(put?.event).toMatchObject({
    '@timestamp': '2026-11-20T13:03:22.000Z',
    event: { action: 'write', category: ['file'], type: ['creation'], outcome: 'success' },
    source: { ip: '203.0.113.45' },
    audit: { resource: [{ type: 'ac', name: DIGEST, namespace: 'main' }] },
  })
  expect(exampleOf('bazel-remote', 'http-refused').event.event.outcome).toBe('failure')
  expect(exampleOf('bazel-remote', 'http-head').event.event.action).toBe('head')
})

test('a line of gRPC too, without an address', () => {
  expect(exampleOf('bazel-remote', 'grpc-ac-miss').event).toMatchObject({
    event: { action: 'read', outcome: 'failure', reason: 'NOT FOUND' },
    audit: { resource: [{ type: 'ac', name: DIGEST }] },
  })
  expect(exampleOf('bazel-remote', 'grpc-write').event).toMatchObject({
    event: { action: 'write', outcome: 'success' },
    audit: { resource: [{ type: 'cas', name: DIGEST }] },
  })
  expect(exampleOf('bazel-remote', 'grpc-read').event.source).toBeUndefined()
})

test('a time without a zone is in the zone of the source, and no time is the time of collecting', () => {
  const line = Buffer.from('2026/11/20 14:03:22  GET 200       127.0.0.1 /status')
  const context = { source: 's', now: 0, timezone: 'Europe/Berlin' }
  expect(formatNamed('bazel-remote').decode(line, context)).toMatchObject({
    events: [{ event: { '@timestamp': '2026-11-20T13:03:22.000Z' }, trust: [] }],
  })
  expect(formatNamed('bazel-remote').decode(line, { source: 's', now: 0 })).toMatchObject({
    events: [{ event: { '@timestamp': '2026-11-20T14:03:22.000Z' }, trust: ['time:zone-assumed'] }],
  })
  expect(exampleOf('bazel-remote', 'no-time').trust).toEqual(['time:collected'])
})

test('what is no access is refused by name', () => {
  expect(rejected('2026/11/20 14:03:22 Loaded 7 existing disk cache items.')).toMatchObject({ reason: 'unknown_kind' })
})
