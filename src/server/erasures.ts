import type { Jobs } from '../api/jobs.ts'
import { createErasureDesk, type ErasureDesk } from '../ingest/erasure-desk.ts'
import { createErasureWork } from '../ingest/erasure-work.ts'
import type { Clock } from '../lib/clock.ts'
import type { ApprovalRule } from '../state/approvals.ts'
import type { Closers } from './closers.ts'
import type { Foundation } from './foundation.ts'
import type { Pipeline } from './pipeline.ts'

interface ErasureParts {
  readonly foundation: Pick<Foundation, 'state' | 'keys' | 'journal'>
  readonly pipeline: Pipeline
  readonly jobs: Jobs
  readonly approvalRule: ApprovalRule
  /** Why nothing may be taken from a log, if so. */
  readonly holdOn: (log: string) => string | undefined
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly fatal: (error: unknown) => void
}

/** What is asked for by the API, and what does it: also what an earlier process had begun. */
export function startErasures(parts: ErasureParts, closers: Closers): ErasureDesk {
  const { foundation, pipeline, jobs, approvalRule, holdOn, clock, log, fatal } = parts
  const { state, keys, journal } = foundation
  const common = { erasures: state.erasures, approvalRule, store: pipeline.store.erases, holdOn, clock }
  const work = createErasureWork({
    ...common,
    approvals: state.approvals,
    keys: keys.subjects,
    dedupeKey: keys.dedupe,
    forget: (tombstones) => pipeline.forget(tombstones),
    writer: pipeline.writer,
    journal,
    passedFeed: () => pipeline.passedFeed(),
    discardRejected: (texts) => pipeline.rejected.discardHolding(texts),
    discardFiles: () => jobs.discard(),
    log,
  })
  const ended = new AbortController()
  const running = work.run(ended.signal)
  running.catch(fatal)
  closers.push(async () => {
    ended.abort()
    await running.catch(() => undefined)
  })
  return createErasureDesk({
    ...common,
    approvals: state.approvals,
    keys: keys.subjects,
    asOf: () => pipeline.storeFollower.asOf,
    trail: (event) => pipeline.trail(event),
    wake: () => work.wake(),
  })
}
