import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { DurableFile, Files } from '../lib/files.ts'
import { encodeFrameHeader, FRAME_HEADER_BYTES, sizeOf } from './frame.ts'
import type { Frame } from './frame.ts'
import { createJournalFile } from './journal-file.ts'
import type { JournalFile } from './journal-file.ts'

export interface Writer {
  /** Number that the next event will get. The first is 1. */
  readonly nextFeed: number
  readonly nextFrame: number
  /** End (exclusive) of the feed numbers that are durable. */
  readonly durableFeed: number
  /** End (exclusive) of the frames that are durable. */
  readonly durableFrame: number
  /** Bytes that were appended and are not durable yet. */
  readonly waitingBytes: number
  /** Rejects once a write or sync has failed, never resolves. Nobody knows then what the disk holds: end the process. */
  readonly failed: Promise<never>
  /**
   * Appends a frame in this same synchronous step: the order of calls is the order of frames, and its numbers are known at
   * once. The payload must not change any more. `durable` resolves after the fdatasync that covers the frame, and rejects
   * when the journal failed before; the frame may be found after a restart all the same. Throws when it failed or is closed.
   */
  append(payload: readonly Uint8Array[], events: number): Appended
  /** Calls back with the frames of each group that became durable, in order. Returns a function that ends it. */
  onDurable(call: (frames: readonly Frame[]) => void): () => void
  /** What is appended from now on goes to a new file, so that the last one can be trimmed. */
  roll(): void
  /** Writes what was appended, then closes. */
  close(): Promise<void>
}

interface Appended {
  readonly frame: number
  readonly firstFeed: number
  readonly durable: Promise<void>
}

export interface WriterOptions {
  readonly files: Files
  readonly folder: string
  readonly install: string
  readonly clock: Clock
  /** A file that has this many bytes is followed by a new one. Default 64 MiB. */
  readonly fileBytes?: number
}

export interface WriterStart {
  /** The last of `list`, open for appending, all of it synced. */
  readonly file: DurableFile
  readonly nextFrame: number
  readonly nextFeed: number
}

