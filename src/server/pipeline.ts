import { join } from 'node:path'
import type { AuditEvent } from '../domain/event.ts'
import { createLedgerFollower, type LedgerFollower } from '../ingest/follow-ledger.ts'
import { createStoreFollower, type StoreFollower } from '../ingest/follow-store.ts'
import { createRejectedFollower } from '../ingest/follow-rejected.ts'
import { createKeyDesk } from '../ingest/key-desk.ts'
import { resumeFeed } from '../ingest/recover.ts'
import { openRejectedDesk, type RejectedDesk } from '../ingest/rejected-desk.ts'
import { createRulesInForce, type RulesInForce } from '../ingest/rules-in-force.ts'
import { createSealWorkers } from '../ingest/workers.ts'
import { createWriter, type Writer } from '../ingest/writer.ts'
import { createFeed } from '../journal/feed.ts'
import type { ClockReading } from '../ledger/clock-watch.ts'
import type { Clock } from '../lib/clock.ts'
import type { Tombstone } from '../state/erasures.ts'
import { openStore, type Store } from '../store/store.ts'
import { type Admission, createAdmission } from './admission.ts'
import type { Closers } from './closers.ts'
import type { Config } from './config.ts'
import type { Foundation } from './foundation.ts'
import { createRefusedRows, type RefusedRows } from './refused-rows.ts'

/** The write path at work: the writer, and what follows the journal: ledger, store, rejected records. */
export interface Pipeline {
  readonly writer: Writer
  readonly admission: Admission
  readonly store: Store
  readonly ledgerFollower: LedgerFollower
  readonly storeFollower: StoreFollower
  readonly rejected: RejectedDesk
  readonly rules: RulesInForce
  readonly refusedRows: RefusedRows
  /** Writes an event of our own trail. Returns at once and never throws. */
  trail(event: AuditEvent): void
  /** Tells all who seal whom nothing may come back of, and that keys were taken out of use. */
  forget(tombstones: readonly Tombstone[]): void
  /** Everything before this feed number is for good where it belongs. */
  passedFeed(): number
}

export interface PipelineDeps {
  readonly config: Config
  readonly foundation: Foundation
  readonly clock: Clock
  readonly log: (message: string) => void
  /** The process cannot go on. */
  readonly fatal: (error: unknown) => void
  /** How far our clock is from others, as heard last. */
  readonly ourClock: () => ClockReading | undefined
  readonly stalePid: () => number | undefined
  readonly onEngine: (pid: number) => void
}

const LAST_WAIT_MS = 2000
const REJECTED_BYTES = 256 * 1024 * 1024
const REJECTED_KEEP_MS = 30 * 86_400_000

