import type { Json } from '../domain/event.ts'
import type { OtlpRecord } from './otlp-record.ts'
import { microsOf, VALUE_DEPTH_LIMIT } from './otlp-record.ts'
import { BrokenProtobuf, fieldsOf } from './otlp-wire.ts'

/**
 * Reads a `LogsData` that holds one log record (opentelemetry/proto/logs/v1/logs.proto and common/v1/common.proto).
 * Fields that are not known are passed over. Undefined: it holds no record, or more than one.
 *
 * @throws BrokenProtobuf
 */
export function readProtobuf(bytes: Uint8Array): OtlpRecord | undefined {
  const group = payloadsOf(bytes, RESOURCE_LOGS)
  const inner = payloadsOf(group.only, SCOPE_LOGS)
  const record = payloadsOf(inner.only, LOG_RECORDS)
  if (record.count !== 1 || inner.count !== 1 || group.count !== 1) return undefined
  const resource = attributesOf(payloadsOf(group.only, RESOURCE).only)
  return { ...logRecordOf(record.only), ...scopeOf(payloadsOf(inner.only, SCOPE).only), resource }
}

const RESOURCE_LOGS = 1
const RESOURCE = 1
const SCOPE_LOGS = 2
const SCOPE = 1
const LOG_RECORDS = 2
const EMPTY = new Uint8Array()

/** The last payload of a field, empty where there is none, and how many there are. */
function payloadsOf(bytes: Uint8Array, wanted: number): { readonly only: Uint8Array; readonly count: number } {
  let only: Uint8Array = EMPTY
  let count = 0
  for (const { field, payload } of fieldsOf(bytes)) {
    if (field !== wanted || payload === undefined) continue
    only = payload
    count++
  }
  return { only, count }
}

/** Resource: attributes are its field 1. */
function attributesOf(bytes: Uint8Array): ReadonlyMap<string, Json> {
  const attributes = new Map<string, Json>()
  for (const { field, payload } of fieldsOf(bytes)) {
    if (field === 1 && payload !== undefined) addKeyValue(attributes, payload, 1)
  }
  return attributes
}

function scopeOf(bytes: Uint8Array): Pick<OtlpRecord, 'scopeName' | 'scopeVersion' | 'scope'> {
  let scopeName = ''
  let scopeVersion = ''
  const scope = new Map<string, Json>()
  for (const { field, payload } of fieldsOf(bytes)) {
    if (payload === undefined) continue
    if (field === 1) scopeName = textOf(payload)
    else if (field === 2) scopeVersion = textOf(payload)
    else if (field === 3) addKeyValue(scope, payload, 1)
  }
  return { scopeName, scopeVersion, scope }
}

function logRecordOf(bytes: Uint8Array): Omit<OtlpRecord, 'resource' | 'scopeName' | 'scopeVersion' | 'scope'> {
  const attributes = new Map<string, Json>()
  let [time, observed] = [0n, 0n]
  let [severity, droppedAttributes] = [0, 0]
  let [severityText, traceId, spanId, eventName] = ['', '', '', '']
  let body: Value = {}
  for (const { field, payload, bits } of fieldsOf(bytes)) {
    if (field === 1) time = bits
    else if (field === 2) severity = Number(bits & 0xffff_ffffn)
    else if (field === 3 && payload) severityText = textOf(payload)
    else if (field === 5 && payload) body = valueOf(payload, 1)
    else if (field === 6 && payload) addKeyValue(attributes, payload, 1)
    else if (field === 7) droppedAttributes = Number(bits & 0xffff_ffffn)
    else if (field === 9 && payload) traceId = hexOf(payload)
    else if (field === 10 && payload) spanId = hexOf(payload)
    else if (field === 11) observed = bits
    else if (field === 12 && payload) eventName = textOf(payload)
  }
  return {
    time: microsOf(time),
    observed: microsOf(observed),
    severity,
    severityText,
    body: body.json,
    rawBody: body.bytes,
    attributes,
    droppedAttributes,
    traceId,
    spanId,
    eventName,
  }
}

/** Of a key that is there twice the first value stays: whoever appends an attribute does not replace one. */
function addKeyValue(into: Map<string, Json>, bytes: Uint8Array, depth: number): void {
  let key = ''
  let value: Value = {}
  for (const { field, payload } of fieldsOf(bytes)) {
    if (payload === undefined) continue
    if (field === 1) key = textOf(payload)
    else if (field === 2) value = valueOf(payload, depth)
  }
  if (key !== '' && value.json !== undefined && !into.has(key)) into.set(key, value.json)
}

interface Value {
  readonly json?: Json
  readonly bytes?: Uint8Array
}

/** AnyValue. A whole number beyond what JSON holds is its text; bytes are base64. */
function valueOf(bytes: Uint8Array, depth: number): Value {
  if (depth > VALUE_DEPTH_LIMIT) throw new BrokenProtobuf(`values lie more than ${VALUE_DEPTH_LIMIT} deep`)
  let value: Value = {}
  for (const { field, payload, bits } of fieldsOf(bytes)) {
    if (field === 1 && payload) value = { json: textOf(payload), bytes: payload }
    else if (field === 2) value = { json: bits !== 0n }
    else if (field === 3) value = { json: wholeNumber(BigInt.asIntN(64, bits)) }
    else if (field === 4) value = { json: doubleOf(bits) }
    else if (field === 5 && payload) value = { json: listOf(payload, depth + 1) }
    else if (field === 6 && payload) value = { json: mapOf(payload, depth + 1) }
    else if (field === 7 && payload) value = { json: bufferOf(payload).toString('base64'), bytes: payload }
  }
  return value
}

function listOf(bytes: Uint8Array, depth: number): Json {
  const values: Json[] = []
  for (const { field, payload } of fieldsOf(bytes)) {
    if (field === 1 && payload !== undefined) values.push(valueOf(payload, depth).json ?? null)
  }
  return values
}

function mapOf(bytes: Uint8Array, depth: number): Json {
  const values = new Map<string, Json>()
  for (const { field, payload } of fieldsOf(bytes)) {
    if (field === 1 && payload !== undefined) addKeyValue(values, payload, depth)
  }
  return Object.fromEntries(values)
}

export function wholeNumber(value: bigint): Json {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

const scratch = new DataView(new ArrayBuffer(8))

function doubleOf(bits: bigint): Json {
  scratch.setBigUint64(0, bits)
  const number = scratch.getFloat64(0)
  return Number.isFinite(number) ? number : String(number)
}

function textOf(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('utf8')
}

function hexOf(bytes: Uint8Array): string {
  return bytes.length <= 16 ? bufferOf(bytes).toString('hex') : ''
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
