import type { AuditEvent, JsonObject, Resource } from '../domain/event.ts'
import { parseTime, timeAsRead } from '../domain/time.ts'
import { shapedEvent } from './ecs-shape.ts'
import type { DecodeContext, Decoded, Format, Reject } from './format.ts'
import { losesNothing } from './json-loss.ts'
import type { Body, Cut } from './limits.ts'
import { cutBodies, DEPTH_LIMIT, LABELS_LIMIT, RECORD_LIMIT_BYTES } from './limits.ts'
import { isObject, objectIn, stringIn } from './loose.ts'
import type { RecordJson } from './record-json.ts'
import { parseRecord } from './record-json.ts'

/**
 * Events that speak Elastic Common Schema 9.4 already, nested (`{"user":{"name":…}}`) or dotted (`{"user.name":…}`):
 * what `POST /v1/events` takes, and logs like EngFlow's. Known fields must have their type, unknown ones are kept.
 * Such a record has no second original, unless the event cannot hold all that it said (docs/formats/ecs.md).
 */
export const ecs: Format = {
  name: 'ecs',
  version: 1,
  decode(bytes, context) {
    const record = parseRecord(bytes)
    if (record.kind === 'reject') return record
    const unusable = refusalOf(record.depth, record.unsafeKeys)
    if (unusable !== undefined) return unusable
    const shaped = shapedEvent(record.value)
    if (shaped.kind === 'reject') return shaped
    const cut = cutBodies(shaped.event, bytes.length, BODIES)
    if (cut === undefined) {
      const message = `the record has ${bytes.length} bytes; at most ${RECORD_LIMIT_BYTES} beside its bodies are taken`
      return { kind: 'reject', reason: 'too_large', message }
    }
    const refusal = claimOf(cut.record) ?? missingOf(cut.record) ?? labelsRefusalOf(cut.record)
    if (refusal !== undefined) return refusal
    return decodedOf(record, cut, context)
  },
}

const BODIES: readonly Body[] = [
  { in: ['audit', 'request'], path: 'audit.request' },
  { in: ['audit', 'response'], path: 'audit.response' },
  { in: ['event', 'original'], path: 'event.original' },
]

function refusalOf(depth: number, unsafeKeys: boolean): Reject | undefined {
  if (depth > DEPTH_LIMIT) {
    const message = `the record is nested ${depth} deep; at most ${DEPTH_LIMIT} is taken`
    return { kind: 'reject', reason: 'too_deep', message }
  }
  if (!unsafeKeys) return undefined
  const message = 'the record has a key __proto__ or constructor.prototype, which no event has: rename it'
  return { kind: 'reject', reason: 'wrong_type', path: '__proto__', message }
}

/** Nobody but us says what whodid did. */
function claimOf(event: JsonObject): Reject | undefined {
  if (Object.hasOwn(event, 'whodid')) {
    const message = 'whodid.* is set by whodid alone: leave it out'
    return { kind: 'reject', reason: 'claims_whodid', path: 'whodid', message }
  }
  const dataset = stringIn(objectIn(event, 'event'), 'dataset')
  if (dataset === undefined || !/^whodid(?:\.|$)/i.test(dataset)) return undefined
  const message = 'datasets whodid.* are written by whodid alone: choose another name'
  return { kind: 'reject', reason: 'claims_whodid', path: 'event.dataset', message }
}

function missingOf(event: JsonObject): Reject | undefined {
  if (stringIn(objectIn(event, 'event'), 'action') !== undefined) return undefined
  const message = 'event.action is missing: say what was done, like "delete"'
  return { kind: 'reject', reason: 'missing_field', path: 'event.action', message }
}

function labelsRefusalOf(event: JsonObject): Reject | undefined {
  const count = Object.keys(objectIn(event, 'labels') ?? {}).length
  if (count <= LABELS_LIMIT) return undefined
  const message = `the event has ${count} labels; at most ${LABELS_LIMIT} are taken`
  return { kind: 'reject', reason: 'too_large', path: 'labels', message }
}

function decodedOf(read: RecordJson, { record, truncated }: Cut, context: DecodeContext): Decoded {
  const { id, ingested, ...fields } = objectIn(record, 'event') ?? {}
  const { time, trust } = timeOf(record, context)
  const whole = ingested === undefined && saysTheSameTime(record, time) && losesNothing(read.text, read.value)
  // A record that was cut is not kept whole again.
  const original = whole || truncated.length > 0 ? {} : { original: read.text }
  const agent = stringIn(objectIn(record, 'user_agent'), 'original') === undefined ? [] : ['agent:claim']
  // shapedEvent gave every declared field its declared type.
  const event = { ...record, '@timestamp': time, event: { ...fields, ...original } } as AuditEvent
  const category = categoryOf(event)
  return {
    kind: 'events',
    events: [
      {
        event: withFileAsResource(event),
        ...(typeof id === 'string' && id !== '' && { naturalId: id }),
        ...(category.length > 0 && { category }),
        ...(trust.length + agent.length > 0 && { trust: [...trust, ...agent] }),
        ...(truncated.length > 0 && { truncated }),
      },
    ],
  }
}

function timeOf(record: JsonObject, context: DecodeContext): { readonly time: string; readonly trust: string[] } {
  const said = stringIn(record, '@timestamp') ?? ''
  const micros = parseTime(said)
  if (micros !== undefined) return { time: timeAsRead(said, micros), trust: [] }
  return { time: new Date(context.now).toISOString(), trust: ['time:collected'] }
}

/** An offset, or digits beyond the microsecond, are not in the event's own time. */
function saysTheSameTime(record: JsonObject, time: string): boolean {
  const said = stringIn(record, '@timestamp')
  return (
    said === undefined || said === time || (/Z$/i.test(said) && said.length <= '2026-11-20T14:03:22.125000Z'.length)
  )
}

/** `whodid.category`: EngFlow's words, which its option `--audit_log_excluded_categories` uses. */
const CATEGORY_WORDS: ReadonlyMap<string, string> = new Map([
  ['auth', 'auth'],
  ['authentication', 'auth'],
  ['iam', 'iam'],
  ['file', 'file'],
])

function categoryOf(event: AuditEvent): readonly string[] {
  const words = (event.event.category ?? []).map((category) => CATEGORY_WORDS.get(category.toLowerCase()))
  return [...new Set(words.filter((word) => word !== undefined))]
}

/** A file event that names no thing is about its file: in a build cache `{type: ac or cas, name: digest}`. */
function withFileAsResource(event: AuditEvent): AuditEvent {
  if (event.audit?.resource !== undefined || event.event.category?.includes('file') !== true) return event
  const file = isObject(event['file']) ? event['file'] : undefined
  const path = stringIn(file, 'path')
  const name = stringIn(objectIn(file, 'hash'), 'sha256') ?? path ?? stringIn(file, 'name')
  if (name === undefined) return event
  const resource: Resource = { type: cacheOf(event.event.action ?? '', path ?? '') ?? 'file', name }
  return { ...event, audit: { ...event.audit, resource: [resource] } }
}

/** Which of a build cache's two stores: told by a word of the action or the first folder of the path. */
function cacheOf(action: string, path: string): 'ac' | 'cas' | undefined {
  const words = new Set([...action.toLowerCase().split(/[^a-z]+/), path.toLowerCase().split('/').find(Boolean)])
  if (words.has('ac') || words.has('actioncache')) return 'ac'
  return words.has('cas') || words.has('contentaddressablestorage') ? 'cas' : undefined
}
