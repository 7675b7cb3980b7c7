import type { JsonObject } from '../domain/event.ts'
import type { DecodeContext, DecodedEvent, Reject, Truncation } from './format.ts'
import { isLogEntry, recordOfLogEntry, refusalOfLogEntry } from './kubernetes-gke.ts'
import { kubernetesEvent } from './kubernetes-event.ts'
import { SECRETS_RULE, withoutSecrets } from './kubernetes-secrets.ts'
import type { Body } from './limits.ts'
import { cutBodies, DEPTH_LIMIT, depthOf, RECORD_LIMIT_BYTES, without } from './limits.ts'
import { objectIn, stringIn } from './loose.ts'
import type { RecordJson } from './record-json.ts'
import { parseRecordText } from './record-json.ts'

export interface Reading {
  readonly context: DecodeContext
  /** How many of the addresses are believed, counted from the API server. */
  readonly trustedHops: number
}

/** One audit record that stands for itself, native or as Google's Cloud Logging has it. */
export function decodeParsed(read: RecordJson, sizeBytes: number, reading: Reading): DecodedEvent | Reject {
  const shape = isLogEntry(read.value) ? GOOGLE : NATIVE
  const refusal = shape.refusalOf(read.value)
  if (refusal !== undefined) return refusal
  const secrets = withoutSecrets(read.text, shape.recordOf(read.value))
  const masked = secrets === undefined ? read : { ...read, ...maskedValue(secrets.text) }
  const size = secrets === undefined ? sizeBytes : Buffer.byteLength(secrets.text)
  const within = bounded(masked, size, shape.bodies)
  if (within === undefined) {
    const message = `the record has ${sizeBytes} bytes and is too large or too deep without its bodies as well`
    return { kind: 'reject', reason: sizeBytes > RECORD_LIMIT_BYTES ? 'too_large' : 'too_deep', message }
  }
  const record = shape.recordOf(within.record)
  const { context, trustedHops } = reading
  const cluster = context.cluster ?? context.source
  const { event, trust } = kubernetesEvent(record, {
    nowMs: context.now,
    cluster,
    original: within.original,
    trustedHops,
  })
  const naturalId = shape.naturalIdOf(within.record)
  return {
    event,
    ...(naturalId !== undefined && { naturalId }),
    trust,
    ...(within.truncated.length > 0 && { truncated: within.truncated }),
    ...(secrets !== undefined && { masked: secrets.paths.map((path) => ({ path, rule: SECRETS_RULE })) }),
  }
}

interface Shape {
  readonly bodies: readonly Body[]
  refusalOf(value: JsonObject): Reject | undefined
  /** As an audit.k8s.io Event. */
  recordOf(value: JsonObject): JsonObject
  naturalIdOf(value: JsonObject): string | undefined
}

const NATIVE: Shape = {
  bodies: [
    { in: ['requestObject'], path: 'audit.request' },
    { in: ['responseObject'], path: 'audit.response' },
  ],
  refusalOf,
  recordOf: (value) => value,
  naturalIdOf: (value) => `${stringIn(value, 'auditID')}/${stringIn(value, 'stage')}`,
}

const GOOGLE: Shape = {
  bodies: [
    { in: ['protoPayload', 'request'], path: 'audit.request' },
    { in: ['protoPayload', 'response'], path: 'audit.response' },
  ],
  refusalOf: refusalOfLogEntry,
  recordOf: recordOfLogEntry,
  naturalIdOf(value) {
    const names = [stringIn(value, 'insertId'), stringIn(objectIn(value, 'operation'), 'id')]
    return names.filter((name) => name !== undefined).join('/') || undefined
  },
}

const VERSIONS = new Set(['audit.k8s.io/v1', 'audit.k8s.io/v1beta1', 'audit.k8s.io/v1alpha1'])

function refusalOf(record: JsonObject): Reject | undefined {
  const kind = stringIn(record, 'kind')
  const version = stringIn(record, 'apiVersion')
  if ((kind !== undefined && kind !== 'Event') || (version !== undefined && !VERSIONS.has(version))) {
    const message = 'the record is no Event of audit.k8s.io: kind or apiVersion say otherwise'
    return { kind: 'reject', reason: 'unknown_kind', path: kind === 'Event' ? 'apiVersion' : 'kind', message }
  }
  for (const field of ['auditID', 'stage', 'verb']) {
    if (!stringIn(record, field)) {
      const missing = record[field] === undefined || record[field] === ''
      const reason = missing ? 'missing_field' : 'wrong_type'
      return { kind: 'reject', reason, path: field, message: `${field} ${missing ? 'is missing' : 'is no text'}` }
    }
  }
  return undefined
}

/** Texts were replaced by texts, so what was JSON still is. */
function maskedValue(text: string): Pick<RecordJson, 'text' | 'value'> {
  const read = parseRecordText(text)
  if (read.kind === 'reject') throw new Error(`a masked record is no JSON any more: ${read.message}`)
  return { text, value: read.value }
}

interface Bounded {
  readonly record: JsonObject
  readonly truncated: readonly Truncation[]
  readonly original: string
}

/**
 * Bodies are written by whoever is audited: a body too large or too deep, or with keys that are unsafe in memory, must
 * not keep a record out. It is cut and the cut is said. Undefined: what is left is beyond the limits as well.
 */
function bounded(read: RecordJson, sizeBytes: number, bodies: readonly Body[]): Bounded | undefined {
  const truncated: Truncation[] = []
  let record = read.value
  if (read.depth > DEPTH_LIMIT) {
    record = bodies.reduce((rest, body) => without(rest, body.in), record)
    if (depthOf(record) > DEPTH_LIMIT) return undefined
    truncated.push(...bodies.map(({ path }) => ({ path, bytes: 0, reason: 'depth_limit' })))
  }
  const cut = cutBodies(record, sizeBytes, bodies)
  if (cut === undefined) return undefined
  truncated.push(...cut.truncated)
  if (read.unsafeKeys) truncated.push({ path: 'audit', bytes: 0, reason: 'unsafe_keys' })
  if (objectIn(record, 'annotations')?.['audit.k8s.io/truncated'] === 'true') {
    truncated.push(...bodies.map(({ path }) => ({ path, bytes: 0, reason: 'by_source' })))
  }
  if (sizeBytes <= RECORD_LIMIT_BYTES) return { record: cut.record, truncated, original: read.text }
  truncated.push({ path: 'event.original', bytes: sizeBytes, reason: 'record_limit' })
  return { record: cut.record, truncated, original: JSON.stringify(cut.record) }
}