/** The appending half of the journal: one group after the other, each one writev and one fdatasync. Adds to `list`. */
export function createWriter(options: WriterOptions, list: JournalFile[], start: WriterStart): Writer {
  const { files, folder, install, clock, fileBytes = DEFAULT_FILE_BYTES } = options
  const failure = Promise.withResolvers<never>()
  // Whoever waits for it hears of it; nobody has to.
  failure.promise.catch(() => undefined)
  const listeners = new Set<(frames: readonly Frame[]) => void>()
  let { file, nextFrame, nextFeed } = start
  let durableFrame = nextFrame
  let durableFeed = nextFeed
  let waiting: Waiting[] = []
  let waitingBytes = 0
  let writing: Promise<void> | undefined
  let refusal: AuditError | undefined
  /** Frames from this one on are for a new file. */
  let rollAt = 0

  function append(payload: readonly Uint8Array[], events: number): Appended {
    if (refusal) throw refusal
    const bytes = FRAME_HEADER_BYTES + sizeOf(payload)
    if (bytes > MAX_FRAME_BYTES) throw new AuditError('too_large', `a journal frame of ${bytes} bytes is too large`)
    const { promise: durable, resolve, reject } = Promise.withResolvers<void>()
    durable.catch(() => undefined)
    const appended = { frame: nextFrame, firstFeed: nextFeed, durable, events, payload, bytes, resolve, reject }
    waiting.push(appended)
    waitingBytes += bytes
    nextFrame += 1
    nextFeed += events
    writing ??= writeWaiting()
    return appended
  }

  /** What is appended while one group is written and synced makes the next. */
  async function writeWaiting(): Promise<void> {
    // Lets all that is appended in this same step join the first group.
    await Promise.resolve()
    while (waiting.length > 0) {
      const count = groupCount(waiting)
      const group = waiting.slice(0, count)
      waiting = waiting.slice(count)
      try {
        await writeGroup(group)
      } catch (cause) {
        fail(cause, group)
      }
    }
    writing = undefined
  }

  async function writeGroup(group: readonly Waiting[]): Promise<void> {
    const bytes = group.reduce((sum, each) => sum + each.bytes, 0)
    const target = await targetFor(group, bytes)
    const begin = target.durableBytes
    const parts = group.flatMap((each) => [
      encodeFrameHeader(target.mark, { ...each, durable: begin }),
      ...each.payload,
    ])
    // A crash before the sync may leave any part of the group: recovery keeps the whole frames before the first torn one.
    await file.append(parts)
    await file.sync()
    // From here on every frame of the group is found again after any crash.
    target.durableBytes += bytes
    waitingBytes -= bytes
    announce(group, target.path, begin)
  }

  /** The last file, or a new one when it is full. All frames of the old one are synced by then. */
  async function targetFor(group: readonly Waiting[], bytes: number): Promise<JournalFile> {
    const last = list.at(-1)
    const [first] = group
    if (!last || !first) throw new AuditError('internal', 'a journal has at least one file, a group one frame')
    const isEmpty = last.durableBytes === last.headerBytes
    // A group may begin before that and end behind it: then the next one begins the file.
    const isRolled = last.firstFrame < rollAt && first.frame >= rollAt
    if (isEmpty || (!isRolled && last.durableBytes + bytes <= fileBytes)) return last
    const begin = { firstFrame: first.frame, firstFeed: first.firstFeed, createdMs: clock.now() }
    const next = await createJournalFile(files, folder, install, begin)
    // A crash from here on leaves a file without frames, which is a good last file.
    const full = file
    file = await files.open(next.path)
    list.push(next)
    await full.close()
    return next
  }

  function announce(group: readonly Waiting[], path: string, begin: number): void {
    let offset = begin
    const frames = group.map((each) => {
      const frame = asFrame(each, path, offset)
      offset += each.bytes
      durableFrame = each.frame + 1
      durableFeed = each.firstFeed + each.events
      return frame
    })
    for (const each of group) each.resolve()
    for (const call of listeners) call(frames)
  }

  function fail(cause: unknown, group: readonly Waiting[]): void {
    const known = cause instanceof AuditError ? cause : undefined
    const stop = 'the server must stop; at the next start it recovers from what is on the disk'
    const hint = known?.hint === undefined ? stop : `${known.hint}; ${stop}`
    const code = known?.code ?? 'io_failed'
    const said = cause instanceof Error ? cause.message : String(cause)
    refusal = new AuditError(code, `the journal has failed: ${said}`, { hint, cause })
    for (const each of [...group, ...waiting]) each.reject(refusal)
    waiting = []
    failure.reject(refusal)
  }

  return {
    get nextFeed() {
      return nextFeed
    },
    get nextFrame() {
      return nextFrame
    },
    get durableFeed() {
      return durableFeed
    },
    get durableFrame() {
      return durableFrame
    },
    get waitingBytes() {
      return waitingBytes
    },
    failed: failure.promise,
    append,
    onDurable(call) {
      listeners.add(call)
      return () => listeners.delete(call)
    },
    roll() {
      rollAt = nextFrame
    },
    async close() {
      refusal ??= new AuditError('io_failed', `the journal in ${folder} is closed`)
      await writing
      await file.close()
    },
  }
}

const DEFAULT_FILE_BYTES = 64 << 20
/** Bounds how long the first frame of a group waits for the others; a single frame may be larger. */
const GROUP_BYTES = 8 << 20
const MAX_FRAME_BYTES = 512 << 20

interface Waiting extends Appended {
  readonly events: number
  readonly payload: readonly Uint8Array[]
  readonly bytes: number
  resolve(): void
  reject(error: unknown): void
}

function groupCount(waiting: readonly Waiting[]): number {
  let bytes = 0
  const beyond = waiting.findIndex((each, n) => (bytes += each.bytes) > GROUP_BYTES && n > 0)
  return beyond < 0 ? waiting.length : beyond
}

function asFrame(appended: Waiting, file: string, offset: number): Frame {
  const { frame, firstFeed, events, payload } = appended
  const [only] = payload
  const bytes = payload.length === 1 && only ? only : Buffer.concat(payload)
  return { frame, firstFeed, events, payload: bytes, file, offset }
}
