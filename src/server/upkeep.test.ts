import { expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { anEvent, aWritePath } from '../../test/a-write-path.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { hourOf } from '../ingest/hours.ts'
import { Closers } from './closers.ts'
import { startUpkeep } from './upkeep.ts'

const TEN = Date.UTC(2026, 10, 20, 10, 30)
const HOUR = 3_600_000
const TRIM_MS = 15_000

test('accounts of hours are saved before the books are, let go of when they have ended, and not counted twice', async () => {
  const clock = manualClock(TEN)
  const folder = aFolder()
  const path = await aWritePath({ folder, clock })
  const closers = new Closers()
  onTestFinished(() => closers.close())
  const pipeline = { writer: path.writer, passedFeed: () => 0, admission: { close: () => undefined } }
  const fatal = (error: unknown): never => expect.unreachable(String(error))
  await startUpkeep({ foundation: path, pipeline, clock, fatal, log: () => undefined }, closers)
  const saved = () =>
    path.state.hourAccounts
      .read('api', 0, hourOf(TEN) + 100)
      .map(({ hour, accounting }) => [hour - hourOf(TEN), accounting.kept])

  await path.send([anEvent(1)])
  clock.advance(TRIM_MS)
  await expect.poll(saved).toEqual([[0, 1]])
  await path.send([anEvent(2)])
  clock.advance(3 * HOUR)
  await path.send([anEvent(3)])
  clock.advance(TRIM_MS)
  await expect.poll(saved).toEqual([
    [0, 2],
    [3, 1],
  ])
  const inMemory = () => path.memory.books.hours.filter(({ source }) => source === 'api')
  await expect.poll(() => inMemory().map(({ hour }) => hour - hourOf(TEN))).toEqual([3])
  await closers.close()
  await path.close()

  const again = await aWritePath({ folder, clock })
  const replayed = again.memory.books.hours.filter(({ source }) => source === 'api')
  expect(replayed.map(({ hour, accounting }) => [hour - hourOf(TEN), accounting.kept])).toContainEqual([3, 1])
  expect(again.memory.books.of('api').kept).toBe(3)
})
