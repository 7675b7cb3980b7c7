import { expect, test } from 'vitest'

import { judgedVisibility } from '../query/visibility.ts'
import type { LogLeaf, LogMatches } from '../store/reads.ts'
import { runsOf, wholeRanges, withRecords } from './evidence-range.ts'

const HOUR = 3_600_000
const LOG = { origin: 'a/n1/x/2026-11', stream: 'x', size: 100 }
const TRAIL = { origin: 'a/n1/whodid/2026-11', stream: 'whodid', size: 50 }
const SEES_ALL = judgedVisibility(undefined, new Map())

/** A log that is opened at 0:00 and says something of itself every hour. */
const own: readonly LogLeaf[] = [
  { index: 0, action: 'log.opened', receivedMs: 0 },
  ...[1, 2, 3, 4].map((hour) => ({ index: 20 * hour, action: 'heartbeat', receivedMs: hour * HOUR })),
]

function rangesOf(match: Partial<LogMatches> | undefined, sinceMs?: number, untilMs?: number) {
  const run = {
    query: undefined,
    asOf: 1,
    ...(sinceMs !== undefined && { sinceMs }),
    ...(untilMs !== undefined && { untilMs }),
  }
  const found = match === undefined ? [] : [{ log: LOG.origin, events: 1, first: 50, last: 50, ...match }]
  const reads = { ownLeaves: () => Promise.resolve(own) }
  return wholeRanges(reads, run, found, [LOG, TRAIL], SEES_ALL, new AbortController().signal)
}

test('a range goes from the heartbeat before it to the one after it, so that counts tie out at both ends', async () => {
  const [log, trail] = await rangesOf({}, 2.5 * HOUR, 2.7 * HOUR)

  expect(log).toEqual({ origin: LOG.origin, ranges: [{ from: 40, to: 61 }], events: 1 })
  expect(trail).toEqual({ origin: TRAIL.origin, ranges: [{ from: 40, to: 50 }], events: 0 })
})

test('without an edge it goes from the first leaf to the last', async () => {
  expect((await rangesOf({}))[0]?.ranges).toEqual([{ from: 0, to: 100 }])
  expect((await rangesOf({}, 2.5 * HOUR))[0]?.ranges).toEqual([{ from: 40, to: 100 }])
  expect((await rangesOf({}, undefined, 2.5 * HOUR))[0]?.ranges).toEqual([{ from: 0, to: 61 }])
})

test('a match that came earlier or later than the range stretches it', async () => {
  expect((await rangesOf({ first: 5, last: 50 }, 2.5 * HOUR, 2.7 * HOUR))[0]?.ranges).toEqual([{ from: 0, to: 61 }])
  expect((await rangesOf({ first: 50, last: 75 }, 2.5 * HOUR, 2.7 * HOUR))[0]?.ranges).toEqual([{ from: 40, to: 81 }])
  expect((await rangesOf({ first: 50, last: 99 }, 2.5 * HOUR, 2.7 * HOUR))[0]?.ranges).toEqual([{ from: 40, to: 100 }])
})

test('a log without a match is left out, and the trail where nothing came within the range', async () => {
  expect((await rangesOf(undefined, 2.5 * HOUR)).map(({ origin }) => origin)).toEqual([TRAIL.origin])
  expect(await rangesOf(undefined, 5 * HOUR)).toEqual([])
})

test('neighbours in a selection are one run, and a record of an erasure stands beside what is taken', () => {
  expect(runsOf([1, 2, 3, 7, 9, 10])).toEqual([
    { from: 1, to: 4 },
    { from: 7, to: 8 },
    { from: 9, to: 11 },
  ])
  const logs = [{ origin: 'a', ranges: [{ from: 0, to: 5 }], events: 2 }]
  const records = [
    { log: 'a', index: 9 },
    { log: 'a', index: 5 },
    { log: 'a', index: 3 },
    { log: 'b', index: 4 },
  ]
  expect(withRecords(logs, records)).toEqual([
    {
      origin: 'a',
      ranges: [
        { from: 0, to: 6 },
        { from: 9, to: 10 },
      ],
      events: 2,
    },
    { origin: 'b', ranges: [{ from: 4, to: 5 }], events: 0 },
  ])
})
