import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { SourceLimits } from '../sources/config.ts'
import type { Emit, SourceRecord } from '../sources/source.ts'

const RETRY_MS = 1000
const SAY_AGAIN_MS = 60_000

/**
 * The way in of one source, held to its limits: whoever sends more is told to wait (`busy`), and that is said once a
 * minute at most. A batch is taken whole as long as anything is left of its second; what it had too much is made up for
 * before the next one, so a batch larger than a second's share passes as well.
 */
export function limitSource(
  name: string,
  emit: Emit,
  limits: SourceLimits,
  { clock, log }: { readonly clock: Clock; readonly log: (message: string) => void },
): Emit {
  const records = createBucket(limits.recordsPerSecond, 'records a second', clock)
  const bytes = createBucket(limits.bytesPerSecond, 'bytes a second', clock)
  const { connections = Infinity } = limits
  let open = 0
  let saidMs = -Infinity

  function refuse(what: string, retryAfterMs: number): never {
    if (clock.now() - saidMs >= SAY_AGAIN_MS) {
      saidMs = clock.now()
      log(`source ${name} is told to wait: it sends more than ${what}`)
    }
    const hint = 'send again after the time in Retry-After, or raise limits of this source in whodid.yaml'
    throw new AuditError('busy', `source ${name} sends more than ${what}`, { retryAfterMs, hint })
  }

  return async (batch, options) => {
    if (open >= connections) refuse(`${connections} batches at a time`, RETRY_MS)
    for (const bucket of [records, bytes]) if (bucket.waitMs() > 0) refuse(bucket.limit, bucket.waitMs())
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
