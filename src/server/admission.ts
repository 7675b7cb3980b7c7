import { statfs } from 'node:fs/promises'
import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'

/** Decides whether records can be taken: before a disk or the journal's bound is reached, sources are told to wait. */
export interface Admission {
  /** Why no records, or not even a count of them, can be taken now; undefined when they can. */
  refusal(of?: 'records' | 'count'): AuditError | undefined
  /** Bytes of the journal at most. */
  bound(): number
  /** From now on nothing is taken: the server ends. */
  close(): void
  stop(): void
}

export interface AdmissionDeps {
  readonly folder: string
  readonly journal: { readonly sizeBytes: number; readonly durableFeed: number }
  /** Everything before this feed number is in ledger and store. */
  readonly passedFeed: () => number
  readonly clock: Clock
  /** Journal bytes at most. Default: 20 GB or a fifth of the disk, whichever is smaller. */
  readonly journalBytes?: number
  /** Who may be behind, and what to do then. Default: ledger and store of this server. */
  readonly behind?: { readonly who: string; readonly hint: string }
}

const OUR_FOLLOWERS = { who: 'store or ledger have', hint: 'the store or the ledger is behind: see /readyz' }

const GB = 1024 ** 3
const LARGEST_JOURNAL = 20 * GB
const DISK_SHARE = 0.2
const LEAST_FREE_SHARE = 0.05
const LEAST_FREE_BYTES = 2 * GB
const OLDEST_MS = 7 * 86_400_000
const LOOK_MS = 5000
/** Beyond the journal's bound, for counts of records that were given up. */
const COUNTS_BYTES = 64 * 1024 * 1024

/**
 * The bound of the journal (docs/architecture.md, Promises), and the free disk below which intake stops
 * (docs/operate.md, Health).
 */
export async function createAdmission(deps: AdmissionDeps): Promise<Admission> {
  const { who, hint: whatToDo } = deps.behind ?? OUR_FOLLOWERS
  let disk = await look(deps.folder)
  let closed = false
  /** All that was durable at that time has passed ledger and store since. */
  let passedMs = deps.clock.now()
  let mark = { feed: deps.journal.durableFeed, atMs: passedMs }
  let timer = deps.clock.later(LOOK_MS, again)

  function again(): void {
    if (deps.passedFeed() >= mark.feed) {
      passedMs = mark.atMs
      mark = { feed: deps.journal.durableFeed, atMs: deps.clock.now() }
    }
    void lookAgain()
  }

  async function lookAgain(): Promise<void> {
    // A folder that cannot be looked at: what was seen last holds, and the journal's next write says what is wrong.
    disk = await look(deps.folder).catch(() => disk)
    if (!closed) timer = deps.clock.later(LOOK_MS, again)
  }

  const bound = (): number => deps.journalBytes ?? boundOf(disk)

  function refusesRecords(): AuditError | undefined {
    if (deps.journal.sizeBytes >= bound()) {
      const hint = `${whatToDo}; records are taken again once it has caught up`
      return busy(`the journal is full (${megabytes(deps.journal.sizeBytes)} of ${megabytes(bound())})`, hint, 10_000)
    }
    if (deps.clock.now() - passedMs > OLDEST_MS) {
      return busy(`${who} been behind for more than seven days`, whatToDo, 10_000)
    }
    const least = Math.min(LEAST_FREE_BYTES, disk.totalBytes / 2)
    if (disk.freeBytes < least || disk.freeBytes < disk.totalBytes * LEAST_FREE_SHARE) {
      return busy(`the disk is nearly full (${megabytes(disk.freeBytes)} free)`, roomHint(deps.folder), 30_000)
    }
    return undefined
  }

  /** A count is some hundred bytes, and what it is about is lost without it: it may go a little further. */
  function refusesCounts(): AuditError | undefined {
    if (deps.journal.sizeBytes >= bound() + COUNTS_BYTES)
      return busy('the journal is full, also for counts of what is shed', whatToDo, 10_000)
    if (disk.freeBytes >= COUNTS_BYTES * 2) return undefined
    return busy('the disk is full, also for counts of what is shed', roomHint(deps.folder), 30_000)
  }

  return {
    bound,
    refusal(of = 'records') {
      if (closed) return busy('the server is stopping', 'send again once it is back', 2000)
      return of === 'records' ? refusesRecords() : refusesCounts()
    },
    close() {
      closed = true
    },
    stop() {
      closed = true
      timer.cancel()
    },
  }
}

/** Bytes of the journal at most on the disk of a folder: 20 GB or a fifth of it, whichever is smaller. */
export async function journalBound(folder: string): Promise<number> {
  return boundOf(await look(folder))
}

function boundOf(disk: { readonly totalBytes: number }): number {
  return Math.min(LARGEST_JOURNAL, disk.totalBytes * DISK_SHARE)
}

async function look(folder: string): Promise<{ totalBytes: number; freeBytes: number }> {
  const { bsize, blocks, bavail } = await statfs(folder)
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
}

function roomHint(folder: string): string {
  return `make room on the disk of ${folder}; nothing was lost`
}

function busy(message: string, hint: string, retryAfterMs: number): AuditError {
  return new AuditError('busy', message, { hint, retryAfterMs })
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`
}
