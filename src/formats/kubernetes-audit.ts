import { AuditError } from '../domain/errors.ts'
import type { AuditEvent, JsonObject } from '../domain/event.ts'
import type { Span } from '../lib/json-scan.ts'
import { itemSpans } from '../lib/json-scan.ts'
import type { DecodeContext, Decoded, DecodedEvent, Format, Reject, Truncation } from './format.ts'
import { kubernetesEvent, saysItsTime } from './kubernetes-event.ts'
import type { Body } from './limits.ts'
import { cutBodies, DEPTH_LIMIT, depthOf, RECORD_LIMIT_BYTES } from './limits.ts'
import { objectIn, stringIn } from './loose.ts'
import type { RecordJson } from './record-json.ts'
import { parseRecord } from './record-json.ts'

/**
 * Records of the Kubernetes API server: `audit.k8s.io/v1` events as the log file has them (one a line) and as the
 * webhook sends them (items of an EventList, without `kind`). A whole EventList becomes an event per item. Every stage
 * of a request is an event of its own; `http.request.id` joins them.
 */
export const kubernetesAudit: Format = {
  name: 'kubernetes-audit',
  version: 1,
  stream: 'kubernetes',
  decode(bytes, context) {
    const record = parseRecord(bytes)
    if (record.kind === 'reject') return record
    if (stringIn(record.value, 'kind') === 'EventList') return decodeList(bytes, context)
    return decodeEvent(record, bytes.length, context)
  },
}

const VERSIONS = new Set(['audit.k8s.io/v1', 'audit.k8s.io/v1beta1', 'audit.k8s.io/v1alpha1'])
const BODIES: readonly Body[] = [
  { in: ['requestObject'], path: 'audit.request' },
  { in: ['responseObject'], path: 'audit.response' },
]

/** One record, so one verdict: an item that is no event refuses the list. The webhook sends its items one by one. */
function decodeList(bytes: Uint8Array, context: DecodeContext): Decoded {
  const spans = spansOfItems(bytes)
  if (!Array.isArray(spans)) return spans
  const events: DecodedEvent[] = []
  for (const { start, end } of spans) {
    const item = bytes.subarray(start, end)
    const record = parseRecord(item)
    const decoded = record.kind === 'reject' ? record : decodeEvent(record, item.length, context)
    if (decoded.kind === 'reject') return decoded
    events.push(...decoded.events)
  }
  return { kind: 'events', events }
}

function spansOfItems(bytes: Uint8Array): Span[] | Reject {
  try {
    return itemSpans(bytes, 'items') ?? []
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    return { kind: 'reject', reason: 'wrong_type', path: 'items', message: error.message }
  }
}

function decodeEvent(read: RecordJson, sizeBytes: number, context: DecodeContext): Decoded {
  const refusal = refusalOf(read.value)
  if (refusal !== undefined) return refusal
  const within = bounded(read, sizeBytes)
  if (within === undefined) {
    const message = `the record has ${sizeBytes} bytes and is too large or too deep without its bodies as well`
    return { kind: 'reject', reason: sizeBytes > RECORD_LIMIT_BYTES ? 'too_large' : 'too_deep', message }
  }
  const { record, truncated, original } = within
  const event = kubernetesEvent(
    record,
    new Date(context.now).toISOString(),
    context.cluster ?? context.source,
    original,
  )
  const cut = truncated.length === 0 ? {} : { truncated }
  const naturalId = `${stringIn(record, 'auditID')}/${stringIn(record, 'stage')}`
  return { kind: 'events', events: [{ event, naturalId, trust: trustOf(event, record), ...cut }] }
}

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

interface Bounded {
  readonly record: JsonObject
  readonly truncated: readonly Truncation[]
  readonly original: string
}

/**
 * Bodies are written by whoever is audited: a body too large or too deep, or with keys that are unsafe in memory, must
 * not keep a record out. It is cut and the cut is said. Undefined: what is left is beyond the limits as well.
 */
function bounded(read: RecordJson, sizeBytes: number): Bounded | undefined {
  const truncated: Truncation[] = []
  let record = read.value
  if (read.depth > DEPTH_LIMIT) {
    const { requestObject: _request, responseObject: _response, ...rest } = record
    if (depthOf(rest) > DEPTH_LIMIT) return undefined
    record = rest
    truncated.push(...BODIES.map(({ path }) => ({ path, bytes: 0, reason: 'depth_limit' })))
  }
  const cut = cutBodies(record, sizeBytes, BODIES)
  if (cut === undefined) return undefined
  truncated.push(...cut.truncated)
  if (read.unsafeKeys) truncated.push({ path: 'audit', bytes: 0, reason: 'unsafe_keys' })
  if (objectIn(record, 'annotations')?.['audit.k8s.io/truncated'] === 'true') {
    truncated.push(...BODIES.map(({ path }) => ({ path, bytes: 0, reason: 'by_source' })))
  }
  if (sizeBytes <= RECORD_LIMIT_BYTES) return { record: cut.record, truncated, original: read.text }
  truncated.push({ path: 'event.original', bytes: sizeBytes, reason: 'record_limit' })
  return { record: cut.record, truncated, original: JSON.stringify(cut.record) }
}

function trustOf(event: AuditEvent, record: JsonObject): readonly string[] {
  return [
    ...(event.source === undefined ? [] : ['ip:last-hop']),
    ...(event.user_agent === undefined ? [] : ['agent:claim']),
    ...(saysItsTime(record) ? [] : ['time:collected']),
  ]
}
