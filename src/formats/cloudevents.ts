import { z } from 'zod'
import type { Actor, AuditEvent, JsonObject, UserKind } from '../domain/event.ts'
import { formatTime, parseTime } from '../domain/time.ts'
import { memberSpan } from '../lib/json-scan.ts'
import { parseStrict } from '../lib/strict.ts'
import type { DecodeContext, Decoded, DecodedEvent, Format, Reject } from './format.ts'
import { DEPTH_LIMIT, LABELS_LIMIT, RECORD_LIMIT_BYTES } from './limits.ts'
import { dropEmpty, isObject, stringIn } from './loose.ts'
import type { RecordJson } from './record-json.ts'
import { parseRecord } from './record-json.ts'

/** Gives a format under its options: handed in, since the list of formats holds this one too. */
type FormatBy = (name: string, options: unknown) => Format

/**
 * CloudEvents 1.0 in JSON (structured mode; receivers cut batches into items and make binary mode structured). The type is
 * the action, the subject the thing, the auth context extension the actor. With `options: { data: FORMAT }` the data is
 * a record of that format and the event is what it makes of it.
 */
export function createCloudEvents(formatBy: FormatBy): Format {
  const plain: Format = {
    name: 'cloudevents',
    version: 2,
    configure(given) {
      const { data, dataOptions } = parseStrict(options, given, 'options of cloudevents')
      const inner = data === undefined ? undefined : formatBy(data, dataOptions)
      return { ...plain, decode: (bytes, context) => decode(bytes, context, inner) }
    },
    decode: (bytes, context) => decode(bytes, context, undefined),
  }
  return plain
}

const options = z.strictObject({
  /** Format of the data. */
  data: z.string().exactOptional(),
  dataOptions: z.record(z.string(), z.unknown()).exactOptional(),
})

function decode(bytes: Uint8Array, context: DecodeContext, inner: Format | undefined): Decoded {
  const record = parseRecord(bytes)
  if (record.kind === 'reject') return record
  const refusal = refusalOf(record, bytes.length)
  if (refusal !== undefined) return refusal
  return inner === undefined ? ownEvent(record, context) : dataEvents(record, bytes, inner, context)
}

function refusalOf({ value, depth, unsafeKeys }: RecordJson, sizeBytes: number): Reject | undefined {
  if (sizeBytes > RECORD_LIMIT_BYTES) {
    const message = `the record has ${sizeBytes} bytes; at most ${RECORD_LIMIT_BYTES} are taken`
    return { kind: 'reject', reason: 'too_large', message }
  }
  if (depth > DEPTH_LIMIT) return { kind: 'reject', reason: 'too_deep', message: `the record is nested ${depth} deep` }
  if (unsafeKeys) {
    return { kind: 'reject', reason: 'wrong_type', path: '__proto__', message: 'the record has a key __proto__' }
  }
  if (stringIn(value, 'specversion')?.startsWith('1.') !== true) {
    const message = 'the record is no CloudEvent of version 1: it has no specversion 1.0'
    return { kind: 'reject', reason: 'unknown_kind', path: 'specversion', message }
  }
  const missing = ['id', 'source', 'type'].find((name) => stringIn(value, name) === undefined)
  if (missing === undefined) return undefined
  const message = `${missing} is missing or no text`
  return { kind: 'reject', reason: 'missing_field', path: missing, message }
}

/** CloudEvents 1.0, 3.1: source and id together name an event. */
function naturalIdOf(value: JsonObject): string {
  return `${stringIn(value, 'source')}|${stringIn(value, 'id')}`
}

function ownEvent({ value, text }: RecordJson, context: DecodeContext): Decoded {
  const time = parseTime(stringIn(value, 'time') ?? '')
  const subject = stringIn(value, 'subject')
  const event: AuditEvent = {
    '@timestamp': time === undefined ? new Date(context.now).toISOString() : formatTime(time),
    event: {
      action: (stringIn(value, 'type') ?? '').toLowerCase(),
      outcome: 'unknown',
      kind: 'event',
      type: ['info'],
      dataset: 'cloudevents',
      provider: stringIn(value, 'source') ?? '',
      original: text,
    },
    user: actorOf(value),
    audit: dropEmpty({
      resource: subject === undefined ? [] : [{ type: 'subject', name: subject }],
      request: isObject(value['data']) ? value['data'] : undefined,
    }),
    ...traceOf(value),
    labels: labelsOf(value),
  }
  const trust = time === undefined ? ['time:collected'] : []
  return { kind: 'events', events: [{ event, naturalId: naturalIdOf(value), ...dropEmpty({ trust }) }] }
}

