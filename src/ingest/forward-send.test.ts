import { expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { type ManualClock, manualClock } from '../../test/manual-clock.ts'
import { createFeed } from '../journal/feed.ts'
import { openJournal } from '../journal/journal.ts'
import { realFiles } from '../lib/real-files.ts'
import { type BatchHeader, type ForwardedRecord, parseBatch } from '../sources/forward-batch.ts'
import type { SourceRecord } from '../sources/source.ts'
import { ForwardCursors, forwardEmit, tagOf } from './forward-journal.ts'
import type { LinkAnswer, WriterLink } from './forward-link.ts'
import { createForwardSender, type Numbering } from './forward-send.ts'

const EPOCH = 4711
const SOURCE = { name: 'app', stream: 'default', authenticated: true }

/** A writer in memory: it takes numbers in order, and answers as told once. */
class FarWriter implements WriterLink {
  readonly taken = new Map<number, string[]>()
  readonly headers: BatchHeader[] = []
  readonly records: ForwardedRecord[] = []
  readonly sizes: number[] = []
  next: LinkAnswer | undefined

  position(epoch: number): Promise<LinkAnswer> {
    return Promise.resolve(this.#once() ?? { kind: 'taken', n: this.#of(epoch).length })
  }

  send(parts: readonly Uint8Array[]): Promise<LinkAnswer> {
    const answer = this.#once()
    if (answer !== undefined) return Promise.resolve(answer)
    const { header, frames } = parseBatch(Buffer.concat(parts))
    this.headers.push(header)
    this.records.push(...frames.flatMap(({ records }) => records))
    this.sizes.push(parts.reduce((sum, part) => sum + part.length, 0))
    const texts = this.#of(header.epoch)
    if (header.from - (header.lost ?? 0) > texts.length + 1) {
      return Promise.resolve({ kind: 'expects', n: texts.length })
    }
    for (let n = 0; n < (header.lost ?? 0); n++) texts.push('lost')
    const fresh = frames.flatMap(({ records }) => records).slice(texts.length - header.from + 1)
    texts.push(...fresh.map(({ bytes }) => Buffer.from(bytes).toString()))
    return Promise.resolve({ kind: 'taken', n: texts.length })
  }

  close(): void {
    // Nothing is open.
  }

  #of(epoch: number): string[] {
    const texts = this.taken.get(epoch) ?? []
    this.taken.set(epoch, texts)
    return texts
  }

  #once(): LinkAnswer | undefined {
    const answer = this.next
    this.next = undefined
    return answer
  }
}

async function aForwarder(far: FarWriter, options: { folder?: string; fileBytes?: number; acked?: number } = {}) {
  const { folder = aFolder(), fileBytes = 1 << 20, acked = 0 } = options
  const clock = manualClock()
  const journal = await openJournal({ files: realFiles, folder, install: 'web-1', clock, fileBytes })
  const cursors = new ForwardCursors()
  for await (const { frame, payload } of journal.readFrom(0)) cursors.enter(frame, tagOf(payload))
  const emit = forwardEmit(SOURCE, { journal, cursors, clock, refusal: () => undefined })
  const saved: Numbering[] = []
  const lines: string[] = []
  const sender = createForwardSender({
    journal,
    feed: createFeed(journal),
    link: far,
    host: 'web-1',
    numbering: { epoch: EPOCH, base: 0, acked },
    save: (numbering) => saved.push(numbering),
    newEpoch: () => EPOCH + 1,
    clock,
    log: (line) => lines.push(line),
  })
  const ended = new AbortController()
  let running: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    ended.abort()
    await running
    await journal.close()
  }
  let isStopped = false
  const stopOnce = (): Promise<void> => (isStopped ? Promise.resolve() : ((isStopped = true), stop()))
  onTestFinished(stopOnce)
  return {
    folder,
    clock,
    journal,
    cursors,
    sender,
    saved,
    lines,
    emit,
    take: (...texts: readonly string[]) => emit(texts.map(recordOf), { cursor: `after ${texts.at(-1)}` }),
    start(): void {
      running = sender.run(ended.signal)
      // Reported when it is stopped.
      running.catch(() => undefined)
    },
    stop: stopOnce,
  }
}

function recordOf(text: string): SourceRecord {
  return { bytes: Buffer.from(text), format: 'ecs' }
}

