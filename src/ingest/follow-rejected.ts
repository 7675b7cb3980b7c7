import { AuditError } from '../domain/errors.ts'
import type { Feed } from '../journal/feed.ts'
import type { Frame } from '../journal/frame.ts'
import type { Journal } from '../journal/journal.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { KeptBytes, ReadUpTo } from '../state/rejected-records.ts'
import { parsePayload } from './payload.ts'
import { type RejectedRecord, rejectedOf } from './rejected.ts'
import type { RejectedDesk } from './rejected-desk.ts'

/** Takes what frames hold of rejected records to where it is kept (docs/decisions/rejected-records.md). */
export interface RejectedFollower {
  /** Works until `signal` aborts. Waits for its database as long as it takes: intake goes on meanwhile. */
  run(signal: AbortSignal): Promise<void>
  /** The journal may let go of everything before this feed number. */
  readonly passedFeed: number
}

export interface RejectedFollowerDeps {
  readonly feed: Feed
  readonly journal: Pick<Journal, 'oldestFeed' | 'nextFeed' | 'nextFrame' | 'durableFrame'>
  readonly desk: Pick<RejectedDesk, 'readUpTo' | 'add'>
  readonly clock: Clock
  readonly log: (message: string) => void
}

const BATCH_BYTES = 4 * 1024 * 1024
const BATCH_RECORDS = 1000
/** Frames without anything rejected that may be read again after a restart. */
const QUIET_FRAMES = 10_000
const RETRY_MS = 10_000
const SAY_AGAIN_MS = 60_000
/** More than a slice has records. */
const RECORDS_OF_FRAME = 1024

export function createRejectedFollower({ feed, journal, desk, clock, log }: RejectedFollowerDeps): RejectedFollower {
  /** What the database says: a restart goes on there. */
  let saved: ReadUpTo = { frame: 0, feed: 0 }
  /** Frames before it hold nothing that is not kept for good. */
  let passed: ReadUpTo = { frame: 0, feed: journal.oldestFeed }
  let saidMs = -Infinity
  let gone = 0

  /** What keeps it from its database may be put right while we run. */
  async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (signal.aborted || !(error instanceof AuditError)) throw error
        log(`rejected records wait in the journal; next try in ${RETRY_MS / 1000} s: ${error.message}`)
      }
      await pause(clock, RETRY_MS, signal)
      signal.throwIfAborted()
    }
  }

  async function keep(records: readonly NewRecord[], upTo: ReadUpTo, signal: AbortSignal): Promise<void> {
    gone += await patiently(() => desk.add(records, upTo, clock.now()), signal)
    // A crash before this line repeats records under the same ids: they are passed over.
    saved = upTo
    passed = upTo
    if (gone === 0 || clock.now() - saidMs < SAY_AGAIN_MS) return
    log(`${gone} rejected records had to go: there was no room for more of them, or they were too old`)
    saidMs = clock.now()
    gone = 0
  }

  /** Where to go on. A database that was put away, or put back, is read on from what the journal holds. */
  async function begin(signal: AbortSignal): Promise<void> {
    const place = (await patiently(() => desk.readUpTo(), signal)) ?? saved
    saved = { frame: Math.min(place.frame, journal.nextFrame), feed: Math.min(place.feed, journal.nextFeed) }
    passed = { ...saved, feed: Math.max(saved.feed, journal.oldestFeed) }
  }

  async function follow(signal: AbortSignal): Promise<void> {
    await begin(signal)
    const first = passed
    let batch: NewRecord[] = []
    for await (const frame of feed.follow(first.feed, signal)) {
      if (frame.frame < first.frame) continue
      batch.push(...recordsOf(frame))
      const upTo = { frame: frame.frame + 1, feed: frame.firstFeed + frame.events }
      const isNewest = upTo.frame >= journal.durableFrame
      if (batch.length === 0) {
        passed = upTo
        if (upTo.frame - saved.frame >= QUIET_FRAMES) await keep([], upTo, signal)
      } else if (isNewest || isLarge(batch)) {
        await keep(batch, upTo, signal)
        batch = []
      }
    }
  }

  return {
    async run(signal) {
      await follow(signal).catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
    },
    get passedFeed() {
      // Frames without an event have the feed number of the next one: the file that holds them must stay.
      return passed.frame >= journal.durableFrame ? passed.feed : passed.feed - 1
    },
  }
}

type NewRecord = Omit<KeptBytes, 'held'>

function isLarge(batch: readonly NewRecord[]): boolean {
  return batch.length >= BATCH_RECORDS || batch.reduce((sum, { bytes }) => sum + bytes.length, 0) >= BATCH_BYTES
}

function recordsOf(frame: Frame): readonly NewRecord[] {
  const { frame: number, payload, events } = frame
  return rejectedOf(parsePayload(payload, events)).map((record, n) => newRecord(record, number * RECORDS_OF_FRAME + n))
}

function newRecord({ source, received, format, note, bytes, ...more }: RejectedRecord, id: number): NewRecord {
  const { reason, message, path, bytes: _, whole = bytes.length, ...names } = note
  return {
    id,
    source,
    received,
    reason,
    message,
    path,
    format,
    whole,
    more: JSON.stringify({ ...more, ...names }),
    // A frame is shared: what is handed to another thread is a copy, not the whole frame.
    bytes: new Uint8Array(bytes),
  }
}
