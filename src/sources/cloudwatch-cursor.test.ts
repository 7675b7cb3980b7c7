import { expect, test } from 'vitest'
import { SeenEvents } from './cloudwatch-cursor.ts'

const NOW = Date.UTC(2026, 10, 24)

test('looks a little behind the newest event, and knows again what it has seen there, also after a restart', () => {
  const seen = new SeenEvents(60_000, undefined)
  expect(seen.fromMs).toBeUndefined()
  for (let n = 0; n < 100; n++) seen.add(`event-${n}`, NOW - 100_000 + n * 1000, NOW)
  seen.prune()
  const again = new SeenEvents(60_000, seen.format())
  for (const each of [seen, again]) {
    expect(each.fromMs).toBe(NOW - 61_000)
    expect([each.has('event-99'), each.has('event-39'), each.has('event-38'), each.has('another')]).toEqual([
      true,
      true,
      false,
      false,
    ])
  }
})

test('an event of the future does not move it beyond now', () => {
  const seen = new SeenEvents(60_000, undefined)
  seen.add('future', NOW + 3_600_000, NOW)
  seen.prune()
  expect(seen.fromMs).toBe(NOW - 60_000)
  expect(seen.has('future')).toBe(true)
})

test('remembers so many and no more, and asks for nothing that it may have forgotten', () => {
  const seen = new SeenEvents(60_000, undefined)
  for (let n = 0; n < 30_000; n++) seen.add(`event-${n}`, NOW - 30_000 + n, NOW)
  seen.prune()
  expect(seen.fromMs).toBe(NOW - 20_000 + 1)
  expect(seen.format().length).toBeLessThan(450_000)
})

test.each(['', 'x', '7', '{}', '{"newestMs":"soon","seen":7}', '{"newestMs":7}'])('%j is no cursor', (cursor) => {
  expect(new SeenEvents(60_000, cursor).fromMs).toBeUndefined()
})
