import type { Receipt, RecordResult } from '../domain/answers.ts'
import type { SourceRecord } from '../sources/source.ts'
import type { EpochNumber } from './payload.ts'
import { TRAIL_FORMAT } from './seal.ts'

/** Records of one batch that are sealed in one go. */
export interface RecordSlice {
  readonly format: string
  readonly options?: SourceRecord['options']
  readonly origin?: SourceRecord['origin']
  readonly records: readonly SourceRecord[]
}

const SLICE_RECORDS = 200
const SLICE_BYTES = 1024 * 1024

/**
 * Cuts a batch so that two threads share it and none holds up the others: latency is the longest slice. An empty batch is
 * one empty slice, since it may carry a cursor.
 */
export function slicesOf(batch: readonly SourceRecord[], idempotencyKey: string | undefined): readonly RecordSlice[] {
  const slices: (Omit<RecordSlice, 'records'> & { readonly records: SourceRecord[] })[] = []
  let bytes = 0
  for (const [n, record] of batch.entries()) {
    const last = slices.at(-1)
    const named = idempotencyKey === undefined ? record : { ...record, naturalId: `idem:${idempotencyKey}:${n}` }
    const full = last === undefined || last.records.length >= SLICE_RECORDS || bytes + record.bytes.length > SLICE_BYTES
    if (full || !isAlike(last, record)) {
      slices.push({
        format: record.format,
        ...(record.options !== undefined && { options: record.options }),
        ...(record.origin !== undefined && { origin: record.origin }),
        records: [named],
      })
      bytes = 0
    } else last.records.push(named)
    bytes += record.bytes.length
  }
  return slices.length > 0 ? slices : [{ format: TRAIL_FORMAT, records: [] }]
}

function isAlike(a: Omit<RecordSlice, 'records'>, b: SourceRecord): boolean {
  return a.format === b.format && a.options === b.options && a.origin === b.origin
}

/** What the sender of a batch is told: one result per record, in order. */
export function receiptOf(results: readonly RecordResult[]): Receipt {
  const count = (key: string): number => results.filter((each) => key in each).length
  return {
    received: results.length,
    kept: count('id'),
    dropped: count('dropped'),
    duplicate: count('duplicate'),
    rejected: count('rejected'),
    shed: count('shed'),
    results,
  }
}

/** The highest number of each epoch among them. */
export function numbersOf(records: readonly Pick<SourceRecord, 'sequence'>[]): readonly EpochNumber[] {
  const highest = new Map<number, number>()
  for (const { sequence } of records) {
    if (sequence === undefined) continue
    highest.set(sequence.epoch, Math.max(sequence.n, highest.get(sequence.epoch) ?? 0))
  }
  return [...highest]
}
