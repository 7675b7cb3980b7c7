import type { Receipt, RecordResult } from '../../src/domain/answers.ts'
import type { Position } from '../../src/domain/sealed.ts'

/** An event that was acknowledged, under the marker that its sender gave it. */
export interface Promised extends Position {
  readonly id: string
}

/** A batch that is sent again, the same bytes, until it is acknowledged. */
export interface Batch {
  readonly records: readonly MarkedRecord[]
  readonly idempotencyKey?: string
}

/** What marks a record: `labels.marker`, never given twice. */
export interface MarkedRecord {
  readonly labels: { readonly marker: string }
}

/** What was promised over all lives of a server, kept by who sent it. */
export class Promises {
  readonly acknowledged = new Map<string, Promised>()
  /** Markers of lines in the followed file: all of them must be there once. */
  readonly lines = new Set<string>()
  /** Sent and not acknowledged yet, and to be sent again. */
  unanswered: Batch[] = []

  /** Takes an answer down. Throws where it breaks an older promise. */
  enter(batch: Batch, receipt: Receipt): void {
    if (receipt.results.length !== batch.records.length) throw new Error('not one result for each record')
    for (const [n, record] of batch.records.entries()) {
      const result = receipt.results[n]
      if (result === undefined || 'rejected' in result || 'dropped' in result || 'shed' in result) continue
      this.#promise(record.labels.marker, promisedOf(result))
    }
  }

  #promise(marker: string, promised: Promised): void {
    const known = this.acknowledged.get(marker)
    if (known !== undefined && !isSame(known, promised)) {
      throw new Error(`${marker} was acknowledged as ${text(known)}, and again as ${text(promised)}`)
    }
    this.acknowledged.set(marker, promised)
  }
}

export function isSame(a: Promised, b: Promised): boolean {
  return a.id === b.id && a.log === b.log && a.index === b.index
}

export function text({ id, log, index }: Promised): string {
  return `${id} at ${log}:${index}`
}

function promisedOf(
  result: Exclude<RecordResult, { rejected: unknown } | { dropped: unknown } | { shed: unknown }>,
): Promised {
  const { log, index } = result
  return { id: 'id' in result ? result.id : result.duplicate, log, index }
}
