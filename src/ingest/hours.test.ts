import { expect, test } from 'vitest'
import { anEvent, aWritePath, type AWritePath } from '../../test/a-write-path.ts'
import { aFolder } from '../../test/a-server.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { NOTHING } from '../domain/accounting.ts'
import { Books, type BooksSnapshot } from './books.ts'
import { byHour, hourOf, hourText } from './hours.ts'
import { eventsOf } from './payload.ts'

const HOUR = 3_600_000
const TEN = Date.UTC(2026, 10, 20, 10)

test('adds up accounts by source and hour of receipt, and names hours by their start', () => {
  const books = new Books()
  const enter = (frame: number, source: string, received: number) =>
    books.enter(frame, { source, received, accounting: { ...NOTHING, received: 2, kept: 1, duplicate: 1 } }, 1)
  enter(1, 'a', TEN)
  enter(2, 'b', TEN + HOUR - 1)
  enter(3, 'a', TEN + HOUR - 1)
  enter(4, 'a', TEN + HOUR)
  enter(3, 'a', TEN)
  expect(books.hours.map(({ hour, source, accounting }) => [hourText(hour), source, accounting.received])).toEqual([
    ['2026-11-20T10:00:00.000Z', 'a', 4],
    ['2026-11-20T10:00:00.000Z', 'b', 2],
    ['2026-11-20T11:00:00.000Z', 'a', 2],
  ])
  expect(Object.keys(byHour(books.hours))).toEqual(['2026-11-20T10:00:00.000Z', '2026-11-20T11:00:00.000Z'])
})

test('what is forgotten does not come back with a snapshot, and nothing is counted twice by a replay', () => {
  const frames = [TEN, TEN + HOUR, TEN + HOUR].map((received, n) => {
    return { frame: n + 1, header: { source: 'a', received, accounting: { ...NOTHING, received: 1, kept: 1 } } }
  })
  const books = new Books()
  for (const { frame, header } of frames.slice(0, 2)) books.enter(frame, header, 1)
  books.forgetHours(hourOf(TEN + HOUR))
  // We wrote it a moment ago.
  const again = new Books(JSON.parse(JSON.stringify(books.snapshot())) as BooksSnapshot)
  for (const { frame, header } of frames) again.enter(frame, header, 1)
  expect(again.hours.map(({ hour, accounting }) => [hour, accounting.received])).toEqual([[hourOf(TEN + HOUR), 2]])
})

test('heartbeats of our own stream tell the hour that it is, and once more the one before, as it ended', async () => {
  const clock = manualClock(TEN)
  const path = await aWritePath({ folder: aFolder(), clock })
  await path.send([anEvent(1)])
  await path.writer.beat('start')
  await path.send([anEvent(2), anEvent(1)])
  clock.advance(HOUR)
  await path.send([anEvent(3)])
  await path.writer.beat('due')
  clock.advance(60_000)
  await path.send([anEvent(4)])
  await path.writer.beat('due')

  const beats = (await told(path)).map(({ hours }) => byApi(hours))
  expect(beats).toEqual([
    { '2026-11-20T10:00:00.000Z': { received: 1, kept: 1, duplicate: 0 } },
    {
      '2026-11-20T10:00:00.000Z': { received: 3, kept: 2, duplicate: 1 },
      '2026-11-20T11:00:00.000Z': { received: 1, kept: 1, duplicate: 0 },
    },
    { '2026-11-20T11:00:00.000Z': { received: 2, kept: 2, duplicate: 0 } },
  ])
})

interface Told {
  readonly hours: Readonly<
    Record<string, Readonly<Record<string, { received: number; kept: number; duplicate: number }>>>
  >
}

/** What heartbeats of stream `whodid` say, in order. */
async function told(path: AWritePath): Promise<readonly Told[]> {
  const frames = await path.frames()
  return frames
    .filter(({ header }) => header.system === 'heartbeat' && header.log?.includes('/whodid/') === true)
    .flatMap((frame) => eventsOf(frame, 0))
    .map(({ blocks }) => (JSON.parse(blocks[3] ?? '{}') as { ledger: Told }).ledger)
}

function byApi(hours: Told['hours']) {
  return Object.fromEntries(
    Object.entries(hours).flatMap(([hour, { api }]) => {
      return api === undefined ? [] : [[hour, { received: api.received, kept: api.kept, duplicate: api.duplicate }]]
    }),
  )
}
