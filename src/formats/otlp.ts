import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { parseStrict } from '../lib/strict.ts'
import type { DecodeContext, Decoded, DecodedEvent, Format, Reject, Truncation } from './format.ts'
import { DEPTH_LIMIT, PARSE_LIMIT_BYTES, RECORD_LIMIT_BYTES, tooLarge } from './limits.ts'
import type { RecordText } from './original.ts'
import { recordText } from './original.ts'
import { encodingOf, splitEnvelope } from './otlp-envelope.ts'
import { otlpEvent } from './otlp-event.ts'
import { readJson } from './otlp-json.ts'
import { readProtobuf } from './otlp-protobuf.ts'
import type { OtlpRecord } from './otlp-record.ts'
import { BrokenProtobuf } from './otlp-wire.ts'
import { parseRecord } from './record-json.ts'

/** Finds a format by its name, under options of its own. */
export type FindFormat = (name: string, options: unknown) => Format

/**
 * Log records of OpenTelemetry: a `LogsData` (an `ExportLogsServiceRequest` is one) in protobuf or in JSON, as the
 * Collector's file exporter writes it too. The `otlp` source hands on one log record at a time, with its resource and
 * scope; a record with several becomes an event for each.
 *
 * @param find For `body: FORMAT`: what reads a body that is itself a record of another system.
 */
export function createOtlp(find: FindFormat): Format {
  return {
    ...otlpFormat(undefined),
    configure(options) {
      const { body, bodyOptions } = parseStrict(otlpOptions, options, 'options of otlp')
      if (body === undefined) return otlpFormat(undefined)
      if (body === OTLP) throw new AuditError('invalid_config', 'body of otlp names another format than otlp itself')
      return otlpFormat(find(body, bodyOptions))
    },
  }
}

const OTLP = 'otlp'

const otlpOptions = z.strictObject({
  /** Name of the format that the body of every log record is in. */
  body: z.string().exactOptional(),
  /** Of that format. */
  bodyOptions: z.record(z.string(), z.unknown()).exactOptional(),
})

function otlpFormat(inner: Format | undefined): Format {
  return {
    name: OTLP,
    version: 1,
    decode(bytes, context) {
      if (bytes.length > PARSE_LIMIT_BYTES) return tooLarge(bytes.length)
      const read = readRecord(bytes)
      if (read.kind === 'reject') return read
      return read.kind === 'one' ? decodeRecord(read, bytes, inner, context) : decodeAll(bytes, inner, context)
    },
  }
}

type Read = One | { readonly kind: 'several' } | Reject

interface One {
  readonly kind: 'one'
  readonly record: OtlpRecord
  /** The record as it was sent, where that is JSON. */
  readonly text?: string
}

function readRecord(bytes: Uint8Array): Read {
  if (encodingOf(bytes) === 'protobuf') return readProtobufRecord(bytes)
  const parsed = parseRecord(bytes)
  if (parsed.kind === 'reject') return parsed
  if (parsed.depth > DEPTH_LIMIT) {
    const message = `the record is nested ${parsed.depth} deep; at most ${DEPTH_LIMIT} is taken`
    return { kind: 'reject', reason: 'too_deep', message }
  }
  const record = readJson(parsed.value)
  return record === undefined ? { kind: 'several' } : { kind: 'one', record, text: parsed.text }
}

function readProtobufRecord(bytes: Uint8Array): Read {
  try {
    const record = readProtobuf(bytes)
    return record === undefined ? { kind: 'several' } : { kind: 'one', record }
  } catch (error) {
    if (!(error instanceof BrokenProtobuf)) throw error
    return { kind: 'reject', reason: 'wrong_type', message: `the record is no LogsData of OTLP: ${error.message}` }
  }
}

