import type { AuditEvent } from '../domain/event.ts'
import { AuditError } from '../domain/errors.ts'
import { formatMillis } from '../domain/time.ts'
import { createExpiryClock } from '../ingest/expiry-clock.ts'
import { createRetentionDesk, type RetentionDesk } from '../ingest/retention.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { Closers } from './closers.ts'
import { type Config, daysIn } from './config.ts'
import type { Foundation } from './foundation.ts'
import type { Pipeline } from './pipeline.ts'

interface RetentionParts {
  readonly config: Config
  readonly foundation: Foundation
  readonly pipeline: Pipeline
  readonly clock: Clock
  /** Newest receive time in the books, before this process wrote anything. */
  readonly received: number
  readonly log: (message: string) => void
}

const RUN_MS = 3_600_000
/** A minute for ledger and store to have what is durable now. */
const LOOK_MS = 250
const MOST_LOOKS = 240
const LIVE_STREAM = 'whodid'
/** In the control state: what the time should be while the clock is doubted. */
const DOUBT = 'expiry-clock'

/** Streams are kept as long as they should be, and what is over goes by itself: looked at once an hour. */
export function startRetention(parts: RetentionParts, closers: Closers): RetentionDesk {
  const { config, foundation, pipeline, clock, received, log } = parts
  const startedAt = performance.now()
  const { state, ledger, journal, keys, root } = foundation
  const streams = config.streams.map(({ keep, ...each }) => ({
    ...each,
    ...(keep !== undefined && { days: daysIn(keep) }),
  }))
  const ended = new AbortController()
  const desk = createRetentionDesk(
    {
      state,
      approvalRule: config.approvals ?? 'single',
      logs: () => ledger.logs(),
      rows: () => pipeline.store.partitions.list(),
      async caughtUp() {
        const upTo = journal.durableFeed
        for (let looks = 0; looks < MOST_LOOKS && !ended.signal.aborted; looks++) {
          if (pipeline.passedFeed() >= upTo) return true
          await pause(clock, LOOK_MS, ended.signal)
        }
        return false
      },
      tell: (details) => pipeline.writer.tell(LIVE_STREAM, 'log.pruned', details),
      async proved({ log: origin, index }) {
        await pipeline.ledgerFollower.finalCheckpoint(origin, index + 1)
        const found = await ledger.rootProof(origin, index)
        if (root.policy === undefined) return found !== undefined
        // Under a checkpoint that enough witnesses have signed.
        return found !== undefined && found.rootNote === ledger.root()?.cosigned?.note
      },
      dropRows: (origin) => pipeline.store.partitions.drop(origin),
      pruneFiles: (origin, keepHashes) => ledger.prune(origin, keepHashes),
      destroyKeys: (origin) => keys.subjects.destroyLog(origin),
      rollJournal: () => journal.roll(),
      noteOf: (origin) => ledger.checkpoint(origin),
      trail: (by, action, message, details) => {
        const event: AuditEvent = {
          ...by.about,
          '@timestamp': formatMillis(clock.now()),
          event: { kind: 'event', dataset: 'whodid.trail', category: ['configuration'], action, outcome: 'success' },
          audit: { ...by.about.audit, request: details },
          message,
        }
        pipeline.trail(event)
      },
      log,
      clock,
      expiryClock: createExpiryClock({
        clock,
        received,
        ranMs: () => performance.now() - startedAt,
        doubt: {
          load: () => state.snapshots.load(DOUBT),
          save: (value) => state.snapshots.save(DOUBT, value),
        },
      }),
    },
    streams,
  )
  desk.resume()
  const running = pipeline.store.ready.then(async () => {
    desk.configure()
    while (!ended.signal.aborted) {
      await desk.run().catch((error: unknown) => {
        if (!(error instanceof AuditError) && ended.signal.aborted) return
        log(`what is over was not let go of, next try in an hour: ${String(error)}`)
      })
      await pause(clock, RUN_MS, ended.signal)
    }
  })
  running.catch(() => undefined)
  closers.push(() => ended.abort())
  return desk
}
