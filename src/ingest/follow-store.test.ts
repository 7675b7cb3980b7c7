import { expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { anEvent, aWritePath, type AWritePath } from '../../test/a-write-path.ts'
import { AuditError } from '../domain/errors.ts'
import { createFeed } from '../journal/feed.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { judgedVisibility } from '../query/visibility.ts'
import { encodeRows } from '../store/encode.ts'
import type { InsertBatch, Inserts } from '../store/insert.ts'
import { openStore } from '../store/store.ts'
import { createStoreFollower, type StoreFollower, type StoreFollowerDeps } from './follow-store.ts'
import { eventsOf, parsePayload } from './payload.ts'

const LOG = 'acme/n1/default/2026-11'
const hasty: Clock = { now: () => systemClock.now(), later: (ms, call) => systemClock.later(ms / 100, call) }

test('an insert is whole frames of one log, not more than ten thousand rows, none left out and none twice', async () => {
  const path = await aPath()
  for (let n = 0; n < 11; n++) {
    await path.send(Array.from({ length: 1000 }, (_, each) => anEvent(`${n}-${each}`)))
    await path.writer.beat('stop')
  }
  const store = memoryStore()
  const { batches } = store
  await caughtUp(path, follow(path, store))

  expect(batches.length).toBeLessThan(20)
  const ends = new Set((await path.frames()).map(({ header, count }) => `${header.log} ${(header.first ?? 0) + count}`))
  for (const { log, first, last } of batches) {
    expect(last - first).toBeLessThan(10_000)
    expect(ends).toContain(`${log} ${last + 1}`)
  }
  for (const [log, indexes] of store.stored) expect(indexes, log).toEqual(indexes.map((_, n) => n))
  expect(store.stored.get(LOG)).toHaveLength(11_001 + 11)
})

test('goes on behind what the store has, also within a frame, and asks for nothing that it has', async () => {
  const path = await aPath()
  await path.send(Array.from({ length: 100 }, (_, n) => anEvent(n)))
  await path.send(Array.from({ length: 100 }, (_, n) => anEvent(100 + n)))
  const store = memoryStore({ [LOG]: 138 })
  await caughtUp(path, follow(path, store))
  expect(store.batches).toMatchObject([{ log: LOG, first: 138, last: 200 }])

  const again = memoryStore({ [LOG]: 500 })
  await caughtUp(path, follow(path, again))
  expect(again.batches).toEqual([])
})

test('rows that neither store nor journal have are told of, when they are passed over and at each later start', async () => {
  const path = await aPath()
  await path.send([anEvent(1), anEvent(2)])
  const begins = path.journal.nextFeed
  await path.send([anEvent(3)])
  const missing: unknown[] = []
  const onMissing = (log: string, events: number) => missing.push([log, events])
  // As after trimming: the journal begins behind what an empty store needs.
  const store = memoryStore()
  await caughtUp(path, follow(path, store, { resume: () => begins, onMissing }))
  expect(missing).toEqual([[LOG, 3]])
  expect(store.stored.get(LOG)).toEqual([3])

  await caughtUp(path, follow(path, store, { resume: () => begins, onMissing }))
  expect(missing).toEqual([
    [LOG, 3],
    [LOG, 3],
  ])
})

test.each([
  ['an engine that refuses every row', new AuditError('engine_failed', 'the engine refuses every row')],
  ['a thread that ended', new AuditError('busy', 'a seal thread ended while it worked')],
])('%s holds up the store only, until it is put right', async (_, reason) => {
  const path = await aPath()
  await path.send([anEvent(1)])
  const lines: string[] = []
  const store = memoryStore()
  let refusals = 3
  const insert = async (batch: InsertBatch): Promise<void> => {
    if (refusals-- > 0) throw reason
    await store.insert(batch)
  }
  await caughtUp(path, follow(path, { ...store, insert }, { log: (line) => lines.push(line) }))
  expect(lines).toHaveLength(3)
  expect(lines[0]).toContain(reason.message)
  expect(store.stored.get(LOG)).toEqual([0, 1])
})

test('until the store has said what it has, what the journal has let go of is searchable', async () => {
  const path = await aPath()
  await path.send([anEvent(1)])
  const asked = Promise.withResolvers<void>()
  const store = memoryStore()
  const positions = async () => {
    await asked.promise
    return store.positions()
  }
  const followed = follow(path, { ...store, positions }, { trimmedFeed: 0 })
  expect(followed.follower.asOf).toBe(0)
  asked.resolve()
  await caughtUp(path, followed)
})

test('what no waiting mends ends it', async () => {
  const path = await aPath()
  await path.send([anEvent(1)])
  const reason = new AuditError('locked', 'the folder of the engine is in use')
  const { running } = follow(path, { ...memoryStore(), insert: () => Promise.reject(reason) })
  await expect(running).rejects.toBe(reason)
})

test('says that it is searchable only once all logs have their rows', async () => {
  const path = await aPath()
  const store = memoryStore()
  const held = Promise.withResolvers<void>()
  const insert = async (batch: InsertBatch): Promise<void> => {
    if (batch.log.includes('/whodid/')) await held.promise
    await store.insert(batch)
  }
  await path.send([anEvent(1)])
  const firstOfTrail = path.journal.nextFeed
  await path.writer.beat('start')
  await path.send([anEvent(2)])
  const followed = follow(path, { ...store, insert })
  await expect.poll(() => store.stored.get(LOG)?.length).toBeGreaterThan(1)
  expect(followed.follower.asOf).toBeLessThan(firstOfTrail)
  held.resolve()
  await caughtUp(path, followed)
})

test('a server that dies between an insert and its answer stores nothing twice, whatever the next one cuts', async () => {
  const path = await aPath()
  for (let n = 0; n < 40; n++) await path.send([anEvent(`${n}-a`), anEvent(`${n}-b`), anEvent(`${n}-c`)])
  const folder = aFolder()
  for (const batchRows of [50, 7, 31, 10_000]) {
    // What it has inserted is in; the answer never comes, and the process is gone.
    const store = openStore({ folder, log: () => undefined })
    const { promise: inserted, resolve } = Promise.withResolvers<void>()
    const insert: Inserts['insert'] = async (batch, signal) => {
      await store.inserts.insert(batch, signal)
      resolve()
      await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('killed'))))
    }
    const { end, running } = follow(path, { ...store.inserts, insert }, { batchRows })
    await inserted
    end.abort()
    await running.catch(() => undefined)
    await store.close()
  }
  const store = openStore({ folder, log: () => undefined })
  onTestFinished(() => store.close())
  await caughtUp(path, follow(path, store.inserts, { batchRows: 13 }))
  expect((await store.inserts.positions()).get(LOG)).toMatchObject({ next: 121, rows: 121 })
  expect((await store.reads.countsByLog(judgedVisibility(undefined, new Map()))).get(LOG)).toBe(121)
})

