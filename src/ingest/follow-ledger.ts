import type { Feed } from '../journal/feed.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Clock, pause } from '../lib/clock.ts'
import { leavesOf, parsePayload } from './payload.ts'

/** Brings the ledger up to the journal, frame by frame, and has it signed every second. */
export interface LedgerFollower {
  /** Works until `signal` aborts; rejects when the ledger cannot go on. */
  run(signal: AbortSignal): Promise<void>
  /** Feed number (exclusive) up to which the ledger's files are synced: the journal may let go of that. */
  readonly flushedFeed: number
  /** Signs a checkpoint that covers `size` leaves of a log, as soon as that many are durable. */
  finalCheckpoint(log: string, size: number): Promise<string>
  /** Signs what is durable and enters it into the root log, now. */
  rootNow(): Promise<void>
}

export interface LedgerFollowerDeps {
  readonly feed: Feed
  readonly fromFeed: number
  readonly ledger: Ledger
  readonly clock: Clock
  /** How often the root log takes in what changed. Default ten seconds. */
  readonly rootMs?: number
}

const TICK_MS = 1000
const ROOT_MS = 10_000

export function createLedgerFollower(deps: LedgerFollowerDeps): LedgerFollower {
  const { feed, fromFeed, ledger, clock, rootMs = ROOT_MS } = deps
  let appendedFeed = fromFeed
  let flushedFeed = fromFeed
  let signing: Promise<void> = Promise.resolve()
  const closing = new Set<string>()
  /** When the root log took in what had changed, milliseconds since 1970. */
  let rootAt = 0
  /** A log opened or closed: the root log says so at once. */
  let isRootDue = false
  const waiting = new Set<() => void>()

  async function append(signal: AbortSignal): Promise<void> {
    for await (const frame of feed.follow(fromFeed, signal)) {
      const payload = parsePayload(frame.payload, frame.events)
      const { log, first, system } = payload.header
      if (log !== undefined && first !== undefined) ledger.append(log, first, leavesOf(payload))
      if (log !== undefined && system === 'log.closed') closing.add(log)
      if (system === 'log.opened' || system === 'log.closed') isRootDue = true
      appendedFeed = frame.firstFeed + frame.events
      for (const look of waiting) look()
    }
  }

  /** Only durable frames come by the feed, so all that the ledger holds may be signed (docs/ledger.md, Write path). */
  function sign(): Promise<void> {
    signing = signing.then(async () => {
      const upTo = appendedFeed
      const closed = [...closing]
      await ledger.flush()
      flushedFeed = upTo
      await ledger.sign((log) => ledger.size(log))
      for (const log of closed) {
        await ledger.close(log)
        closing.delete(log)
      }
    })
    return signing
  }

  /** Signs, and the root log takes in each checkpoint that changed. */
  async function signRoot(): Promise<void> {
    isRootDue = false
    rootAt = clock.now()
    await sign()
    await ledger.enterRoot()
  }

  async function tick(signal: AbortSignal): Promise<void> {
    let signedFeed = -1
    while (!signal.aborted) {
      const isLate = isRootDue || Math.abs(clock.now() - rootAt) >= rootMs
      if (appendedFeed !== signedFeed || isLate) {
        signedFeed = appendedFeed
        await (isLate ? signRoot() : sign())
      }
      await pause(clock, TICK_MS, signal)
    }
    await signRoot()
  }

  return {
    async run(signal) {
      await Promise.all([append(signal), tick(signal)])
    },
    get flushedFeed() {
      return flushedFeed
    },
    async finalCheckpoint(log, size) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (ledger.size(log) < size) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      })
      // Before the next log begins: whoever reads its first leaf finds the last checkpoint of this one witnessed.
      await signRoot()
      return ledger.checkpoint(log) ?? ''
    },
    rootNow: signRoot,
  }
}