async function until(clock: ManualClock, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('records are sent in order under numbers from one on, and those that come later go on from there', async () => {
  const far = new FarWriter()
  const host = await aForwarder(far)
  await host.take('a', 'b')
  await host.take('c')
  host.start()
  await until(host.clock, () => host.sender.numbering.acked === 3)
  await host.take('d')
  await until(host.clock, () => host.sender.numbering.acked === 4)

  expect(far.taken.get(EPOCH)).toEqual(['a', 'b', 'c', 'd'])
  expect(far.headers.map(({ from }) => from)).toEqual([1, 4])
})

test('a frame that is larger than a batch goes in several', async () => {
  const far = new FarWriter()
  const host = await aForwarder(far)
  const texts = Array.from({ length: 25_000 }, (_, n) => `line ${n}`)
  await host.take(...texts)
  host.start()
  await until(host.clock, () => host.sender.numbering.acked === texts.length)

  expect(far.taken.get(EPOCH)).toEqual(texts)
  expect(far.headers.length).toBeGreaterThan(2)
})

test('a name of any length that a sender chose holds nothing up, and stays a name', async () => {
  const far = new FarWriter()
  const host = await aForwarder(far)
  const long = 'id'.repeat(5000)
  await host.emit([{ ...recordOf('a'), naturalId: long, fallbackId: long }], { idempotencyKey: 'key'.repeat(3000) })
  await host.emit([{ ...recordOf('b'), fallbackId: long }])
  await host.emit([{ ...recordOf('c'), fallbackId: `${long}c` }])
  await host.emit([{ ...recordOf('d'), fallbackId: long }])
  host.start()
  await until(host.clock, () => host.sender.numbering.acked === 4)

  expect(far.taken.get(EPOCH)).toEqual(['a', 'b', 'c', 'd'])
  const [, b, c, d] = far.records.map(({ fallbackId }) => fallbackId)
  expect(b).toMatch(/^sha256:/)
  expect([b === d, b === c]).toEqual([true, false])
})

test('a batch of many names is no larger than a writer takes', async () => {
  const far = new FarWriter()
  const host = await aForwarder(far, { fileBytes: 64 << 20 })
  const name = '\u0001'.repeat(500)
  const records = Array.from({ length: 10_000 }, () => ({ ...recordOf('a'), naturalId: name, fallbackId: name }))
  await host.emit(records)
  host.start()
  await until(host.clock, () => host.sender.numbering.acked === records.length)

  expect(Math.max(...far.sizes)).toBeLessThan(32 << 20)
})

test('what the writer had before a start is not sent again', async () => {
  const far = new FarWriter()
  const before = await aForwarder(far)
  await before.take('a', 'b')
  before.start()
  await until(before.clock, () => before.sender.numbering.acked === 2)
  await before.stop()
  // Nothing was saved: the writer knows what it has.
  const after = await aForwarder(far, { folder: before.folder })
  expect(after.cursors.cursor('app')).toBe('after b')
  await after.take('c')
  after.start()
  await until(after.clock, () => after.sender.numbering.acked === 3)

  expect(far.taken.get(EPOCH)).toEqual(['a', 'b', 'c'])
  expect(far.headers.map(({ from }) => from)).toEqual([1, 3])
})

test('it waits as long as it is told to, and says so once', async () => {
  const far = new FarWriter()
  const host = await aForwarder(far)
  await host.take('a')
  far.next = { kind: 'wait', why: 'it answers 429', afterMs: 5000 }
  const began = host.clock.now()
  host.start()
  await until(host.clock, () => host.sender.numbering.acked === 1)

  expect(host.clock.now() - began).toBeGreaterThanOrEqual(5000)
  expect(host.lines).toEqual([
    'the writer takes nothing, 1 records wait in the journal: it answers 429',
    'the writer takes records again',
  ])
})

test('what needs a person is tried again, and nothing is left out', async () => {
  const far = new FarWriter()
  const host = await aForwarder(far)
  host.start()
  far.next = { kind: 'refused', why: 'it answers 400' }
  await host.take('a')
  await until(host.clock, () => host.sender.numbering.acked === 1)

  expect(far.taken.get(EPOCH)).toEqual(['a'])
})

test('a writer that was set back gets again what is still there', async () => {
  const far = new FarWriter()
  const host = await aForwarder(far)
  await host.take('a', 'b', 'c')
  host.start()
  await until(host.clock, () => host.sender.numbering.acked === 3)
  far.taken.get(EPOCH)?.splice(1)
  await host.take('d')
  await until(host.clock, () => host.sender.numbering.acked === 4)

  expect(far.taken.get(EPOCH)).toEqual(['a', 'b', 'c', 'd'])
})

test('what a writer lacks and nobody has any more is declared as lost, and leaves a hole', async () => {
  const far = new FarWriter()
  const host = await aForwarder(far, { fileBytes: 2000 })
  for (let n = 0; n < 20; n++) await host.take('x'.repeat(1000))
  host.start()
  await until(host.clock, () => host.sender.numbering.acked === 20)
  await host.journal.trim(21, Infinity)
  const oldest = host.journal.oldestFeed
  expect(oldest).toBeGreaterThan(1)
  far.taken.clear()
  await host.take('y')
  await until(host.clock, () => far.taken.get(EPOCH)?.length === 21)

  const texts = far.taken.get(EPOCH) ?? []
  expect(texts.filter((text) => text === 'lost')).toHaveLength(oldest - 1)
  expect(texts.at(-1)).toBe('y')
  expect(host.lines.join('\n')).toContain(`${oldest - 1} records that the writer lacks`)
})

test('a folder that is an older copy of itself gets an epoch of its own, so that no record passes for another', async () => {
  const far = new FarWriter()
  far.taken.set(EPOCH, ['a', 'b', 'c', 'd'])
  // The copy was made after two; both records that it takes from here on have numbers that the writer knows.
  const host = await aForwarder(far, { acked: 1 })
  await host.take('a')
  await host.take('b')
  await host.stop()
  const copy = await aForwarder(far, { folder: host.folder, acked: 1 })
  await copy.take('not c')
  copy.start()
  await until(copy.clock, () => copy.sender.numbering.acked === 3)

  expect(copy.saved).toEqual([{ epoch: EPOCH + 1, base: 1, acked: 1 }])
  expect(far.taken.get(EPOCH + 1)).toEqual(['b', 'not c'])
  expect(copy.lines.join('\n')).toContain('this folder is an older copy of itself')
})

test('a record beyond the limit of decoders is cut one byte behind it', async () => {
  const far = new FarWriter()
  const host = await aForwarder(far, { fileBytes: 64 << 20 })
  await host.take('x'.repeat((4 << 20) + 500))
  host.start()
  await until(host.clock, () => host.sender.numbering.acked === 1)

  expect(far.taken.get(EPOCH)?.[0]).toHaveLength((4 << 20) + 1)
})
