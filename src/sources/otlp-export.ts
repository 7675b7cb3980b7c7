import { hash } from 'node:crypto'
import type { Receipt } from '../domain/answers.ts'
import type { Encoding } from '../formats/otlp-envelope.ts'
import { splitEnvelope } from '../formats/otlp-envelope.ts'
import type { Emit, SourceRecord } from './source.ts'

/** What becomes of one Export call, in the words of `ExportLogsPartialSuccess`. */
export interface Exported {
  readonly rejected: number
  /** Empty where nothing was rejected; holds no contents of records. */
  readonly message: string
}

export interface ExportOptions {
  /** Of format otlp. One object for all requests of a source. */
  readonly options?: SourceRecord['options']
  readonly emit: Emit
  readonly signal: AbortSignal
}

const MOST_RECORDS = 50_000
const BATCH_RECORDS = 5000

/**
 * Takes an `ExportLogsServiceRequest`: a record for each log record in it. Resolves once all are durable. A log record
 * that says a time is named by the bytes of its request and its place in them: an exporter that did not see our answer
 * sends the same bytes again.
 *
 * @throws AuditError `bad_request` for what is no such request, before anything was taken; what `emit` throws.
 */
export async function exportLogs(body: Uint8Array, encoding: Encoding, how: ExportOptions): Promise<Exported> {
  const records = recordsOf(body, encoding, how.options)
  let rejected = 0
  let message = ''
  for (let at = 0; at < records.length; at += BATCH_RECORDS) {
    const receipt = await how.emit(records.slice(at, at + BATCH_RECORDS), { signal: how.signal })
    rejected += receipt.rejected
    message ||= firstRejection(receipt, at)
  }
  return { rejected, message }
}

/** Resources are repeated in each record: what they may grow to together is bounded by what was sent. */
const GROWTH_BYTES = 32 << 20

function recordsOf(body: Uint8Array, encoding: Encoding, options: SourceRecord['options']): readonly SourceRecord[] {
  const request = hash('sha256', body, 'base64url').slice(0, 22)
  const limits = { maxRecords: MOST_RECORDS, maxBytes: GROWTH_BYTES + 2 * body.length }
  const records: SourceRecord[] = []
  for (const { bytes, saysTime } of splitEnvelope(body, encoding, limits)) {
    records.push({
      bytes,
      format: 'otlp',
      ...(options !== undefined && { options }),
      ...(saysTime && { fallbackId: `otlp:${request}:${records.length}` }),
    })
  }
  return records
}

function firstRejection({ results }: Receipt, offset: number): string {
  for (const [n, result] of results.entries()) {
    if ('rejected' in result) return `log record ${offset + n}: ${result.rejected.code}: ${result.rejected.message}`
  }
  return ''
}
