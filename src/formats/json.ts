import type { AuditEvent, Json, JsonObject } from '../domain/event.ts'
import { AuditError } from '../domain/errors.ts'
import { parseTime, timeAsRead } from '../domain/time.ts'
import { shapedEvent } from './ecs-shape.ts'
import type { DecodeContext, Decoded, DecodedEvent, Format, Reject } from './format.ts'
import type { Member, Plan } from './json-plan.ts'
import { planOf } from './json-plan.ts'
import { DEPTH_LIMIT, LABELS_LIMIT, RECORD_LIMIT_BYTES } from './limits.ts'
import { isObject, objectIn, stringIn } from './loose.ts'
import type { RecordJson } from './record-json.ts'
import { parseRecord } from './record-json.ts'

const MOST_ITEMS = 1000

/**
 * Any JSON object, by a mapping in the configuration: which field of the event comes from where in the record
 * (docs/formats/json.md). The mapping is compiled and checked against the declared fields when the configuration is read;
 * a record that does not fit it is rejected with the field's name, never half an event.
 */
export const json: Format = {
  name: 'json',
  version: 1,
  configure: (options) => jsonBy(planOf(options)),
  decode: () => NOT_CONFIGURED,
}

const NOT_CONFIGURED: Reject = {
  kind: 'reject',
  reason: 'unknown_kind',
  message: 'format json says nothing without options: give it a map of fields (docs/formats/json.md)',
}

function jsonBy(plan: Plan): Format {
  return {
    ...json,
    decode(bytes, context) {
      const record = parseRecord(bytes)
      if (record.kind === 'reject') return record
      return refusalOf(record, bytes.length) ?? decodedOf(record, plan, context)
    },
  }
}

function refusalOf({ depth, unsafeKeys }: RecordJson, sizeBytes: number): Reject | undefined {
  if (sizeBytes > RECORD_LIMIT_BYTES) {
    const message = `the record has ${sizeBytes} bytes; at most ${RECORD_LIMIT_BYTES} are taken`
    return { kind: 'reject', reason: 'too_large', message }
  }
  if (depth > DEPTH_LIMIT) {
    const message = `the record is nested ${depth} deep; at most ${DEPTH_LIMIT} is taken`
    return { kind: 'reject', reason: 'too_deep', message }
  }
  if (!unsafeKeys) return undefined
  return { kind: 'reject', reason: 'wrong_type', path: '__proto__', message: 'the record has a key __proto__' }
}

function decodedOf({ value, text }: RecordJson, plan: Plan, context: DecodeContext): Decoded {
  const items = plan.items === undefined ? [value] : plan.items(value)
  if (items.length > MOST_ITEMS) {
    const message = `the record holds ${items.length} items; at most ${MOST_ITEMS} are taken`
    return { kind: 'reject', reason: 'too_large', path: 'items', message }
  }
  const events: DecodedEvent[] = []
  for (const item of items) {
    if (!isObject(item)) return { kind: 'reject', reason: 'wrong_type', path: 'items', message: 'an item is no object' }
    const event = eventOf(item, text, plan, context)
    if ('kind' in event) return event
    events.push(event)
  }
  return { kind: 'events', events }
}

function eventOf(item: JsonObject, text: string, plan: Plan, context: DecodeContext): DecodedEvent | Reject {
  const fields: Tree = {}
  for (const member of plan.members) {
    const found = valueOf(member, item)
    if (isReject(found)) return found
    if (found !== undefined) put(fields, member.names, found)
  }
  const shaped = shapedEvent(fields)
  if (shaped.kind === 'reject') return shaped
  const { '@timestamp': said, labels, ...rest } = shaped.event
  const count = isObject(labels) ? Object.keys(labels).length : 0
  if (count > LABELS_LIMIT) {
    const message = `the event has ${count} labels; at most ${LABELS_LIMIT} are taken`
    return { kind: 'reject', reason: 'too_large', path: 'labels', message }
  }
  const about = objectIn(rest, 'event')
  if (stringIn(about, 'action') === undefined) {
    const message = 'the mapping gives no event.action for this record'
    return { kind: 'reject', reason: 'missing_field', path: 'event.action', message }
  }
  const time = typeof said === 'string' ? parseTime(said) : undefined
  const naturalId = plan.id?.(item).map(String).join('|')
  const agent = stringIn(objectIn(rest, 'user_agent'), 'original') === undefined ? [] : ['agent:claim']
  const trust = [...(time === undefined ? ['time:collected'] : []), ...agent]
  // shapedEvent gave every declared field its declared type, and a mapping names no others.
  const event = {
    ...rest,
    '@timestamp':
      typeof said !== 'string' || time === undefined ? new Date(context.now).toISOString() : timeAsRead(said, time),
    event: { outcome: 'unknown', ...about, original: text },
    ...(labels !== undefined && { labels }),
  } as unknown as AuditEvent
  return {
    event,
    ...(naturalId !== undefined && naturalId !== '' && { naturalId }),
    ...(trust.length > 0 && { trust }),
  }
}

interface Tree {
  [name: string]: Json | Tree
}

/** The names are those of declared fields, and none lies within another: what is there before the last is a tree. */
function put(fields: Tree, names: readonly string[], value: Json): void {
  let tree = fields
  for (const name of names.slice(0, -1)) {
    // As said above.
    tree = (tree[name] ??= {}) as Tree
  }
  tree[names.at(-1) ?? ''] = value
}

/** What a field is in a record; undefined where the record says nothing of it. */
function valueOf(member: Member, item: JsonObject): Json | undefined | Reject {
  try {
    return member.value(item)
  } catch (error) {
    const reason = error instanceof AuditError ? error.message : 'its expression cannot be worked out for this record'
    return { kind: 'reject', reason: 'wrong_type', path: member.path, message: `${member.path}: ${reason}` }
  }
}

function isReject(value: Json | undefined | Reject): value is Reject {
  return isObject(value) && value['kind'] === 'reject' && typeof value['message'] === 'string'
}
