import { AuditError } from '../domain/errors.ts'
import { arraySpans, memberSpan, splitLines } from '../lib/json-scan.ts'
import type { SourceRecord } from './source.ts'

/**
 * The records of a request's body: one JSON object, a JSON array, or NDJSON (an object a line). Their bytes are cut out
 * verbatim; a record that is broken in itself is handed on and rejected alone.
 *
 * @param format Name of the records' format.
 * @throws AuditError `bad_request` for a body that is empty or no list where one began, `too_large` beyond `maxRecords`.
 */
export function recordsOf(
  body: Uint8Array,
  contentType: string | undefined,
  format: string,
  maxRecords = Infinity,
): readonly SourceRecord[] {
  return bytesOfRecords(body, contentType, maxRecords).map((bytes) => ({ bytes, format }))
}

function bytesOfRecords(body: Uint8Array, contentType: string | undefined, maxRecords: number): readonly Uint8Array[] {
  const first = firstByte(body)
  if (first === undefined) {
    throw new AuditError('bad_request', 'the body is empty', { hint: 'send a JSON object, a JSON array or NDJSON' })
  }
  if (saysLines(contentType)) return splitLines(body, maxRecords)
  if (first === OPEN_ARRAY) return arraySpans(body, 0, maxRecords).map(({ start, end }) => body.subarray(start, end))
  return isOneObject(body) ? [body] : splitLines(body, maxRecords)
}

const OPEN_ARRAY = 0x5b
const LF = 0x0a

function firstByte(body: Uint8Array): number | undefined {
  return body.find((byte) => byte !== 0x20 && byte !== LF && byte !== 0x0d && byte !== 0x09)
}

function saysLines(contentType: string | undefined): boolean {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  return (
    type === 'text/plain' ||
    type === 'application/x-ndjson' ||
    type === 'application/ndjson' ||
    type === 'application/jsonl'
  )
}

/** Pretty-printed, an object has many lines too. One without line ends is one record, whole or not. */
function isOneObject(body: Uint8Array): boolean {
  if (!body.includes(LF)) return true
  try {
    memberSpan(body, '')
    return true
  } catch {
    return false
  }
}