function aPath(): Promise<AWritePath> {
  return aWritePath({ folder: aFolder() })
}

interface Followed {
  readonly follower: StoreFollower
  readonly running: Promise<void>
  readonly end: AbortController
}

function follow(path: AWritePath, inserts: Inserts, more: Partial<StoreFollowerDeps> = {}): Followed {
  const follower = createStoreFollower({
    feed: createFeed(path.journal),
    trimmedFeed: 0,
    resume: () => 1,
    inserts,
    rows: async (frames, from) => {
      const events = frames.flatMap((each) => eventsOf(parsePayload(each.payload, each.events), each.firstFeed))
      return encodeRows(events.filter(({ index }) => index >= from))
    },
    clock: hasty,
    onRefused: (event) => expect.unreachable(event.leaf),
    onMissing: (log, events) => expect.unreachable(`${log} lacks ${events}`),
    log: () => undefined,
    ...more,
  })
  const end = new AbortController()
  const running = follower.run(end.signal)
  running.catch(() => undefined)
  onTestFinished(() => end.abort())
  return { follower, running, end }
}

async function caughtUp(path: AWritePath, { follower, end, running }: Followed): Promise<void> {
  const there = expect.poll(() => follower.asOf, { timeout: 20_000 }).toBe(path.journal.durableFeed - 1)
  await Promise.race([there, running])
  end.abort()
  await running.catch(() => undefined)
}

/** A store that keeps which rows it was given. @param has how many rows of a log it has from the beginning. */
function memoryStore(has: Readonly<Record<string, number>> = {}) {
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
  const stored = new Map(Object.entries(has).map(([log, count]) => [log, numbers(count)]))
  if (has[LOG] !== undefined) stored.set('acme/n1/whodid/2026-11', numbers(1000))
  const batches: InsertBatch[] = []
  return {
    stored,
    batches,
    positions: async () =>
      new Map([...stored].map(([log, own]) => [log, { next: (own.at(-1) ?? -1) + 1, rows: own.length, feed: 0 }])),
    async insert(batch: InsertBatch) {
      batches.push(batch)
      const indexes = (await batch.events()).map(({ index }) => index)
      expect([indexes[0], indexes.at(-1)]).toEqual([batch.first, batch.last])
      stored.set(batch.log, [...(stored.get(batch.log) ?? []), ...indexes])
    },
  }
}
