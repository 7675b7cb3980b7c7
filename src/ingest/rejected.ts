import type { RecordResult } from '../domain/answers.ts'
import type { RecordOrigin } from '../sources/source.ts'
import type { Payload, RejectedHeader, RejectedNote } from './payload.ts'
import type { SealedSlice, Slice, SliceRecord } from './seal.ts'

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
 * The rejected records of a slice, also those of which only a part was, for its frame: durable before their sender is
 * answered, like everything else. A slice is bounded, so what is added to a frame is too.
 */
export function rejectedOfSlice(
  slice: Slice,
  origin: RecordOrigin | undefined,
  { rejected: rejections, touched }: Pick<SealedSlice, 'rejected' | 'touched'>,
  results: readonly RecordResult[],
): { readonly header: RejectedHeader; readonly bytes: readonly Uint8Array[] } | undefined {
  const records: RejectedNote[] = []
  const bytes: Uint8Array[] = []
  const hidden = new Set(touched)
  // Of one record there may be several: an envelope, some of whose items are no events.
  const firsts = new Map(rejections.toReversed().map((each) => [each.record, each]))
  for (const n of [...firsts.keys()].toSorted((a, b) => a - b)) {
    const [record, first] = [slice.records[n], firsts.get(n)]
    if (record === undefined || first === undefined) continue
    const all = first.bytes ?? record.bytes
    // What a rule dropped or masked beside it must not be kept here.
    const kept = all.subarray(0, hidden.has(n) && first.bytes === undefined ? 0 : LARGEST_BYTES)
    const isWhole = 'rejected' in (results[n] ?? {})
    records.push({
      bytes: kept.length,
      ...(kept.length < all.length && { whole: all.length }),
      reason: first.reason,
      message: `${isWhole ? '' : 'a part of it: '}${first.message}`.slice(0, LONGEST_MESSAGE),
      ...(first.path !== undefined && { path: first.path.slice(0, LONGEST_MESSAGE) }),
      // What is left of an envelope is another record: the envelope's name is taken.
      ...(isWhole && namesOf(record)),
    })
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

function namesOf({ naturalId, fallbackId, sequence, collectedMs }: SliceRecord) {
  return {
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
