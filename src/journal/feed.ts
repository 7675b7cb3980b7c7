import { AuditError } from '../domain/errors.ts'
import type { Frame } from './frame.ts'
import type { Journal } from './journal.ts'

/** The live side of the journal: ledger, store and sinks each follow it from their own position. */
export interface Feed {
  /**
   * Durable frames in order, from the first that holds or follows feed number `fromFeed`, for ever, until `signal` aborts;
   * then it ends. 0 is the same as 1, the first number there is. Recent ones come from memory, older ones from disk, so a slow follower costs no memory. The frames are
   * shared: nobody may change their payload. Throws `damaged` when the journal does not hold what `fromFeed` asks for.
   */
  follow(fromFeed: number, signal: AbortSignal): AsyncIterable<Frame>
}

/** @param memoryBytes how much of the newest frames is kept in memory */
export function createFeed(journal: Journal, memoryBytes = 32 << 20): Feed {
  /** Newest last, without gaps. */
  const recent: Frame[] = []
  let recentBytes = 0
  const sleepers = new Set<() => void>()

  function wakeAll(): void {
    for (const wake of sleepers) wake()
    sleepers.clear()
  }

  journal.onDurable((frames) => {
    recent.push(...frames)
    for (const frame of frames) recentBytes += costOf(frame)
    let passed = 0
    for (const frame of recent) {
      if (recentBytes <= memoryBytes) break
      recentBytes -= costOf(frame)
      passed += 1
    }
    recent.splice(0, passed)
    wakeAll()
  })

  function isRecent(frame: number): boolean {
    const [first] = recent
    return first !== undefined && first.frame <= frame
  }

  async function* follow(position: number, signal: AbortSignal): AsyncGenerator<Frame> {
    const fromFeed = Math.max(1, position)
    checkPosition(journal, fromFeed)
    signal.addEventListener('abort', wakeAll)
    try {
      // Noted before reading: what becomes durable meanwhile comes from here on.
      let next = journal.durableFrame
      for await (const frame of journal.read(fromFeed)) {
        if (signal.aborted) return
        yield frame
        next = frame.frame + 1
        if (isRecent(next)) break
      }
      while (!signal.aborted) {
        const frame = recent[next - (recent[0]?.frame ?? next)]
        if (isRecent(next) && frame) {
          if (frame.firstFeed >= fromFeed || frame.firstFeed + frame.events > fromFeed) yield frame
          next += 1
        } else if (next < journal.durableFrame) {
          // So slow that memory has moved on.
          for await (const older of journal.readFrom(next)) {
            if (signal.aborted) return
            yield older
            next = older.frame + 1
            if (isRecent(next)) break
          }
        } else {
          await new Promise<void>((wake) => sleepers.add(wake))
        }
      }
    } finally {
      signal.removeEventListener('abort', wakeAll)
    }
  }

  return { follow }
}

/** What a frame weighs in memory beside its payload. */
const OVERHEAD_BYTES = 512

function costOf(frame: Frame): number {
  return frame.payload.length + OVERHEAD_BYTES
}

function checkPosition(journal: Journal, fromFeed: number): void {
  const hint = 'was a part of the data folder restored without the rest? put back all of it, from one backup'
  if (fromFeed < journal.oldestFeed) {
    const message = `event ${fromFeed} was asked for, but the journal begins with ${journal.oldestFeed}`
    throw new AuditError('damaged', message, { hint })
  }
  if (fromFeed > journal.nextFeed) {
    const message = `event ${fromFeed} was asked for, but the journal ends before ${journal.nextFeed}`
    throw new AuditError('damaged', message, { hint })
  }
}
