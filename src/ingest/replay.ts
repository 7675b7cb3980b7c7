import type { Receipt, ReplayAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { Emit, RecordOrigin, SourceRecord } from '../sources/source.ts'
import type { KeptBytes, Selection } from '../state/rejected-records.ts'
import type { RejectedDesk } from './rejected-desk.ts'

/** How rejected records of a source are fed again: as its configuration is now. */
export interface Refeed {
  /** Counts what it takes as fed again, and keeps nothing of what is rejected once more. */
  readonly emit: Emit
  /** Format and options as they are configured now for records that came as that one. Undefined: those that they came with. */
  readonly formatNow: (format: string) => FormatNow | undefined
  readonly cluster?: string
  readonly timezone?: string
}

export type FormatNow = Pick<SourceRecord, 'format' | 'options'>

const AT_MOST = 10_000
const PIECE = { records: 200, bytes: 1024 * 1024 }

/**
 * Feeds rejected records of a source again, oldest first, under the same names. Those that are taken now leave the
 * database; of the others the new reason is noted. Ends early, and says where it ended, after 10,000 records and when it
 * is told to wait; throws that `busy` only where nothing was fed.
 *
 * @param after Records up to this id were fed before.
 */
export async function replay(
  desk: Pick<RejectedDesk, 'take' | 'settle'>,
  refeed: Refeed,
  source: string,
  which: Selection,
  after: number,
): Promise<ReplayAnswer> {
  const sum = { replayed: 0, kept: 0, duplicate: 0, dropped: 0, rejected: 0, cut: 0 }
  let last = after
  for (let fed = 0; fed < AT_MOST;) {
    const records = await desk.take(source, which, last, PIECE)
    const end = records.at(-1)?.id
    if (end === undefined) return sum
    const whole = records.filter((record) => record.bytes.length === record.whole)
    try {
      const receipt = await refeed.emit(whole.map((record) => recordOf(record, refeed)))
      // A crash before this line leaves them here: fed once more, they are found as duplicates by their names.
      await settle(desk, whole, receipt)
      sum.replayed += receipt.received
      for (const fate of ['kept', 'duplicate', 'dropped', 'rejected'] as const) sum[fate] += receipt[fate]
      sum.cut += records.length - whole.length
    } catch (error) {
      if (fed === 0 || !(error instanceof AuditError) || error.code !== 'busy') throw error
      return { ...sum, next: String(last), waits: error.message }
    }
    last = end
    fed += records.length
  }
  return { ...sum, next: String(last) }
}

function recordOf(record: KeptBytes, { formatNow }: Refeed): SourceRecord {
  const { bytes, received, more } = record
  // Written by follow-rejected.
  const { options, origin, naturalId, fallbackId, sequence, collectedMs } = JSON.parse(more) as {
    readonly options?: Readonly<Record<string, unknown>>
    readonly origin?: RecordOrigin
    readonly naturalId?: string
    readonly fallbackId?: string
    readonly sequence?: { readonly epoch: number; readonly n: number }
    readonly collectedMs?: number
  }
  return {
    bytes,
    ...(formatNow(record.format) ?? { format: record.format, ...(options !== undefined && { options }) }),
    ...(origin !== undefined && { origin }),
    ...(naturalId !== undefined && { naturalId }),
    // So that nothing is taken twice, whatever happens between its frame and its removal here.
    fallbackId: fallbackId ?? `rejected:${record.source}:${record.id}`,
    ...(sequence !== undefined && { sequence }),
    collectedMs: collectedMs ?? received,
  }
}

async function settle(
  desk: Pick<RejectedDesk, 'settle'>,
  records: readonly KeptBytes[],
  { results }: Receipt,
): Promise<void> {
  const gone: number[] = []
  const still: { readonly id: number; readonly reason: string; readonly message: string }[] = []
  for (const [n, { id }] of records.entries()) {
    const result = results[n]
    if (result === undefined) continue
    if ('rejected' in result) still.push({ id, reason: result.rejected.code, message: result.rejected.message })
    else gone.push(id)
  }
  await desk.settle(gone, still)
}
