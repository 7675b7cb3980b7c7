import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { faultyFiles } from '../../test/faulty-files.ts'
import { seeded } from '../../test/seeded.ts'
import { createSimulatedDisk } from '../../test/simulated-disk.ts'
import type { Files } from '../lib/files.ts'
import { realFiles } from '../lib/real-files.ts'
import type { Frame } from './frame.ts'
import { openJournal } from './journal.ts'
import type { Journal, JournalOptions } from './journal.ts'

const FOLDER = '/data/journal'
const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const aDisk = () => createSimulatedDisk(seeded(1)).files

function open(files: Files, options: Partial<JournalOptions> = {}): Promise<Journal> {
  const clock = { now: () => 1000, later: () => ({ cancel() {} }) }
  return openJournal({ files, folder: FOLDER, install: 'acme', clock, ...options })
}

async function texts(frames: AsyncIterable<Frame>): Promise<string[]> {
  const all: string[] = []
  for await (const { frame, firstFeed, events, payload } of frames) {
    all.push(`${frame}: ${firstFeed}+${events} ${textOf(payload)}`)
  }
  return all
}

/** Appends one frame for each number of events and waits until all are durable. */
async function fill(journal: Journal, events: readonly number[]): Promise<void> {
  await Promise.all(events.map((count) => journal.append([bytesOf('payload-'), bytesOf(`${count}`)], count).durable))
}

async function edit(files: Files, path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await files.replace(path, change(Buffer.from((await files.read(path)) ?? [])))
}

const FIRST_FILE = join(FOLDER, '0000000000000001.wdj')

test('numbers frames and events at once, in the order of the calls', async () => {
  const journal = await open(aDisk())
  const appended = [2, 0, 3].map((events) => journal.append([bytesOf('x')], events))

  expect(appended.map(({ frame, firstFeed }) => [frame, firstFeed])).toEqual([
    [1, 1],
    [2, 3],
    [3, 3],
  ])
  expect([journal.nextFrame, journal.nextFeed, journal.durableFeed]).toEqual([4, 6, 1])
  await appended[2]?.durable
  expect([journal.durableFrame, journal.durableFeed, journal.waitingBytes]).toEqual([4, 6, 0])
})

test('syncs all that waits at once', async () => {
  const files = aDisk()
  let syncs = 0
  const counting: Files = {
    ...files,
    async open(path) {
      const file = await files.open(path)
      const sync = () => ((syncs += 1), file.sync())
      return { ...file, sync }
    },
  }
  const journal = await open(counting)
  await fill(
    journal,
    Array.from({ length: 500 }, () => 1),
  )
  expect(syncs).toBe(1)
})

test('gives back what was appended, also after it was closed and opened, and goes on counting', async () => {
  const files = aDisk()
  const journal = await open(files)
  await fill(journal, [2, 0])
  await journal.close()

  const again = await open(files)
  await fill(again, [1])

  expect(await texts(again.read(0))).toEqual(['1: 1+2 payload-2', '2: 3+0 payload-0', '3: 3+1 payload-1'])
  expect(() => journal.append([], 1)).toThrow('closed')
})

test('does the same on a real disk', async () => {
  const folder = join(await mkdtemp(join(tmpdir(), 'journal-')), 'journal')
  const journal = await open(realFiles, { folder, fileBytes: 500 })
  for (let n = 0; n < 20; n++) await fill(journal, [n])
  await journal.trim(50, 1e9)
  await journal.close()
  await appendFile(join(folder, (await readdir(folder)).at(-1) ?? ''), 'torn')

  const again = await open(realFiles, { folder, fileBytes: 500 })
  await fill(again, [7])
  const found = await texts(again.read(0))
  await again.close()
  await rm(dirname(folder), { recursive: true })

  expect(found.slice(-2)).toEqual(['20: 172+19 payload-19', '21: 191+7 payload-7'])
  expect(found.length).toBeLessThan(21)
  expect(again.oldestFeed).toBeLessThanOrEqual(50)
})

