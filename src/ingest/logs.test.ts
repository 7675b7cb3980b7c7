import { expect, test } from 'vitest'
import { Logs, type Period } from './logs.ts'

const NOVEMBER = Date.UTC(2026, 10, 20)
const DECEMBER = Date.UTC(2026, 11, 1)
const DAY = 86_400_000

function logsOf(periodOf: (stream: string) => Period = () => 'month'): Logs {
  return new Logs({ install: 'acme', node: 'n1', periodOf })
}

test('a stream has one log a period, by the time of receipt in UTC', () => {
  const logs = logsOf()
  const first = logs.turn('a', NOVEMBER)
  expect(first).toMatchObject({ log: { origin: 'acme/n1/a/2026-11', next: 0 }, open: first.log })
  expect(first.close).toBeUndefined()
  expect(logs.turn('a', DECEMBER - 1)).toEqual({ log: first.log })

  const next = logs.turn('a', DECEMBER)
  expect(next).toMatchObject({ log: { origin: 'acme/n1/a/2026-12' }, open: next.log, close: first.log })
  expect(logs.previous('a')).toBe(first.log)
  expect(logs.open).toEqual([next.log])
})

test('streams end apart from each other', () => {
  const logs = logsOf((stream) => (stream === 'daily' ? 'day' : 'month'))
  logs.turn('a', NOVEMBER)
  logs.turn('daily', NOVEMBER)
  expect(logs.ended(NOVEMBER + DAY).map((log) => log.origin)).toEqual(['acme/n1/daily/2026-11-20'])
  expect(logs.ended(DECEMBER)).toHaveLength(2)
})

test('a log goes on through its period when that of its stream was changed', () => {
  const monthly = logsOf(() => 'day')
  monthly.restore('acme/n1/a/2026-11', 5, false)
  expect(monthly.turn('a', NOVEMBER).log.origin).toBe('acme/n1/a/2026-11')
  expect(monthly.turn('a', DECEMBER)).toMatchObject({ log: { origin: 'acme/n1/a/2026-12-01' }, close: { next: 5 } })

  const daily = logsOf()
  daily.restore('acme/n1/a/2026-11-20', 5, false)
  expect(daily.ended(NOVEMBER)).toEqual([])
  expect(daily.turn('a', DECEMBER).log.origin).toBe('acme/n1/a/2026-12')
})

test('what is restored goes on where it was, whether ledger or journal told of it first', () => {
  const logs = logsOf()
  // The ledger knows both; the journal still holds the end of the first and the beginning of the second.
  logs.restore('acme/n1/a/2026-11', 9, true)
  logs.restore('acme/n1/a/2026-12', 2, false)
  logs.restore('acme/n1/a/2026-11', 8, false, 1)
  logs.restore('acme/n1/a/2026-11', 9, true)
  logs.restore('acme/n1/a/2026-12', 1, false)
  logs.restore('acme/n1/a/2026-12', 4, false, 3)

  expect(logs.open).toMatchObject([{ origin: 'acme/n1/a/2026-12', next: 4, grown: 3 }])
  expect(logs.previous('a')).toMatchObject({ origin: 'acme/n1/a/2026-11', next: 9 })
})

test('a log has grown by what came since its last heartbeat', () => {
  const logs = logsOf()
  logs.restore('acme/n1/a/2026-11', 1, false, 0)
  logs.restore('acme/n1/a/2026-11', 4, false, 3)
  logs.restore('acme/n1/a/2026-11', 5, false, 'beaten')
  expect(logs.open).toMatchObject([{ next: 5, grown: 0 }])
  logs.restore('acme/n1/a/2026-11', 7, false, 2)
  expect(logs.open).toMatchObject([{ next: 7, grown: 2 }])
})

test('after a recovery every new log carries the generation, and none of an earlier one goes on', () => {
  const logs = new Logs({ install: 'acme', node: 'n1', generation: 2, periodOf: () => 'month' })
  logs.restore('acme/n1/a/2026-11', 7, false)
  logs.restore('acme/n1/b/2026-10', 5, true)
  expect(logs.open).toEqual([])

  const turn = logs.turn('a', NOVEMBER)
  expect(turn.log.origin).toBe('acme/n1/a/2026-11.2')
  expect(turn.close).toBeUndefined()
  expect(logs.previous('a')).toEqual({ origin: 'acme/n1/a/2026-11', next: 7 })
  expect(logs.turn('a', DECEMBER - 1)).toEqual({ log: turn.log })
  expect(logs.turn('a', DECEMBER).log.origin).toBe('acme/n1/a/2026-12.2')
  expect(logs.ended(DECEMBER)).toEqual([])
})

test('a log of this generation that is found at the start goes on, whatever is found after it', () => {
  const logs = new Logs({ install: 'acme', node: 'n1', generation: 10, periodOf: () => 'day' })
  logs.restore('acme/n1/a/2026-11-20.10', 3, false)
  logs.restore('acme/n1/a/2026-11-20.9', 40, false)
  logs.restore('acme/n1/a/2026-11-20', 50, false)
  expect(logs.open.map(({ origin, next }) => [origin, next])).toEqual([['acme/n1/a/2026-11-20.10', 3]])
  expect(logs.previous('a')).toEqual({ origin: 'acme/n1/a/2026-11-20.9', next: 40 })
  expect(logs.ended(NOVEMBER)).toEqual([])
  expect(logs.ended(NOVEMBER + DAY).map(({ origin }) => origin)).toEqual(['acme/n1/a/2026-11-20.10'])
})
