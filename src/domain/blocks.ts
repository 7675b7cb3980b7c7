import type { AuditEvent, Json, JsonObject, Outcome } from './event.ts'
import type { Blocks } from './sealed.ts'
import { formatTime, isPlainTime, parseTime } from './time.ts'

/** What a leaf says of an event in the clear (docs/ledger.md, Leaf). No free text can enter. */
export interface EventHeader {
  /** When it happened, RFC 3339 with milliseconds. */
  readonly t: string
  /** Dataset and action; `other` where the event's own word does not fit the leaf's grammar or is missing. */
  readonly d: string
  readonly y: string
  readonly o: Outcome
}

/** The parts of a leaf from which an event is put together again. */
export interface LeafHeader extends EventHeader {
  readonly r: string
  readonly s: string
  readonly id: string
}

/** What a row knows of an event beside leaf and blocks. */
export interface Standing {
  readonly log: string
  readonly index: number
  readonly stream: string
  readonly conflict?: boolean
  readonly duplicateOf?: string
  readonly erased?: readonly { readonly blocks: readonly string[]; readonly at: string; readonly request: string }[]
}

const LEAF_WORD = /^[a-z0-9][a-z0-9._:-]{0,63}$/
const OTHER = 'other'
const FIRST = Date.UTC(1970, 0, 1) * 1000
const LAST = Date.UTC(2200, 0, 1) * 1000
const DAY_MS = 86_400_000

/**
 * Cuts an event into the leaf's header and the five blocks (docs/ledger.md, Blocks). A header value that says less than
 * the event stands in full in the body block, so nothing is lost: `mergeEvent` gives the event back.
 *
 * @param receivedAt RFC 3339 with milliseconds: stands in for a time that no leaf can hold.
 */
export function cutEvent(event: AuditEvent, receivedAt: string): { header: EventHeader; blocks: Blocks } {
  const { '@timestamp': timestamp, event: fields, user, source, client, user_agent, whodid, ...rest } = event
  const { id: _id, ingested: _ingested, dataset, action, outcome, original, ...otherFields } = fields
  const header = {
    t: headerTime(timestamp) ?? receivedAt,
    d: headerWord(dataset),
    y: headerWord(action),
    o: outcome ?? 'unknown',
  }
  const inFull = {
    ...(dataset !== undefined && (header.d !== dataset || dataset === OTHER) && { dataset }),
    ...(action !== undefined && (header.y !== action || action === OTHER) && { action }),
  }
  const { target, ...actor } = user ?? {}
  const { original_base64, ...bookkeeping } = whodid ?? {}
  const blocks: Blocks = [
    block({ user: filled(actor) }),
    block({ source, client, user_agent }),
    block({ user: target === undefined ? undefined : { target } }),
    block({
      ...(header.t !== timestamp && { '@timestamp': timestamp }),
      event: filled({ ...otherFields, ...inFull }),
      ...rest,
      whodid: filled(bookkeeping),
    }),
    block({
      event: original === undefined ? undefined : { original },
      whodid: original_base64 === undefined ? undefined : { original_base64 },
    }),
  ]
  return { header, blocks }
}

/**
 * Puts an event together from its leaf, its blocks and where it stands. Blocks that are missing (hidden, erased) leave
 * their fields out. Block texts are ours: written by `cutEvent`.
 */
export function mergeEvent(leaf: LeafHeader, blocks: Blocks, standing: Standing): AuditEvent {
  const [actor, place, target, body, original] = blocks.map(parsed)
  const user = merged(actor?.['user'], target?.['user'])
  const { '@timestamp': inFull, event: bodyEvent, whodid: bodyWhodid, ...rest } = body ?? {}
  const happened = typeof inFull === 'string' ? inFull : leaf.t
  const event = {
    id: leaf.id,
    ...(leaf.d !== OTHER && { dataset: leaf.d }),
    ...(leaf.y !== OTHER && { action: leaf.y }),
    outcome: leaf.o,
    ...merged(bodyEvent, original?.['event']),
    ingested: leaf.r,
  }
  const whodid = {
    source: leaf.s,
    stream: standing.stream,
    log: standing.log,
    index: standing.index,
    ...merged(bodyWhodid, original?.['whodid']),
    ...(isImported(leaf) && { imported: true }),
    ...(standing.conflict === true && { conflict: true }),
    ...(standing.duplicateOf !== undefined && { duplicate_of: standing.duplicateOf }),
    ...(standing.erased !== undefined && { erased: standing.erased }),
  }
  return { '@timestamp': happened, event, ...(user && { user }), ...place, ...rest, whodid }
}

/** The time that stands for an event in order and ranges: its own, or when we received it where no leaf can hold that. */
export function eventTime(event: AuditEvent): number {
  const own = parseTime(event['@timestamp'])
  if (own !== undefined && own >= FIRST && own < LAST) return own
  return parseTime(event.event.ingested ?? '') ?? 0
}

function isImported(leaf: LeafHeader): boolean {
  return Date.parse(leaf.r) - Date.parse(leaf.t) > DAY_MS
}

function headerTime(timestamp: string): string | undefined {
  const micros = parseTime(timestamp)
  if (micros === undefined || micros < FIRST || micros >= LAST) return undefined
  if (isPlainTime(timestamp)) return timestamp
  return formatTime(Math.floor(micros / 1000) * 1000)
}

function headerWord(word: string | undefined): string {
  return word !== undefined && LEAF_WORD.test(word) ? word : OTHER
}

function block(content: Record<string, unknown>): string | undefined {
  const text = JSON.stringify(content)
  return text === '{}' ? undefined : text
}

function filled(object: object): object | undefined {
  for (const value of Object.values(object)) if (value !== undefined) return object
  return undefined
}

function parsed(text: string | undefined): JsonObject | undefined {
  // cutEvent wrote it: an object.
  return text === undefined ? undefined : (JSON.parse(text) as JsonObject)
}

// Spread defines own properties, so a key named __proto__ stays a key.
function merged(a: Json | undefined, b: Json | undefined): JsonObject | undefined {
  if (!isObject(a)) return isObject(b) ? b : undefined
  return isObject(b) ? { ...a, ...b } : a
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
