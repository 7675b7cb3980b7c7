import { describe, expect, test } from 'vitest'
import { cutEvent, eventTime, mergeEvent } from './blocks.ts'
import type { AuditEvent } from './event.ts'

const RECEIVED = '2026-11-22T09:41:34.000Z'
const STANDING = { log: 'acme/n1/kubernetes/2026-11', index: 7, stream: 'kubernetes' }

const deletion: AuditEvent = {
  '@timestamp': '2026-11-22T09:41:33.749459Z',
  event: { action: 'delete', dataset: 'kubernetes.audit', outcome: 'success', category: ['api'], original: '{"a":1}' },
  user: { name: 'alice', kind: 'person', target: { name: 'bob' } },
  source: { ip: '10.0.0.7' },
  user_agent: { original: 'kubectl/v1.31' },
  audit: { resource: [{ type: 'secret', name: 'db-password', namespace: 'prod' }] },
  whodid: { natural_id: 'a/b', parser: 'kubernetes-audit@1' },
}

describe('cutting an event into header and blocks', () => {
  test('puts each part into the block that is disclosed with it', () => {
    const { header, blocks } = cutEvent(deletion, RECEIVED)

    expect(header).toEqual({ t: '2026-11-22T09:41:33.749Z', d: 'kubernetes.audit', y: 'delete', o: 'success' })
    expect(blocks).toEqual([
      '{"user":{"name":"alice","kind":"person"}}',
      '{"source":{"ip":"10.0.0.7"},"user_agent":{"original":"kubectl/v1.31"}}',
      '{"user":{"target":{"name":"bob"}}}',
      '{"@timestamp":"2026-11-22T09:41:33.749459Z","event":{"category":["api"]},' +
        '"audit":{"resource":[{"type":"secret","name":"db-password","namespace":"prod"}]},' +
        '"whodid":{"natural_id":"a/b","parser":"kubernetes-audit@1"}}',
      '{"event":{"original":"{\\"a\\":1}"}}',
    ])
  })

  test('merging gives the event back, with what the leaf and the row add', () => {
    expect(cutAndMerge(deletion)).toEqual({
      ...deletion,
      event: { ...deletion.event, id: 'abc', ingested: RECEIVED },
      whodid: { ...deletion.whodid, source: 'prod-1', ...STANDING },
    })
  })

  test.each(['Übermut', 'has space', 'other', '', 'x'.repeat(65)])('keeps the action %j in full', (action) => {
    const { header } = cutEvent({ ...deletion, event: { ...deletion.event, action } }, RECEIVED)

    expect(header.y).toBe('other')
    expect(cutAndMerge({ ...deletion, event: { ...deletion.event, action } }).event.action).toBe(action)
  })

  test.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '2026-02-30T00:00:00Z', 'yesterday'])(
    'a time that no leaf can hold, %j, stays in the event and counts as received',
    (time) => {
      const event = cutAndMerge({ ...deletion, '@timestamp': time })

      expect(event['@timestamp']).toBe(time)
      expect(eventTime(event)).toBe(Date.parse(RECEIVED) * 1000)
    },
  )

  test('a record that is more than a day old on arrival is marked as imported', () => {
    expect(cutAndMerge({ ...deletion, '@timestamp': '2026-11-01T00:00:00.000Z' }).whodid?.imported).toBe(true)
  })

  test('keys that mean something to JavaScript stay plain keys', () => {
    const hostile = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"x":1}}') as object
    const event = cutAndMerge({ ...deletion, ...hostile, labels: { a: 'b' } })

    expect(Object.hasOwn(event, 'constructor')).toBe(true)
    expect(JSON.stringify(({} as { polluted?: boolean }).polluted)).toBe(undefined)
  })

  test('an event without an actor or a place has no such block', () => {
    const { blocks } = cutEvent({ '@timestamp': RECEIVED, event: { action: 'x' } }, RECEIVED)

    expect(blocks).toEqual([undefined, undefined, undefined, undefined, undefined])
  })
})

function cutAndMerge(event: AuditEvent): AuditEvent {
  const { header, blocks } = cutEvent(event, RECEIVED)
  return mergeEvent({ ...header, r: RECEIVED, s: 'prod-1', id: 'abc' }, blocks, STANDING)
}
