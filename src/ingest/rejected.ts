import type { RecordResult } from '../domain/answers.ts'
import type { RejectReason } from '../domain/verdict.ts'
import type { RecordOrigin } from '../sources/source.ts'
import type { Payload, RejectedHeader, RejectedNote } from './payload.ts'
import type { Slice, SliceRecord } from './seal.ts'

/** A record that could not become an event, as its frame kept it: with all that is needed to feed it again. */
export interface RejectedRecord {
  /** The entry of `sources:` that brought it. */
  readonly source: string
  /** Milliseconds since 1970. */
  readonly received: number
  readonly format: string
  readonly options?: Readonly<Record<string, unknown>>
  readonly origin?: RecordOrigin
  readonly note: RejectedNote
  readonly bytes: Uint8Array
}

/** Beyond it a record is kept for looking at only: nothing that large is taken anyway. */
const LARGEST_BYTES = 1024 * 1024
const LONGEST_MESSAGE = 500

/**
 * The rejected records of a slice, for its frame: durable before their sender is answered, like everything else. A slice
 * is bounded, so what is added to a frame is too.
 */
export function rejectedOfSlice(
  slice: Slice,
  origin: RecordOrigin | undefined,
  results: readonly RecordResult[],
): { readonly header: RejectedHeader; readonly bytes: readonly Uint8Array[] } | undefined {
  const records: RejectedNote[] = []
  const bytes: Uint8Array[] = []
  for (const [n, result] of results.entries()) {
    const record = slice.records[n]
    if (!('rejected' in result) || record === undefined) continue
    const kept = record.bytes.subarray(0, LARGEST_BYTES)
    records.push(noteOf(record, kept.length, result.rejected))
    bytes.push(kept)
  }
  if (records.length === 0) return undefined
  const { format, options } = slice
  const header = {
    format,
    ...(options !== undefined && { options }),
    ...(origin !== undefined && { origin }),
    records,
  }
  return { header, bytes }
}

type Why = Extract<RecordResult, { rejected: unknown }>['rejected']

function noteOf({ bytes, naturalId, fallbackId, sequence, collectedMs }: SliceRecord, kept: number, why: Why) {
  return {
    bytes: kept,
    ...(kept < bytes.length && { whole: bytes.length }),
    // The seal workers took it from the closed list.
    reason: why.code as RejectReason,
    message: why.message.slice(0, LONGEST_MESSAGE),
    ...(why.path !== undefined && { path: why.path.slice(0, LONGEST_MESSAGE) }),
    ...(naturalId !== undefined && { naturalId }),
    ...(fallbackId !== undefined && { fallbackId }),
    ...(sequence !== undefined && { sequence }),
    ...(collectedMs !== undefined && { collectedMs }),
  }
}

/** What a frame kept of rejected records. */
export function rejectedOf({ header, rejected }: Payload): readonly RejectedRecord[] {
  const { source, way, received } = header
  const { records = [], ...common } = header.rejected ?? { format: '' }
  let at = 0
  return records.map((note) => {
    const bytes = rejected.subarray(at, at + note.bytes)
    at += note.bytes
    return { source: way ?? source, received, ...common, note, bytes }
  })
}
