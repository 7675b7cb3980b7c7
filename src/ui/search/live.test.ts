import { expect, test } from 'vitest'
import type { AuditEvent } from '../../domain/event.ts'
import { MOST_WAITING, NOTHING_NEWER, received, released, withNewer } from './live.ts'

const event = (index: number, type: readonly string[] = []): AuditEvent => ({
  '@timestamp': new Date(Date.UTC(2026, 10, 21, 14) + index).toISOString(),
  event: { id: `e${index}`, outcome: type.length > 0 ? 'failure' : 'success', type },
  whodid: { log: 'acme/n1/sample/2026-11', index },
})
const indexes = (events: readonly AuditEvent[]): readonly (number | undefined)[] =>
  events.map((each) => each.whodid?.index)

test('puts a batch on top, newest first', () => {
  const newer = received(received(NOTHING_NEWER, [event(1), event(2)], false), [event(3)], false)
  expect(indexes(newer.shown)).toEqual([3, 2, 1])
  expect(newer.shownCounts.success).toBe(3)
})

test('moves nothing while the reader reads, and counts what waits', () => {
  const newer = received(NOTHING_NEWER, [event(1), event(2, ['denied'])], true)
  expect(newer).toMatchObject({ shown: [], waitingCount: 2, waitingDenied: 1 })
  const after = released(newer)
  expect(indexes(after.shown)).toEqual([2, 1])
  expect(after).toMatchObject({ waitingCount: 0, shownCounts: { denied: 1, success: 1 } })
})

test('takes an event once, also after a connection that was made anew', () => {
  const once = received(NOTHING_NEWER, [event(1), event(2)], false)
  expect(indexes(received(once, [event(2), event(3)], false).shown)).toEqual([3, 2, 1])
})

test('keeps no more than it must, and still says how many there are', () => {
  const many = Array.from({ length: MOST_WAITING + 50 }, (_, at) => event(at))
  const newer = received(NOTHING_NEWER, many, true)
  expect(newer.waiting).toHaveLength(MOST_WAITING)
  expect(newer.waitingCount).toBe(MOST_WAITING + 50)
})

test('counts shown events in the histogram too', () => {
  const histogram = withNewer([], received(NOTHING_NEWER, [event(1, ['denied'])], false))
  expect(histogram[0]?.counts.denied).toBe(1)
})
