import { gunzipSync } from 'node:zlib'
import { AuditError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/event.ts'
import { itemSpans } from '../lib/json-scan.ts'
import type { Reject } from './format.ts'
import { PARSE_LIMIT_BYTES } from './limits.ts'
import { isObject, objectIn, stringIn } from './loose.ts'

/** What an envelope held: records as bytes, and what in it cannot be one. */
export type Unwrapped = readonly (Uint8Array | Reject)[]

/**
 * Takes audit records out of what their cloud wrapped around them. Undefined: the value is a record itself.
 *
 * - `EventList` of audit.k8s.io: its items, by byte span.
 * - A document of a CloudWatch Logs subscription (EKS), plain, as Lambda gets it (`awslogs.data`) or as Firehose sends it.
 * - Azure's resource logs (AKS): `{"records":[…]}` as they come over Event Hubs, or one of them.
 * - A push message of Google's Pub/Sub, with an entry of Cloud Logging in it (GKE).
 *
 * @param bytes What `value` was parsed from.
 * @param budget How much all that is compressed in one record may become.
 * @returns A Reject for an envelope that holds something else as a whole.
 */
export function unwrapped(value: JsonObject, bytes: Uint8Array, budget: Budget): Unwrapped | Reject | undefined {
  if (stringIn(value, 'kind') === 'EventList') return itemsOf(bytes)
  if (Object.hasOwn(value, 'logEvents') || stringIn(value, 'messageType') !== undefined) return cloudWatchLines(value)
  const forLambda = stringIn(objectIn(value, 'awslogs'), 'data')
  if (forLambda !== undefined) return [fromBase64(forLambda, budget)]
  const records = value['records']
  if (Array.isArray(records)) return records.slice(0, MOST_ITEMS + 1).map((each) => recordOfCloud(each, budget))
  if (isAzureLog(value)) return [azureLine(value)]
  const pushed = stringIn(objectIn(value, 'message'), 'data')
  return pushed === undefined || !Object.hasOwn(value, 'subscription') ? undefined : [fromBase64(pushed, budget)]
}

/** Of records in one envelope. */
export const MOST_ITEMS = 10_000

/** Bytes that may still be inflated: an envelope can hold thousands of compressed ones. */
export interface Budget {
  bytes: number
}

/** The content of gzip, plain or in base64, within the limits of a record; undefined: it is neither. */
export function inflated(bytes: Uint8Array, budget: Budget): Uint8Array | Reject | undefined {
  if (bytes[0] === GZIP[0] && bytes[1] === GZIP[1]) return inflate(bytes, budget)
  if (!GZIP_IN_BASE64.every((byte, n) => bytes[n] === byte)) return undefined
  return inflate(Buffer.from(Buffer.from(bytes).toString('latin1'), 'base64'), budget)
}

const GZIP = [0x1f, 0x8b]
/** What the first three bytes of a gzip stream are in base64 (RFC 1952: ID1, ID2, CM 8). */
const GZIP_IN_BASE64 = [...Buffer.from('H4sI')]
const MAX_RATIO = 200

function inflate(bytes: Uint8Array, budget: Budget): Uint8Array | Reject {
  const maxOutputLength = Math.max(1, Math.min(PARSE_LIMIT_BYTES, bytes.length * MAX_RATIO, budget.bytes))
  // What is refused has cost as much as was allowed.
  budget.bytes -= maxOutputLength
  try {
    const content = gunzipSync(bytes, { maxOutputLength })
    budget.bytes += maxOutputLength - content.length
    return content
  } catch (error) {
    const isLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    const reason = isLarge ? 'too_large' : 'wrong_type'
    const message = isLarge
      ? `the record inflates to more than ${maxOutputLength} bytes`
      : 'the record is no whole gzip'
    return { kind: 'reject', reason, message }
  }
}

/** Bytes that may be compressed. What is broken in itself is told by who reads it. */
function fromBase64(text: string, budget: Budget): Uint8Array | Reject {
  const bytes = Buffer.from(text, 'base64')
  return inflated(bytes, budget) ?? bytes
}

function itemsOf(bytes: Uint8Array): Unwrapped | Reject {
  try {
    const spans = itemSpans(bytes, 'items', MOST_ITEMS) ?? []
    return spans.map(({ start, end }) => bytes.subarray(start, end))
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    const reason = error.code === 'too_large' ? 'too_large' : 'wrong_type'
    return { kind: 'reject', reason, path: 'items', message: error.message }
  }
}

/** A control message only asks whether somebody is there. Of EKS's streams one holds audit records. */
function cloudWatchLines(value: JsonObject): Unwrapped | Reject {
  if (stringIn(value, 'messageType') === 'CONTROL_MESSAGE') return []
  const stream = stringIn(value, 'logStream') ?? ''
  if (!stream.startsWith('kube-apiserver-audit')) {
    const message = 'the document is of another log stream than kube-apiserver-audit-…: subscribe to that alone'
    return { kind: 'reject', reason: 'unknown_kind', path: 'logStream', message }
  }
  const events = value['logEvents']
  if (!Array.isArray(events)) return wrong('logEvents', 'logEvents is no list')
  return events
    .slice(0, MOST_ITEMS + 1)
    .map((each) => withItself(lineOf(isObject(each) ? each : undefined, 'message'), each))
}

/** One of `records`: Azure's own, or what Firehose has in base64. */
function recordOfCloud(record: unknown, budget: Budget): Uint8Array | Reject {
  if (!isObject(record)) return wrong('records', 'a record is no object')
  const data = stringIn(record, 'data')
  return data === undefined ? withItself(azureLine(record), record) : fromBase64(data, budget)
}

/** A refusal with what it is about, so that it can be looked at and fed again. */
function withItself(line: Uint8Array | Reject, item: unknown): Uint8Array | Reject {
  return 'kind' in line ? { ...line, bytes: Buffer.from(JSON.stringify(item)) } : line
}

function isAzureLog(value: JsonObject): boolean {
  return stringIn(value, 'category') !== undefined && Object.hasOwn(value, 'properties')
}

const AZURE_CATEGORIES = new Set(['kube-audit', 'kube-audit-admin'])

/** The categories of AKS that hold audit records; the others are logs of programs. */
function azureLine(value: JsonObject): Uint8Array | Reject {
  if (AZURE_CATEGORIES.has(stringIn(value, 'category') ?? '')) return lineOf(objectIn(value, 'properties'), 'log')
  const message = 'the record is of another category than kube-audit and kube-audit-admin'
  return { kind: 'reject', reason: 'unknown_kind', path: 'category', message }
}

function lineOf(holder: JsonObject | undefined, key: string): Uint8Array | Reject {
  const line = stringIn(holder, key)
  if (line === undefined) return wrong(key, `${key} is no text`)
  // Half a surrogate pair has no bytes in UTF-8, so nothing could be kept as it was.
  if (!line.isWellFormed())
    return { kind: 'reject', reason: 'not_utf8', path: key, message: `${key} is no Unicode text` }
  return Buffer.from(line)
}

function wrong(path: string, message: string): Reject {
  return { kind: 'reject', reason: 'wrong_type', path, message }
}