test('reads from the frame that holds a feed number, or from frames without events that follow', async () => {
  const journal = await open(aDisk(), { fileBytes: 200 })
  await journal.append([], 3).durable
  for (const events of [0, 0, 2, 1]) await fill(journal, [events])
  const framesFrom = async (feed: number) => (await texts(journal.read(feed))).map((text) => Number(text.split(':')[0]))

  expect(await framesFrom(1)).toEqual([1, 2, 3, 4, 5])
  expect(await framesFrom(3)).toEqual([1, 2, 3, 4, 5])
  expect(await framesFrom(4)).toEqual([2, 3, 4, 5])
  expect(await framesFrom(5)).toEqual([4, 5])
  expect(await framesFrom(6)).toEqual([5])
  expect(await framesFrom(7)).toEqual([])
  expect((await texts(journal.readFrom(3)))[0]).toBe('3: 4+0 payload-0')
})

test('a frame larger than a file, and a group larger than one, are kept like all others', async () => {
  const files = aDisk()
  const journal = await open(files, { fileBytes: 300 })
  const large = 'y'.repeat(3 << 20)
  await Promise.all(['a', large, 'b', large].map((text) => journal.append([bytesOf(text)], 1).durable))
  await journal.close()

  const found: string[] = []
  for await (const { payload } of (await open(files)).read(0)) found.push(textOf(payload))
  expect(found).toEqual(['a', large, 'b', large])
})

test('removes whole old files once they are read and old enough, and never the last', async () => {
  const files = aDisk()
  let now = 0
  const clock = { now: () => (now += 10), later: () => ({ cancel() {} }) }
  const journal = await open(files, { fileBytes: 150, clock })
  for (let n = 0; n < 8; n++) await fill(journal, [1])
  const before = journal.sizeBytes

  await journal.trim(4, 1e9)
  const afterFeed = journal.oldestFeed
  await journal.trim(1e9, 50)
  const afterTime = journal.oldestFeed
  await journal.trim(1e9, 1e9)

  expect(afterFeed).toBeGreaterThan(1)
  expect(afterFeed).toBeLessThanOrEqual(4)
  expect(afterTime).toBeGreaterThan(afterFeed)
  expect(afterTime).toBeLessThan(journal.oldestFeed)
  expect(journal.sizeBytes).toBeLessThan(before)
  expect(await files.list(FOLDER)).toHaveLength(1)
  await journal.close()
  expect((await open(files)).nextFeed).toBe(9)
})

test.each(['no', 'half', 'yes'] as const)(
  'whichever write or sync fails (done: %s), what was acknowledged is there after a restart',
  async (applied) => {
    for (let at = 1, isReached = true; isReached; at++) {
      const files = aDisk()
      const faulty = faultyFiles(files, { at, applied })
      const acknowledged: number[] = []
      try {
        const journal = await open(faulty, { fileBytes: 250 })
        for (let n = 0; n < 6; n++) {
          const { frame, durable } = journal.append([bytesOf(`frame ${n + 1}`)], 1)
          await durable
          acknowledged.push(frame)
        }
        await journal.trim(4, 1e9)
        await journal.close()
      } catch (cause) {
        expect(cause).toMatchObject({ code: 'io_failed', message: expect.stringContaining('injected') as string })
      }
      isReached = faulty.changes() >= at

      const again = await open(files, { fileBytes: 250 })
      const found: string[] = []
      for await (const { frame, payload } of again.read(0)) {
        found.push(textOf(payload))
        expect(textOf(payload)).toBe(`frame ${frame}`)
      }
      const last = acknowledged.at(-1) ?? 0
      expect(again.nextFrame).toBeGreaterThan(last)
      const trimmed = again.oldestFeed - 1
      expect(trimmed).toBeLessThan(4)
      expect(found.slice(0, last - trimmed)).toEqual(acknowledged.slice(trimmed).map((frame) => `frame ${frame}`))
    }
  },
)

