import { Writer } from 'protobufjs/minimal.js'
import { AuditError } from '../domain/errors.ts'
import { itemSpans, memberSpan } from '../lib/json-scan.ts'
import { BrokenProtobuf, fieldsOf } from './otlp-wire.ts'

/**
 * The log records of an `ExportLogsServiceRequest` (or `LogsData`, which is the same), in protobuf or in JSON, each in an
 * envelope of its own: again a `LogsData`, with one resource, one scope and one record, whose bytes are those that were
 * sent. So a record can be kept, sent on and decoded by itself.
 *
 * https://opentelemetry.io/docs/specs/otlp/, opentelemetry/proto/logs/v1/logs.proto.
 *
 * @throws AuditError `bad_request` for what is no such message, `too_large` for more than `maxRecords` records, or for
 *   more than `maxBytes` in all envelopes together: resources are repeated in each.
 */
export function* splitEnvelope(
  bytes: Uint8Array,
  encoding: Encoding,
  limits: { readonly maxRecords: number; readonly maxBytes: number },
): Generator<OneRecord> {
  let records = 0
  let total = 0
  for (const envelope of encoding === 'json' ? splitJson(bytes) : splitProtobuf(bytes)) {
    records++
    total += envelope.bytes.length
    if (records > limits.maxRecords) throw tooLarge(`more than ${limits.maxRecords} log records`)
    if (total > limits.maxBytes) {
      throw tooLarge(`log records that have more than ${limits.maxBytes} bytes, each with its resource`)
    }
    yield envelope
  }
}

export interface OneRecord {
  readonly bytes: Uint8Array
  /** Whether the log record says when it happened or was seen. */
  readonly saysTime: boolean
}

export type Encoding = 'json' | 'protobuf'

/** As a record's first byte tells: no protobuf message of OTLP begins with a brace, white space or a byte order mark. */
export function encodingOf(bytes: Uint8Array): Encoding {
  const first = bytes[0] ?? 0
  return first === 0x7b || first === 0x20 || first === 0x09 || first === 0x0d || first === 0xef ? 'json' : 'protobuf'
}

function* splitJson(bytes: Uint8Array): Generator<OneRecord> {
  for (const group of itemsIn(bytes, 'resourceLogs')) {
    const resource = memberIn(group, 'resource')
    const groupSchema = memberIn(group, 'schemaUrl')
    for (const inner of itemsIn(group, 'scopeLogs')) {
      const scope = memberIn(inner, 'scope')
      const innerSchema = memberIn(inner, 'schemaUrl')
      for (const record of itemsIn(inner, 'logRecords')) {
        const envelope = Buffer.concat([
          text('{"resourceLogs":[{'),
          ...member('resource', resource),
          text('"scopeLogs":[{'),
          ...member('scope', scope),
          text('"logRecords":['),
          record,
          text(']'),
          ...lastMember('schemaUrl', innerSchema),
          text('}]'),
          ...lastMember('schemaUrl', groupSchema),
          text('}]}'),
        ])
        yield { bytes: envelope, saysTime: saysTimeInJson(record) }
      }
    }
  }
}

function itemsIn(bytes: Uint8Array, key: string): readonly Uint8Array[] {
  return (itemSpans(bytes, key) ?? []).map(({ start, end }) => bytes.subarray(start, end))
}

function memberIn(bytes: Uint8Array, key: string): Uint8Array | undefined {
  const span = memberSpan(bytes, key)
  return span && bytes.subarray(span.start, span.end)
}

function member(key: string, value: Uint8Array | undefined): readonly Uint8Array[] {
  return value === undefined ? [] : [text(`"${key}":`), value, text(',')]
}

function lastMember(key: string, value: Uint8Array | undefined): readonly Uint8Array[] {
  return value === undefined ? [] : [text(`,"${key}":`), value]
}

function text(ascii: string): Uint8Array {
  return Buffer.from(ascii, 'latin1')
}

function* splitProtobuf(bytes: Uint8Array): Generator<OneRecord> {
  try {
    for (const group of partsOf(bytes, RESOURCE_LOGS).items) {
      const { head: resource, items, schema } = partsOf(group, SCOPE_LOGS)
      for (const inner of items) {
        const { head: scope, items: records, schema: innerSchema } = partsOf(inner, LOG_RECORDS)
        for (const record of records) {
          const scopeLogs = message(scope, LOG_RECORDS, record, innerSchema)
          const writer = Writer.create().uint32(tagOf(RESOURCE_LOGS))
          const envelope = writer.bytes(message(resource, SCOPE_LOGS, scopeLogs, schema)).finish()
          yield { bytes: envelope, saysTime: saysTimeInProtobuf(record) }
        }
      }
    }
  } catch (error) {
    if (!(error instanceof BrokenProtobuf)) throw error
    const hint = 'send an ExportLogsServiceRequest, and say by content-type how it is encoded'
    throw new AuditError('bad_request', `the body is no OTLP logs: ${error.message}`, { cause: error, hint })
  }
}

/** `timeUnixNano` and `observedTimeUnixNano`, as a key anywhere in it: what is only mistaken for one costs nothing. */
function saysTimeInJson(record: Uint8Array): boolean {
  return Buffer.from(record.buffer, record.byteOffset, record.length).includes('imeUnixNano":')
}

/** Fields 1 and 11 of LogRecord; 0 says nothing. Encoders write the first one first. */
function saysTimeInProtobuf(record: Uint8Array): boolean {
  for (const { field, bits } of fieldsOf(record)) if ((field === 1 || field === 11) && bits > 0n) return true
  return false
}

/** Field numbers. Both levels have what they describe in field 1 and the schema in field 3. */
const RESOURCE_LOGS = 1
const SCOPE_LOGS = 2
const LOG_RECORDS = 2
const HEAD = 1
const SCHEMA_URL = 3

interface Parts {
  readonly head: Uint8Array | undefined
  readonly items: readonly Uint8Array[]
  readonly schema: Uint8Array | undefined
}

function partsOf(bytes: Uint8Array, itemField: number): Parts {
  let head: Uint8Array | undefined
  let schema: Uint8Array | undefined
  const items: Uint8Array[] = []
  for (const { field, payload } of fieldsOf(bytes)) {
    if (payload === undefined) continue
    if (field === itemField) items.push(payload)
    // A message that comes twice is merged, which for its bytes is one behind the other.
    else if (field === HEAD) head = head === undefined ? payload : Buffer.concat([head, payload])
    else if (field === SCHEMA_URL) schema = payload
  }
  return { head, items, schema }
}

function message(
  head: Uint8Array | undefined,
  field: number,
  item: Uint8Array,
  schema: Uint8Array | undefined,
): Uint8Array {
  const writer = Writer.create()
  if (head !== undefined) writer.uint32(tagOf(HEAD)).bytes(head)
  writer.uint32(tagOf(field)).bytes(item)
  if (schema !== undefined) writer.uint32(tagOf(SCHEMA_URL)).bytes(schema)
  return writer.finish()
}

/** Of a field with a length: wire type 2. */
function tagOf(field: number): number {
  return (field << 3) | 2
}

function tooLarge(what: string): AuditError {
  return new AuditError('too_large', `the request has ${what}`, { hint: 'send smaller batches' })
}