/** The data as its format reads it; the envelope is kept in labels, and its id names the first event. */
function dataEvents(record: RecordJson, bytes: Uint8Array, inner: Format, context: DecodeContext): Decoded {
  const data = dataOf(record.value, bytes)
  if (data === undefined) {
    return {
      kind: 'reject',
      reason: 'missing_field',
      path: 'data',
      message: `there is no data to be read as ${inner.name}`,
    }
  }
  const decoded = inner.decode(data, context)
  if (decoded.kind === 'reject') {
    return { ...decoded, message: `data: ${decoded.message}`, path: ['data', decoded.path].filter(Boolean).join('.') }
  }
  const labels = labelsOf(record.value)
  const name = naturalIdOf(record.value)
  const events = decoded.events.map((each, nth): DecodedEvent => ({
    ...each,
    naturalId: each.naturalId ?? (nth === 0 ? name : `${name}/${nth}`),
    event: {
      ...each.event,
      event: { ...originalOf(each, record.text), ...each.event.event },
      labels: { ...labels, ...each.event.labels },
    },
  }))
  return { ...decoded, events }
}

/** What says all by itself has no original of its own; here it does not say what was around it. */
function originalOf({ masked, truncated, originalBase64 }: DecodedEvent, text: string): { original?: string } {
  return masked === undefined && truncated === undefined && originalBase64 === undefined ? { original: text } : {}
}

/** JSON as it stands in the record; a text is the record itself; base64 is taken apart. */
function dataOf(value: JsonObject, bytes: Uint8Array): Uint8Array | undefined {
  const encoded = stringIn(value, 'data_base64')
  if (encoded !== undefined) return Buffer.from(encoded, 'base64')
  const text = stringIn(value, 'data')
  if (text !== undefined) return Buffer.from(text)
  if (value['data'] === undefined || value['data'] === null) return undefined
  const span = spanOfData(bytes)
  return span && bytes.subarray(span.start, span.end)
}

function spanOfData(bytes: Uint8Array) {
  try {
    return memberSpan(bytes, 'data')
  } catch {
    // Said twice: which one counts would depend on the reader.
    return undefined
  }
}

const KINDS: ReadonlyMap<string, UserKind> = new Map([
  ['app_user', 'person'],
  ['user', 'person'],
  ['service_account', 'service'],
  ['api_key', 'service'],
  ['system', 'system'],
  ['unauthenticated', 'anonymous'],
])

/** The auth context extension: `authtype`, `authid`. */
function actorOf(value: JsonObject): Actor {
  const id = stringIn(value, 'authid')
  const kind = KINDS.get(stringIn(value, 'authtype') ?? '')
  return dropEmpty({ kind, id, email: id?.includes('@') === true && kind !== 'service' ? id : undefined })
}

/** The distributed tracing extension: `traceparent` is version, trace, span and flags. */
function traceOf(value: JsonObject): { trace?: { id: string } } {
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(stringIn(value, 'traceparent') ?? '')?.[1]
  return trace === undefined ? {} : { trace: { id: trace } }
}

const NOT_LABELS = new Set(['specversion', 'id', 'time', 'data', 'data_base64', 'authid', 'authtype', 'traceparent'])

/** Attributes and extensions: plain values by definition (CloudEvents 1.0, 3). */
function labelsOf(value: JsonObject): Record<string, string> {
  const labels: [string, string][] = []
  for (const [name, each] of Object.entries(value)) {
    if (labels.length >= LABELS_LIMIT || NOT_LABELS.has(name)) continue
    if (typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean') {
      labels.push([`cloudevents.${name}`.slice(0, 256), String(each).slice(0, 8192)])
    }
  }
  return Object.fromEntries(labels)
}
