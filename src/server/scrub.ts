import { createLogReader } from '../api/log-reader.ts'
import { AuditError } from '../domain/errors.ts'
import { createScrub, type Scrub } from '../ingest/scrub.ts'
import { createScrubThread } from '../ingest/scrub-thread.ts'
import type { Clock } from '../lib/clock.ts'
import type { Closers } from './closers.ts'
import type { Config } from './config.ts'
import type { Foundation } from './foundation.ts'
import type { Pipeline } from './pipeline.ts'

export interface ScrubStart {
  readonly config: Config
  readonly foundation: Foundation
  readonly pipeline: Pipeline
  readonly clock: Clock
  readonly log: (message: string) => void
}

/** Of the time. */
const SHARE = 0.02
/** Of where the background pass is, in the control state. */
const PLACE = 'scrub'

/** Compares the store with the ledger in the background, in a thread of its own. */
export function startScrub({ config, foundation, pipeline, clock, log }: ScrubStart, closers: Closers): Scrub {
  const { ledger, keys, state } = foundation
  const thread = createScrubThread()
  const ended = new AbortController()
  const scrub = createScrub({
    ledger: {
      logs: () => ledger.logs(),
      size: (origin) => ledger.size(origin),
      proof: (origin, index) => ledger.proof(origin, index),
      entries: (origin, from, to) => entriesOf(ledger, origin, from, to),
    },
    rows: pipeline.store.scrub,
    keys: (ids) => keys.subjects.find(ids),
    compare: (task) => thread.compare(task),
    whenStored: (signal) => whenStored(foundation, pipeline, signal),
    covered: (id, at) => state.erasures.coveredAt(id, at),
    isRefused: (origin, index) => pipeline.refusedRows.has(origin, index),
    clock,
    share: config.ledger.scrubShare ?? SHARE,
    saved: { load: () => state.snapshots.load(PLACE), save: (value) => state.snapshots.save(PLACE, value) },
    trail: (event) => pipeline.trail(event),
    log,
  })
  const running = pipeline.store.ready.then(
    () => scrub.run(ended.signal),
    // Told where the store is opened.
    () => undefined,
  )
  closers.push(async () => {
    ended.abort()
    await thread.close()
    // Without a store there is nothing to wait for.
    await Promise.race([running, Promise.resolve()])
  })
  return scrub
}

async function entriesOf(ledger: Foundation['ledger'], origin: string, from: number, to: number): Promise<Uint8Array> {
  const note = ledger.checkpoint(origin)
  const size = ledger.logs().find((each) => each.origin === origin)?.size ?? 0
  if (note === undefined || size < to) throw new AuditError('not_found', `log ${origin} has no ${to} signed leaves`)
  const bundles: Uint8Array[] = []
  for await (const bundle of createLogReader(ledger, origin, { size, note }).entries(from, to)) bundles.push(bundle)
  return Buffer.concat(bundles)
}

/** The store has all that is durable now. */
function whenStored({ journal }: Foundation, { storeFollower }: Pipeline, signal: AbortSignal): Promise<void> {
  const wanted = journal.durableFeed - 1
  return new Promise((resolve) => {
    const look = (): void => {
      if (storeFollower.asOf < wanted && !signal.aborted) return
      listening.cancel()
      signal.removeEventListener('abort', look)
      resolve()
    }
    const listening = storeFollower.onSearchable(look)
    signal.addEventListener('abort', look)
    look()
  })
}
