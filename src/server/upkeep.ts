import { type Clock, pause } from '../lib/clock.ts'
import type { Journal } from '../journal/journal.ts'
import type { Admission } from './admission.ts'
import type { Closers } from './closers.ts'
import type { BooksSnapshot } from '../ingest/books.ts'
import { type HourAccount, hourOf } from '../ingest/hours.ts'
import { BOOKS, type Foundation } from './foundation.ts'
import type { Pipeline } from './pipeline.ts'

const BEAT_MS = 10_000
const TRIM_MS = 15_000
/** Frames younger than the duplicate window stay, since it is rebuilt from them. */
const WINDOW_MS = 600_000
/** 45 days. */
const KEPT_HOURS = 45 * 24

export interface UpkeepDeps {
  readonly foundation: Foundation
  readonly pipeline: Pick<Pipeline, 'writer' | 'passedFeed'> & { readonly admission: Pick<Admission, 'close'> }
  readonly clock: Clock
  readonly fatal: (error: unknown) => void
  readonly log: (message: string) => void
}

/** What happens by itself, now and then: heartbeats, ends of periods, and letting go of journal files. */
export async function startUpkeep(
  { foundation, pipeline, clock, fatal, log }: UpkeepDeps,
  closers: Closers,
): Promise<void> {
  const { journal, memory, state } = foundation
  const { writer, admission } = pipeline
  const ended = new AbortController()
  const savedHours = new WeakSet<object>()
  await writer.beat('start')
  await state.pendingTrail.drain((event) => writer.trail(event))
  // What it would have made durable never will be, so nobody may wait for it.
  journal.failed.catch(() => ended.abort())
  const loops = [every(BEAT_MS, () => writer.beat('due')), every(TRIM_MS, trim)]
  for (const loop of loops) loop.catch(fatal)
  closers.push(async () => {
    admission.close()
    ended.abort()
    await Promise.allSettled(loops)
    await writer.settled()
    await writer.beat('stop').catch((error: unknown) => log(`no last heartbeat: ${String(error)}`))
    // So that a journal that is shortened until the next start shows.
    const snapshot = memory.books.snapshot()
    if (journal.durableFrame >= snapshot.frame) keepBooks(snapshot, memory.books.hours)
  })

  async function every(ms: number, work: () => Promise<void>): Promise<void> {
    while (!ended.signal.aborted) {
      await pause(clock, ms, ended.signal)
      if (!ended.signal.aborted) await work()
    }
  }

  /** A journal file goes when ledger and store have it and it is older than the duplicate window. */
  async function trim(): Promise<void> {
    const snapshot = memory.books.snapshot()
    const { hours } = memory.books
    // Frames that are in the snapshot but not durable yet may never have been: wait for them.
    await durableUpTo(journal, snapshot.frame, ended.signal)
    if (ended.signal.aborted) return
    keepBooks(snapshot, hours)
    await journal.trim(pipeline.passedFeed(), clock.now() - WINDOW_MS)
  }

  function keepBooks(snapshot: BooksSnapshot, hours: readonly HourAccount[]): void {
    // A crash between the two: the frames behind the older books bring the same hours to where they were.
    saveHours(hours, hourOf(snapshot.received))
    state.snapshots.save(BOOKS, snapshot)
  }

  /** Accounts are never changed but replaced: one that was saved need not be saved again. */
  function saveHours(hours: readonly HourAccount[], now: number): void {
    const unsaved = hours.filter(({ accounting }) => !savedHours.has(accounting))
    state.hourAccounts.save(unsaved)
    for (const { accounting } of unsaved) savedHours.add(accounting)
    state.hourAccounts.forget(now - KEPT_HOURS)
    // The hour before this one is told once more, by the first heartbeat after it.
    memory.books.forgetHours(now - 1)
  }
}

/** Resolves once all frames before that one are durable, or `signal` aborts. */
function durableUpTo(
  journal: Pick<Journal, 'durableFrame' | 'onDurable'>,
  frame: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (journal.durableFrame < frame && !signal.aborted) return
      unlisten()
      signal.removeEventListener('abort', look)
      resolve()
    }
    const unlisten = journal.onDurable(look)
    signal.addEventListener('abort', look)
    look()
  })
}
