import type { Receipt, ShedFor } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { SourceLimits } from '../sources/config.ts'
import type { Emit, EmitOptions, SourceRecord } from '../sources/source.ts'

const RETRY_MS = 1000
const SAY_AGAIN_MS = 60_000

/** Gives a batch up: counted and sealed before it resolves. */
type Shed = (batch: readonly SourceRecord[], options: EmitOptions, why: ShedFor) => Promise<Receipt>

export interface LimitDeps {
  readonly clock: Clock
  readonly log: (message: string) => void
  /** Where the source says `overflow: shed`. Left out: whoever sends too much is told to wait. */
  readonly shed?: Shed
}

/**
 * The way in of one source, held to its limits: whoever sends more is told to wait (`busy`), or what it sends is given up
 * and counted; and that is said once a minute at most. A batch is taken whole as long as anything is left of its second;
 * what it had too much is made up for before the next one, so a batch larger than a second's share passes as well.
 */
export function limitSource(name: string, emit: Emit, limits: SourceLimits, { clock, log, shed }: LimitDeps): Emit {
  const records = createBucket(limits.recordsPerSecond, 'records a second', clock)
  const bytes = createBucket(limits.bytesPerSecond, 'bytes a second', clock)
  const { connections = Infinity } = limits
  let open = 0
  let saidMs = -Infinity

  function say(becomes: string, what: string): void {
    if (clock.now() - saidMs < SAY_AGAIN_MS) return
    saidMs = clock.now()
    log(`source ${name} ${becomes}: it sends more than ${what}`)
  }

  function refuse(what: string, retryAfterMs: number): never {
    say('is told to wait', what)
    const hint = 'send again after the time in Retry-After, or raise limits of this source in whodid.yaml'
    throw new AuditError('busy', `source ${name} sends more than ${what}`, { retryAfterMs, hint })
  }

  function excess(): Excess | undefined {
    if (open >= connections)
      return { why: 'connections', what: `${connections} batches at a time`, retryAfterMs: RETRY_MS }
    if (records.waitMs() > 0) return { why: 'recordsPerSecond', what: records.limit, retryAfterMs: records.waitMs() }
    if (bytes.waitMs() > 0) return { why: 'bytesPerSecond', what: bytes.limit, retryAfterMs: bytes.waitMs() }
    return undefined
  }

  return async (batch, options = {}) => {
    const over = excess()
    if (over !== undefined && shed === undefined) refuse(over.what, over.retryAfterMs)
    if (over !== undefined && shed !== undefined) {
      say('has records given up', over.what)
      return shed(batch, options, over.why)
    }
    records.take(batch.length)
    bytes.take(bytesOf(batch))
    open++
    try {
      return await emit(batch, options)
    } catch (error) {
      // Nothing was taken, and it will come again.
      records.take(-batch.length)
      bytes.take(-bytesOf(batch))
      throw error
    } finally {
      open--
    }
  }
}

interface Excess {
  readonly why: ShedFor
  readonly what: string
  readonly retryAfterMs: number
}

/** Holds one second's share at most; goes below nothing for a batch that is larger. */
function createBucket(perSecond: number | undefined, unit: string, clock: Clock) {
  let left = perSecond ?? Infinity
  let atMs = clock.now()
  return {
    limit: `${perSecond} ${unit}`,
    /** Milliseconds until something is left. */
    waitMs(): number {
      if (perSecond === undefined) return 0
      const now = clock.now()
      // A clock that was set back gives nothing and takes nothing.
      left = Math.min(perSecond, left + (Math.max(0, now - atMs) * perSecond) / 1000)
      atMs = now
      return left > 0 ? 0 : Math.max(1, Math.ceil((-left * 1000) / perSecond))
    },
    take(amount: number): void {
      left -= amount
    },
  }
}

function bytesOf(batch: readonly SourceRecord[]): number {
  return batch.reduce((sum, record) => sum + record.bytes.length, 0)
}