export async function startPipeline(deps: PipelineDeps, closers: Closers): Promise<Pipeline> {
  const { config, clock, log } = deps
  const { journal, ledger, keys, memory, places } = deps.foundation
  const { install } = deps.foundation.root
  const end = journal.nextFeed
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(deps.fatal)
  const fatal = failed.reject
  const feed = createFeed(journal)
  const workers = createSealWorkers({
    dedupeKey: keys.dedupe,
    tombstones: deps.foundation.state.erasures.tombstones(),
    keysFor: createKeyDesk(keys.subjects),
    log,
  })
  closers.push(() => workers.close())
  const store = openStore({
    ...config.store,
    folder: join(config.data, 'engine'),
    stalePid: deps.stalePid,
    onEngine: deps.onEngine,
    log,
  })
  closers.push(() => store.close())
  // Of a backup during which the process died: rows that nobody erases from.
  await store.freezes.thaw()
  // What is gone is not made anew from what the journal still holds of it.
  const { retention } = deps.foundation.state
  const isGone = (origin: string): boolean => (retention.pruned(origin)?.step ?? 'tell') !== 'tell'
  const gone = retention.allPruned().filter(({ origin }) => isGone(origin))
  const fromFeed = resumeFeed(places, (origin) => (isGone(origin) ? Infinity : ledger.size(origin)), end)
  const ledgerFollower = createLedgerFollower({
    feed,
    fromFeed,
    ledger,
    clock,
    ...(config.ledger.rootMs !== undefined && { rootMs: config.ledger.rootMs }),
  })
  const refused = createRefusedRows(deps.foundation.state.snapshots)
  const storeFollower = createStoreFollower({
    feed,
    trimmedFeed: journal.oldestFeed - 1,
    resume: (stored) =>
      resumeFeed(places, (origin) => (isGone(origin) ? Infinity : (stored.get(origin)?.next ?? 0)), end),
    inserts: {
      insert: (batch, signal) => store.inserts.insert(batch, signal),
      async positions(signal) {
        const stored = new Map(await store.inserts.positions(signal))
        for (const { origin } of gone) stored.set(origin, { next: Infinity, rows: Infinity, feed: 0 })
        return stored
      },
    },
    rows: (frames, from) => workers.rows(frames, from),
    clock,
    onRefused: (event, reason) => {
      refused.note(event.log, event.index)
      log(`the engine refused event ${event.index} of ${event.log}: ${reason}`)
    },
    onMissing: (origin, events) => log(missingRows(origin, events)),
    log,
  })
  const { maxBytes = REJECTED_BYTES, keepMs = REJECTED_KEEP_MS } = config.rejected ?? {}
  const rejected = openRejectedDesk({ folder: config.data, maxBytes, keepMs })
  closers.push(() => rejected.close())
  const rejectedFollower = createRejectedFollower({ feed, journal, desk: rejected, clock, log })
  const passedFeed = () => {
    return Math.min(ledgerFollower.flushedFeed, storeFollower.asOf + 1, rejectedFollower.passedFeed)
  }
  const admission = await createAdmission({
    folder: config.data,
    journal,
    passedFeed,
    clock,
    ...(config.journalBytes !== undefined && { journalBytes: config.journalBytes }),
  })
  closers.push(() => admission.stop())

  const ended = new AbortController()
  const following = [ledgerFollower.run(ended.signal), rejectedFollower.run(ended.signal)]
  const storing = store.ready.then(() => {
    const run = storeFollower.run(ended.signal)
    following.push(run)
    return run
  })
  for (const each of [...following, storing, journal.failed]) each.catch(fatal)
  closers.push(async () => {
    await caughtUp()
    ended.abort()
    await Promise.allSettled(following)
  })

  /** The store gets what it can in a short time; the rest waits in the journal. */
  async function caughtUp(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (storeFollower.asOf >= journal.durableFeed - 1) resolve()
    }
    const listening = storeFollower.onSearchable(look)
    const timer = clock.later(LAST_WAIT_MS, resolve)
    look()
    await promise
    listening.cancel()
    timer.cancel()
  }

  const rules = createRulesInForce()
  const writer = createWriter({
    ...memory,
    journal,
    seal: (slice, by) => workers.seal(slice, by),
    clock,
    refusal: (of) => admission.refusal(of),
    room: () => ({ boundBytes: admission.bound(), passedFeed: passedFeed() }),
    checkpoint: (origin) => {
      const root = ledger.root()
      return root?.cosigned?.note ?? root?.note ?? ledger.checkpoint(origin)
    },
    // Without the failure a log would wait for ever for a ledger that has ended, and all that is sent behind it.
    finalCheckpoint: (origin, size) => Promise.race([ledgerFollower.finalCheckpoint(origin, size), failed.promise]),
    vkey: (origin) => keys.vkey(origin),
    ourClock: deps.ourClock,
    ...(install.recovery !== undefined && { recovery: { ...install.recovery } }),
    rules,
    keepsRejected: maxBytes > 0,
    fatal,
    log,
  })
  return {
    writer,
    admission,
    store,
    ledgerFollower,
    storeFollower,
    rejected,
    rules,
    refusedRows: refused,
    passedFeed,
    forget: (tombstones) => workers.forget(tombstones),
    trail(event) {
      writer.trail(event).catch((error: unknown) => log(`an event of our own trail was not written: ${String(error)}`))
    },
  }
}

function missingRows(origin: string, events: number): string {
  const hint = 'no search finds them; the ledger has them all, and `whodid verify` still proves them'
  return `the store lacks ${events} events of ${origin} that the journal does not hold any more: ${hint}`
}
