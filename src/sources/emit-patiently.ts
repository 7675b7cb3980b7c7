import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { pause } from '../lib/clock.ts'
import type { Emit, SourceRecord } from './source.ts'

const RETRY_MS = 1000

/** Hands a batch on and waits as long as it is told to: for what can wait, like a file. Rejects once `signal` aborts. */
export async function emitPatiently(
  emit: Emit,
  records: readonly SourceRecord[],
  cursor: string | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await emit(records, { ...(cursor !== undefined && { cursor }), signal })
      return
    } catch (error) {
      if (signal.aborted || !(error instanceof AuditError) || error.code !== 'busy') throw error
      await pause(clock, error.details.retryAfterMs ?? RETRY_MS, signal)
      signal.throwIfAborted()
    }
  }
}
