import type { Json, JsonObject } from '../domain/event.ts'
import type { Micros } from '../domain/time.ts'
import { isObject, objectIn, stringIn } from './loose.ts'
import { wholeNumber } from './otlp-protobuf.ts'
import type { OtlpRecord } from './otlp-record.ts'
import { microsOf, VALUE_DEPTH_LIMIT } from './otlp-record.ts'

/**
 * Reads a `LogsData` in JSON that holds one log record: 64-bit numbers are texts and ids are hex
 * (https://opentelemetry.io/docs/specs/otlp/, JSON Protobuf Encoding). Fields of an unexpected type are passed over.
 * Undefined: it holds no record, or more than one.
 *
 * @param data At most DEPTH_LIMIT deep.
 */
export function readJson(data: JsonObject): OtlpRecord | undefined {
  const [group, ...otherGroups] = objectsIn(data, 'resourceLogs')
  const [inner, ...otherInner] = objectsIn(group, 'scopeLogs')
  const [record, ...otherRecords] = objectsIn(inner, 'logRecords')
  if (record === undefined || otherGroups.length + otherInner.length + otherRecords.length > 0) return undefined
  const scope = objectIn(inner, 'scope')
  return {
    ...logRecordOf(record),
    resource: attributesOf(objectIn(group, 'resource')),
    scopeName: stringIn(scope, 'name') ?? '',
    scopeVersion: stringIn(scope, 'version') ?? '',
    scope: attributesOf(scope),
  }
}

function objectsIn(record: JsonObject | undefined, name: string): readonly JsonObject[] {
  const value = record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined
  return Array.isArray(value) ? value.filter(isObject) : []
}

function logRecordOf(record: JsonObject): Omit<OtlpRecord, 'resource' | 'scopeName' | 'scopeVersion' | 'scope'> {
  const body = objectIn(record, 'body')
  return {
    time: timeIn(record, 'timeUnixNano'),
    observed: timeIn(record, 'observedTimeUnixNano'),
    severity: Number(bigIn(record, 'severityNumber') ?? 0n),
    severityText: stringIn(record, 'severityText') ?? '',
    body: valueOf(body, 1),
    rawBody: rawBodyOf(body),
    attributes: attributesOf(record),
    droppedAttributes: Number(bigIn(record, 'droppedAttributesCount') ?? 0n),
    traceId: hexIn(record, 'traceId'),
    spanId: hexIn(record, 'spanId'),
    eventName: stringIn(record, 'eventName') ?? '',
  }
}

/** Digits are exact. A number of so many nanoseconds is not: its microseconds are, rounded. */
function timeIn(record: JsonObject, name: string): Micros | undefined {
  const value = Object.hasOwn(record, name) ? record[name] : undefined
  if (typeof value === 'number') return value >= 1000 && value < 2 ** 64 ? Math.round(value / 1000) : undefined
  // As all times since 1970 are. Without the last three digits they are microseconds.
  if (typeof value === 'string' && /^[1-9]\d{3,18}$/.test(value)) return Number(value.slice(0, -3))
  return microsOf(bigIn(record, name) ?? 0n)
}

/** A whole number, as a text of digits or as a number. */
function bigIn(record: JsonObject, name: string): bigint | undefined {
  const value = Object.hasOwn(record, name) ? record[name] : undefined
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined
}

function hexIn(record: JsonObject, name: string): string {
  const value = stringIn(record, name) ?? ''
  return /^[0-9a-fA-F]{1,32}$/.test(value) ? value.toLowerCase() : ''
}

function rawBodyOf(body: JsonObject | undefined): OtlpRecord['rawBody'] {
  const text = stringIn(body, 'stringValue')
  if (text !== undefined) return text
  const bytes = stringIn(body, 'bytesValue')
  return bytes === undefined ? undefined : Buffer.from(bytes, 'base64')
}

function attributesOf(holder: JsonObject | undefined): ReadonlyMap<string, Json> {
  return keyValuesOf(holder, 'attributes', 1)
}

/** Of a key that is there twice the first value stays, as in protobuf. */
function keyValuesOf(holder: JsonObject | undefined, name: string, depth: number): ReadonlyMap<string, Json> {
  const values = new Map<string, Json>()
  for (const each of objectsIn(holder, name)) {
    const key = stringIn(each, 'key')
    const value = valueOf(objectIn(each, 'value'), depth)
    if (key !== undefined && value !== undefined && !values.has(key)) values.set(key, value)
  }
  return values
}

/** AnyValue: an object with one key that says the type. */
function valueOf(value: JsonObject | undefined, depth: number): Json | undefined {
  if (value === undefined || depth > VALUE_DEPTH_LIMIT) return undefined
  for (const type in value) {
    const inside = value[type]
    if (type === 'stringValue' || type === 'bytesValue') return typeof inside === 'string' ? inside : undefined
    if (type === 'boolValue') return typeof inside === 'boolean' ? inside : undefined
    if (type === 'doubleValue') return typeof inside === 'number' || typeof inside === 'string' ? inside : undefined
    if (type === 'intValue') return intOf(value)
    if (type === 'arrayValue') {
      return objectsIn(isObject(inside) ? inside : undefined, 'values').map((each) => valueOf(each, depth + 1) ?? null)
    }
    if (type === 'kvlistValue') {
      return Object.fromEntries(keyValuesOf(isObject(inside) ? inside : undefined, 'values', depth + 1))
    }
  }
  return undefined
}

function intOf(value: JsonObject): Json | undefined {
  const said = value['intValue']
  if (typeof said === 'string' && /^[1-9]\d{0,14}$/.test(said)) return Number(said)
  const number = bigIn(value, 'intValue')
  return number === undefined ? undefined : wholeNumber(number)
}
