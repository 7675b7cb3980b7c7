import { join } from 'node:path'
import { AuditError } from '../domain/errors.ts'
import type { Frame } from './frame.ts'
import { createJournalFile, FILE_NAME, openJournalFile } from './journal-file.ts'
import type { JournalFile } from './journal-file.ts'
import { damaged, readFrames } from './read.ts'
import { inspectTail, rewriteTail } from './recover.ts'
import { createWriter } from './writer.ts'
import type { Writer, WriterOptions } from './writer.ts'

/** What was acknowledged is in here. Everything else can be made from it, until it is trimmed. */
export interface Journal extends Writer {
  /** First feed number that is still here. */
  readonly oldestFeed: number
  /** First frames of the oldest and of the newest file. */
  readonly oldestFrame: number
  readonly newestFrame: number
  /** Bytes of all files. */
  readonly sizeBytes: number
  /**
   * Durable frames in order, from the first that holds or follows feed number `from`, to the durable end at the time it
   * gets there. From disk, with bounded memory. What was trimmed is silently not among them: see `oldestFeed`.
   */
  read(fromFeed: number): AsyncIterable<Frame>
  /** The same, from frame number `frame` on. */
  readFrom(frame: number): AsyncIterable<Frame>
  /** Files as they are now, oldest first, and how much of each is durable: whole frames. */
  files(): readonly { readonly path: string; readonly sizeBytes: number }[]
  /**
   * Removes whole files, oldest first, that everybody whose position is `feed` or more has read, and that were last written
   * before `olderThanMs` (milliseconds since 1970). The last file stays, so the numbers go on after a restart.
   */
  trim(feed: number, olderThanMs: number): Promise<void>
}

export interface JournalOptions extends WriterOptions {
  /**
   * Asked before a torn tail is cut, with all good frames before it: does every index that a signed checkpoint covers lie
   * in these frames or in the ledger's files? If not, the tail was durable once, and opening throws `damaged`.
   */
  readonly holdsAllSigned?: (frames: AsyncIterable<Frame>) => Promise<boolean>
}

/**
 * Opens the journal of a folder, or begins one. Recovers from whatever a crash left (docs/ledger.md, Journal files).
 * Throws `damaged` (naming file and offset) for what no crash explains, `unsupported_version`, `invalid_config` for
 * another install's. Only the last file is checked frame by frame; the others are as they are read.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { files, folder, install, clock } = options
  await files.makeFolder(folder)
  const list = await openFiles(options)
  if (list.length === 0) {
    const start = { firstFrame: 1, firstFeed: 1, createdMs: clock.now() }
    list.push(await createJournalFile(files, folder, install, start))
  }
  const last = newest(list)
  const { nextFrame, nextFeed } = await recover(options, list, last)
  const writer = createWriter(options, list, { file: await files.open(last.path), nextFrame, nextFeed })
  return createJournal(options, list, writer)
}

async function openFiles({ files, folder, install }: JournalOptions): Promise<JournalFile[]> {
  const list: JournalFile[] = []
  for (const name of await files.list(folder)) {
    const path = join(folder, name)
    // Left by a crash in the middle of `replace`.
    if (name.endsWith('.wdj.tmp')) await files.remove(path)
    if (FILE_NAME.test(name)) list.push(await openJournalFile(files, path, install))
  }
  return list
}

async function recover(options: JournalOptions, list: readonly JournalFile[], last: JournalFile) {
  const tail = await inspectTail(options.files, last)
  last.durableBytes = tail.goodBytes
  if (tail.goodBytes < tail.bytes.length && options.holdsAllSigned) {
    const frames = readFrames(
      options.files,
      () => list,
      oldest(list),
      () => true,
    )
    const isTorn = await options.holdsAllSigned(frames)
    if (!isTorn) throw damaged(last.path, tail.goodBytes, 'a signed checkpoint covers what is missing there')
  }
  await rewriteTail(options.files, last, tail)
  return tail
}

function createJournal({ files, folder }: JournalOptions, list: JournalFile[], writer: Writer): Journal {
  let trimmed = Promise.resolve()

  async function trim(feed: number, olderThanMs: number): Promise<void> {
    for (let [first, next] = list; first && next; [first, next] = list) {
      // When `feed` is just where the next file begins, frames without events may still wait at the end of this one.
      // The next file was begun when this one was written for the last time.
      if (next.firstFeed >= feed || next.createdMs >= olderThanMs) return
      list.shift()
      try {
        await files.remove(first.path)
        // Before the next removal: a crash must not bring back this file without the one behind it.
        await files.syncFolder(folder)
      } catch (cause) {
        list.unshift(first)
        throw cause
      }
    }
  }

  function read(isBefore: (file: JournalFile) => boolean, isWanted: Parameters<typeof readFrames>[3]) {
    return readFrames(files, () => list, list.findLast(isBefore) ?? oldest(list), isWanted)
  }

  const reading: Omit<Journal, keyof Writer> = {
    get oldestFeed() {
      return oldest(list).firstFeed
    },
    get oldestFrame() {
      return oldest(list).firstFrame
    },
    get newestFrame() {
      return newest(list).firstFrame
    },
    get sizeBytes() {
      return list.reduce((sum, each) => sum + each.durableBytes, 0)
    },
    read: (from) =>
      read(
        (file) => file.firstFeed < from,
        (frame) => frame.firstFeed >= from || frame.firstFeed + frame.events > from,
      ),
    readFrom: (from) =>
      read(
        (file) => file.firstFrame <= from,
        ({ frame }) => frame >= from,
      ),
    files: () => list.map(({ path, durableBytes }) => ({ path, sizeBytes: durableBytes })),
    trim(feed, olderThanMs) {
      const done = trimmed.then(() => trim(feed, olderThanMs))
      trimmed = done.catch(() => undefined)
      return done
    },
  }
  // True: each property of the writer joins, numbers as the getters they are (a spread would copy today's values).
  return Object.defineProperties(reading, Object.getOwnPropertyDescriptors(writer)) as Journal
}

function oldest(list: readonly JournalFile[]): JournalFile {
  const [first] = list
  if (!first) throw new AuditError('internal', 'a journal has at least one file')
  return first
}

function newest(list: readonly JournalFile[]): JournalFile {
  return list.at(-1) ?? oldest(list)
}