/** Changes that opening a new journal makes: the folder, and the file twice in six steps. Then come write, sync, write … */
const AFTER_OPENING = 13

test('begins a new file when told to, so that what was before it can go', async () => {
  const files = aDisk()
  const journal = await open(files)
  await fill(journal, [1, 1])
  journal.roll()
  expect(journal.newestFrame).toBe(1)
  await fill(journal, [1])
  expect([journal.oldestFrame, journal.newestFrame]).toEqual([1, 3])
  await fill(journal, [1])
  expect(journal.newestFrame).toBe(3)

  await journal.trim(4, 2000)

  expect(await texts(journal.read(1))).toEqual(['3: 3+1 payload-1', '4: 4+1 payload-1'])
  await journal.close()
  const again = await open(files)
  expect([again.oldestFrame, again.newestFrame]).toEqual([3, 3])
  await again.close()
})

test('once a sync failed it never writes again, and says so to all who wait', async () => {
  const files = aDisk()
  const journal = await open(faultyFiles(files, { at: AFTER_OPENING + 4, applied: 'no' }))
  const size = () => files.size(FIRST_FILE)
  await expect(
    (async () => {
      for (;;) await journal.append([bytesOf('x')], 1).durable
    })(),
  ).rejects.toMatchObject({ code: 'io_failed', hint: expect.stringContaining('must stop') as string })

  const before = await size()
  await expect(journal.failed).rejects.toThrow('the journal has failed')
  expect(() => journal.append([bytesOf('x')], 1)).toThrow('the journal has failed')
  expect(await size()).toBe(before)
})

test.each([
  ['ENOSPC', 'disk_full', 'free space'],
  ['EDQUOT', 'disk_full', 'free space'],
  ['EROFS', 'io_failed', 'read-only'],
  ['EACCES', 'io_failed', 'owner and mode'],
  ['EIO', 'io_failed', 'kernel log'],
] as const)('%s while it writes or opens is %s, names the file, and says what to do', async (errno, code, hint) => {
  const expected = { code, message: expect.stringContaining(FOLDER) as string }
  const writing = await open(faultyFiles(aDisk(), { at: AFTER_OPENING + 3, applied: 'half', errno }))
  await writing.append([bytesOf('x')], 1).durable
  await expect(writing.append([bytesOf('x')], 1).durable).rejects.toMatchObject(expected)
  await expect(writing.failed).rejects.toMatchObject({ hint: expect.stringContaining(hint) as string })
  await expect(open(faultyFiles(aDisk(), { at: 3, applied: 'no', errno }))).rejects.toMatchObject({
    ...expected,
    hint: expect.stringContaining(hint) as string,
  })
})

async function threeFrames(): Promise<{ files: Files; size: number; frameBytes: number }> {
  const files = aDisk()
  const journal = await open(files)
  const empty = journal.sizeBytes
  for (let n = 0; n < 3; n++) await fill(journal, [1])
  await journal.close()
  return { files, size: journal.sizeBytes, frameBytes: (journal.sizeBytes - empty) / 3 }
}

test('cuts a torn tail, wherever it is torn', async () => {
  for (let missing = 1; ; missing++) {
    const { files, size, frameBytes } = await threeFrames()
    if (missing > frameBytes) break
    await edit(files, FIRST_FILE, (bytes) => bytes.subarray(0, size - missing))
    const journal = await open(files)
    expect(journal.nextFrame).toBe(3)
    await fill(journal, [5])
    expect(await texts(journal.read(0))).toEqual(['1: 1+1 payload-1', '2: 2+1 payload-1', '3: 3+5 payload-5'])
  }
})

test('cuts zeros and half-written frames at the end', async () => {
  const { files, size } = await threeFrames()
  await edit(files, FIRST_FILE, (bytes) => Buffer.concat([bytes, Buffer.alloc(5000)]))
  expect((await open(files)).nextFrame).toBe(4)
  await edit(files, FIRST_FILE, (bytes) => bytes.fill(0, size - 20))
  expect((await open(files)).nextFrame).toBe(3)
})

