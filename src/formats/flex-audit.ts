import type { Json, JsonObject } from '../domain/event.ts'
import { readEdn } from '../lib/edn.ts'
import { flexEvent } from './flex-audit-event.ts'
import type { DecodeContext, Decoded, Format, Reject, Truncation } from './format.ts'
import { DEPTH_LIMIT, PARSE_LIMIT_BYTES, RECORD_LIMIT_BYTES, tooLarge } from './limits.ts'
import { isObject } from './loose.ts'
import type { RecordText } from './original.ts'
import { recordText } from './original.ts'
import { parseRecord, typeName } from './record-json.ts'

/**
 * Records of the audit log of Flex and Kpow, as EDN or JSON. One record is one event; a request and its response are two,
 * joined by `http.request.id` where the record has an id. Kinds of records that nobody has described are read by the same
 * rules: their keyword is the action.
 */
export const flexAudit: Format = {
  name: 'flex-audit',
  version: 1,
  decode(bytes, context) {
    if (bytes.length > PARSE_LIMIT_BYTES) return tooLarge(bytes.length)
    const kept = recordText(bytes)
    const read = readRecord(bytes, kept)
    return read.kind === 'reject' ? read : decodedOf(read, bytes.length, kept, context)
  },
}

interface Read {
  readonly kind: 'record'
  readonly value: JsonObject
  readonly truncated: readonly Truncation[]
}

const JSON_BEGINS = /^\ufeff?\s*\{\s*["}]/

/** A JSON text that is none may still be EDN: maps with texts for keys look alike. */
function readRecord(bytes: Uint8Array, kept: RecordText): Read | Reject {
  if (!JSON_BEGINS.test(kept.text.slice(0, 200))) return readAsEdn(bytes, kept)
  const json = parseRecord(bytes)
  if (json.kind === 'reject') {
    const edn = readAsEdn(bytes, kept)
    return edn.kind === 'record' ? edn : json
  }
  const isDeep = json.depth > DEPTH_LIMIT
  const value = isDeep ? (shallow(json.value, DEPTH_LIMIT) as JsonObject) : json.value
  return { kind: 'record', value, truncated: cutsOf(isDeep, json.unsafeKeys) }
}

function readAsEdn(bytes: Uint8Array, kept: RecordText): Read | Reject {
  const text = bytes.length > RECORD_LIMIT_BYTES ? Buffer.from(bytes).toString('utf8') : kept.text
  const read = readEdn(text, DEPTH_LIMIT)
  if (read.kind === 'broken') {
    const message = `the record is neither EDN nor JSON: ${read.message}`
    return { kind: 'reject', reason: 'not_json', message }
  }
  if (!isObject(read.value)) {
    return { kind: 'reject', reason: 'wrong_type', message: `the record is ${typeName(read.value)}, not a map` }
  }
  return { kind: 'record', value: read.value, truncated: cutsOf(read.cutDeep, read.unsafeKeys) }
}

function cutsOf(isDeep: boolean, unsafeKeys: boolean): readonly Truncation[] {
  return [
    ...(isDeep ? [{ path: 'audit', bytes: 0, reason: 'depth_limit' }] : []),
    ...(unsafeKeys ? [{ path: 'audit', bytes: 0, reason: 'unsafe_keys' }] : []),
  ]
}

/** What is nested deeper is null, as the reader of EDN has it. */
function shallow(value: Json | undefined, levels: number): Json {
  if (typeof value !== 'object' || value === null) return value ?? null
  if (levels === 0) return null
  // Array.isArray does not narrow a readonly array.
  if (Array.isArray(value)) return (value as readonly Json[]).map((each) => shallow(each, levels - 1))
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shallow(each, levels - 1)]))
}

function decodedOf(read: Read, sizeBytes: number, kept: RecordText, context: DecodeContext): Decoded {
  const made = flexEvent(read.value, {
    now: new Date(context.now).toISOString(),
    cluster: context.cluster ?? context.source,
    original: kept.original,
    withBodies: sizeBytes <= RECORD_LIMIT_BYTES,
  })
  if (made === undefined) {
    const message = 'the record names no action: neither data.event nor type is a keyword'
    return { kind: 'reject', reason: 'missing_field', path: 'data.event', message }
  }
  const { truncated: cutOriginal = [], ...whole } = kept.kept
  const truncated = [...read.truncated, ...cutOriginal, ...(sizeBytes <= RECORD_LIMIT_BYTES ? [] : BODIES_CUT)]
  return {
    kind: 'events',
    events: [
      {
        event: made.event,
        ...whole,
        ...(!made.saysItsTime && { trust: ['time:collected'] }),
        ...(truncated.length > 0 && { truncated }),
      },
    ],
  }
}

const BODIES_CUT: readonly Truncation[] = ['audit.request', 'audit.response'].map((path) => {
  return { path, bytes: 0, reason: 'record_limit' }
})
