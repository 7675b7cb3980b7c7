import { expect, test } from 'vitest'
import { seeded } from '../../test/seeded.ts'
import { createSimulatedDisk } from '../../test/simulated-disk.ts'
import { createFeed } from './feed.ts'
import type { Frame } from './frame.ts'
import { openJournal } from './journal.ts'
import type { Journal } from './journal.ts'

const clock = { now: () => 1000, later: () => ({ cancel() {} }) }
const aJournal = (fileBytes = 1000) =>
  openJournal({ files: createSimulatedDisk(seeded(1)).files, folder: '/j', install: 'acme', clock, fileBytes })
const append = (journal: Journal, events = 1) => journal.append([new Uint8Array(100)], events).durable

async function take(frames: AsyncIterator<Frame>, count: number): Promise<number[]> {
  const taken: number[] = []
  while (taken.length < count) {
    const next = await frames.next()
    if (next.done) break
    taken.push(next.value.frame)
  }
  return taken
}

test('gives what is there, then what comes', async () => {
  const journal = await aJournal()
  await append(journal)
  const frames = createFeed(journal).follow(0, new AbortController().signal)[Symbol.asyncIterator]()
  expect(await take(frames, 1)).toEqual([1])

  const waiting = take(frames, 2)
  await append(journal)
  await append(journal)

  expect(await waiting).toEqual([2, 3])
})

test('gives only what is durable', async () => {
  const journal = await aJournal()
  const frames = createFeed(journal).follow(1, new AbortController().signal)[Symbol.asyncIterator]()
  let isDurable = false
  const durable = append(journal).then(() => (isDurable = true))
  await take(frames, 1)
  expect(isDurable).toBe(true)
  await durable
})

test('several followers, one slower than memory reaches, get every frame once and in order', async () => {
  const journal = await aJournal()
  const feed = createFeed(journal, 2000)
  const stop = new AbortController()
  const [fast, slow] = [1, 1].map((from) => feed.follow(from, stop.signal)[Symbol.asyncIterator]())
  if (!fast || !slow) throw new Error('two were asked for')
  const taken: number[] = []
  const slowly = await take(slow, 0)
  for (let n = 0; n < 50; n++) {
    await append(journal, n % 3)
    taken.push(...(await take(fast, 1)))
    if (n % 10 === 0) slowly.push(...(await take(slow, 1)))
  }
  slowly.push(...(await take(slow, 45)))
  const all = Array.from({ length: 50 }, (_, n) => n + 1)
  expect(taken).toEqual(all)
  expect(slowly).toEqual(all)
})

test('begins at a position, and holds it also for frames that are not written yet', async () => {
  const journal = await aJournal()
  for (let n = 0; n < 5; n++) await append(journal, 2)
  const feed = createFeed(journal)
  expect(await take(feed.follow(5, new AbortController().signal)[Symbol.asyncIterator](), 3)).toEqual([3, 4, 5])
  const ahead = take(feed.follow(11, new AbortController().signal)[Symbol.asyncIterator](), 1)
  await append(journal, 1)
  expect(await ahead).toEqual([6])
})

test('ends when it is told to, also while it waits', async () => {
  const journal = await aJournal()
  const stop = new AbortController()
  const frames = createFeed(journal).follow(0, stop.signal)[Symbol.asyncIterator]()
  const next = frames.next()
  stop.abort()
  expect(await next).toEqual({ done: true, value: undefined })
})

test('says so when the journal does not hold the position', async () => {
  const journal = await aJournal(300)
  for (let n = 0; n < 9; n++) await append(journal)
  await journal.trim(6, 1e9)
  const feed = createFeed(journal)
  const ask = (from: number) => feed.follow(from, new AbortController().signal)[Symbol.asyncIterator]().next()
  await expect(ask(1)).rejects.toMatchObject({
    code: 'damaged',
    message: expect.stringContaining('begins with') as string,
  })
  await expect(ask(11)).rejects.toMatchObject({
    code: 'damaged',
    message: expect.stringContaining('ends before') as string,
  })
})