test('any flipped byte but in the last frame is damage that names file and offset', async () => {
  const { size, frameBytes, files } = await threeFrames()
  const whole = Buffer.from((await files.read(FIRST_FILE)) ?? [])
  for (let at = 0; at < size - frameBytes; at++) {
    await edit(files, FIRST_FILE, () => whole.map((byte, n) => (n === at ? byte ^ 4 : byte)) as Buffer)
    const begin = size - 3 * frameBytes
    const offset = at < begin ? 0 : at < begin + frameBytes ? begin : begin + frameBytes
    await expect(open(files)).rejects.toThrow(
      at >= 4 && at < 8 ? 'is of version' : `journal file ${FIRST_FILE} is damaged at byte ${offset}`,
    )
  }
})

test('a tail that a signed checkpoint covers is damage, not torn', async () => {
  const { files, size } = await threeFrames()
  await edit(files, FIRST_FILE, (bytes) => bytes.subarray(0, size - 1))
  const seen: string[] = []
  const holdsAllSigned = async (frames: AsyncIterable<Frame>) => {
    seen.push(...(await texts(frames)))
    return false
  }
  await expect(open(files, { holdsAllSigned })).rejects.toMatchObject({ code: 'damaged' })
  expect(seen).toEqual(['1: 1+1 payload-1', '2: 2+1 payload-1'])
  expect(await files.size(FIRST_FILE)).toBe(size - 1)
  expect((await open(files, { holdsAllSigned: () => Promise.resolve(true) })).nextFrame).toBe(3)
})

test('a text that looks like a frame is none: recovery is not misled by what somebody sent', async () => {
  const { files } = await threeFrames()
  const other = aDisk()
  const theirs = await open(other)
  for (let n = 0; n < 9; n++) await fill(theirs, [1])
  const frames = Buffer.from((await other.read(FIRST_FILE)) ?? []).subarray(48)
  const journal = await open(files)
  await journal.append([frames], 1).durable
  await journal.close()
  await edit(files, FIRST_FILE, (bytes) => bytes.subarray(0, -1))
  expect((await open(files)).nextFrame).toBe(4)
})

test('a broken frame in a file that is not the last is damage', async () => {
  const files = aDisk()
  const journal = await open(files, { fileBytes: 150 })
  for (let n = 0; n < 4; n++) await fill(journal, [1])
  await journal.close()
  for (const change of [(bytes: Buffer) => bytes.subarray(0, -1), (bytes: Buffer) => bytes.fill(9, bytes.length - 1)]) {
    const before = Buffer.from((await files.read(FIRST_FILE)) ?? [])
    await edit(files, FIRST_FILE, change)
    await expect(texts((await open(files)).read(0))).rejects.toThrow(`${FIRST_FILE} is damaged at byte`)
    await files.replace(FIRST_FILE, before)
  }
})

test('a file that is missing between two others is damage', async () => {
  const files = aDisk()
  const journal = await open(files, { fileBytes: 150 })
  for (let n = 0; n < 6; n++) await fill(journal, [1])
  await journal.close()
  const names = await files.list(FOLDER)
  await files.remove(join(FOLDER, names[1] ?? ''))
  await expect(texts((await open(files)).read(0))).rejects.toThrow('is missing')
})

test('refuses by name the journal of a newer version and of another install', async () => {
  const { files } = await threeFrames()
  await expect(open(files, { install: 'other' })).rejects.toMatchObject({
    code: 'invalid_config',
    message: `journal file ${FIRST_FILE} belongs to install acme, not other`,
  })
  await edit(files, FIRST_FILE, (bytes) => bytes.fill(2, 4, 5))
  await expect(open(files)).rejects.toMatchObject({
    code: 'unsupported_version',
    message: expect.stringContaining('version 2') as string,
  })
})