/** One record, so one verdict: a log record that cannot be taken refuses all. The `otlp` source hands them on one by one. */
function decodeAll(bytes: Uint8Array, inner: Format | undefined, context: DecodeContext): Decoded {
  const events: DecodedEvent[] = []
  const rejects: Reject[] = []
  for (const each of spread(bytes)) {
    const read = each instanceof Uint8Array ? readRecord(each) : each
    if (read.kind === 'reject') return read
    const isOne = each instanceof Uint8Array && read.kind === 'one'
    const decoded = isOne ? decodeRecord(read, each, inner, context) : NO_RECORD
    if (decoded.kind === 'reject') return decoded
    events.push(...decoded.events)
    rejects.push(...(decoded.rejects ?? []))
  }
  if (events.length === 0) return rejects[0] ?? NO_RECORD
  return { kind: 'events', events, ...(rejects.length > 0 && { rejects }) }
}

const NO_RECORD: Reject = {
  kind: 'reject',
  reason: 'missing_field',
  path: 'resourceLogs',
  message: 'the record has no log record in resourceLogs, scopeLogs, logRecords',
}

/** Each log record in an envelope of its own, or why there is none. */
function spread(bytes: Uint8Array): readonly (Uint8Array | Reject)[] {
  try {
    const limits = { maxRecords: MOST_IN_ONE, maxBytes: 4 * PARSE_LIMIT_BYTES }
    return Array.from(splitEnvelope(bytes, encodingOf(bytes), limits), (each) => each.bytes)
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    const reason = error.code === 'too_large' ? 'too_large' : 'wrong_type'
    return [{ kind: 'reject', reason, path: 'resourceLogs', message: error.message }]
  }
}

const MOST_IN_ONE = 10_000

function decodeRecord(
  { record, text }: One,
  bytes: Uint8Array,
  inner: Format | undefined,
  context: DecodeContext,
): Decoded {
  if (inner !== undefined) return decodeBody(record, inner, context)
  const refusal = claimOf(record)
  if (refusal !== undefined) return refusal
  const decoded = otlpEvent(record, context)
  const { original, kept } = originalOf(bytes, text)
  const truncated = [...(decoded.truncated ?? []), ...(kept.truncated ?? [])]
  const event = { ...decoded.event, event: { ...decoded.event.event, ...original } }
  return { kind: 'events', events: [{ ...decoded, ...kept, event, ...(truncated.length > 0 && { truncated }) }] }
}

/** The record in the body is what is kept: the same record that comes another way is the same event. */
function decodeBody(record: OtlpRecord, inner: Format, context: DecodeContext): Decoded {
  const { body, rawBody } = record
  if (body === undefined) {
    const message = 'the log record has no body, and the source says that its body is the record'
    return { kind: 'reject', reason: 'missing_field', path: 'body', message }
  }
  const raw = rawBody ?? JSON.stringify(body)
  return inner.decode(typeof raw === 'string' ? Buffer.from(raw) : raw, context)
}

/** Nobody but us says what whodid did. */
function claimOf({ attributes, resource, scope }: OtlpRecord): Reject | undefined {
  for (const group of [attributes, scope, resource]) {
    for (const name of group.keys()) {
      if (!name.startsWith('whodid') || !/^whodid(?:\.|$)/.test(name)) continue
      const message = 'attributes whodid.* are set by whodid alone: leave them out'
      return { kind: 'reject', reason: 'claims_whodid', path: 'whodid', message }
    }
    const dataset = group.get('event.dataset')
    if (typeof dataset !== 'string' || !/^whodid(?:\.|$)/i.test(dataset)) continue
    const message = 'datasets whodid.* are written by whodid alone: choose another name'
    return { kind: 'reject', reason: 'claims_whodid', path: 'event.dataset', message }
  }
  return undefined
}

/** JSON as it is; protobuf is no text, so its bytes are kept as base64. */
function originalOf(bytes: Uint8Array, text: string | undefined): Pick<RecordText, 'original' | 'kept'> {
  const isLong = bytes.length > RECORD_LIMIT_BYTES
  if (text !== undefined) return isLong ? recordText(bytes) : { original: { original: text }, kept: {} }
  const taken = isLong ? bytes.subarray(0, RECORD_LIMIT_BYTES) : bytes
  const originalBase64 = Buffer.from(taken.buffer, taken.byteOffset, taken.length).toString('base64')
  const truncated: Truncation[] = [{ path: 'event.original', bytes: bytes.length, reason: 'record_limit' }]
  return { original: {}, kept: { originalBase64, ...(isLong && { truncated }) } }
}
