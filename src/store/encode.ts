import type { Json, JsonObject } from '../domain/event.ts'
import { parseOrigin } from '../domain/sealed.ts'
import type { SealedEvent } from '../domain/sealed.ts'
import { parseTime } from '../domain/time.ts'
import { canonicalAddress } from '../query/address.ts'
import {
  ByteColumn,
  encodeBlock,
  FixedColumn,
  LabelsColumn,
  LongColumn,
  TextColumn,
  TextsColumn,
  WordColumn,
  WordsColumn,
} from './native.ts'
import { leafLine } from './row.ts'
import type { LeafFields } from './row.ts'

/**
 * Rows of the table `events` as one Native block, in the order given. Pure; made for worker threads. A value of a wrong
 * type leaves its column empty and stays in its block.
 */
export function encodeRows(events: readonly SealedEvent[]): Uint8Array {
  const columns = emptyColumns(events.length)
  for (const event of events) addRow(columns, event, columnsOf(event))
  return encodeBlock(events.length, Object.entries(columns))
}

/** The same without what is made from blocks: for a row that the engine refused. Header, blocks and position only. */
export function encodeBareRows(events: readonly SealedEvent[]): Uint8Array {
  const columns = emptyColumns(events.length)
  for (const event of events) addRow(columns, event, NOTHING_KNOWN)
  return encodeBlock(events.length, Object.entries(columns))
}

/** Of the same rows these columns alone. */
export function encodeColumns(events: readonly SealedEvent[], names: readonly string[]): Uint8Array {
  const columns = emptyColumns(events.length)
  for (const event of events) addRow(columns, event, columnsOf(event))
  return encodeBlock(
    events.length,
    Object.entries(columns).filter(([name]) => names.includes(name)),
  )
}

/**
 * What the typed columns of an event's row hold, by their names: texts, lists of texts, and numbers (times in
 * microseconds, `r` in milliseconds). `bare`: as a row that the engine refused was stored, see `encodeBareRows`.
 */
export function columnValues(event: SealedEvent, bare?: 'bare'): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>()
  const notes = EVENT_COLUMNS.map((name) => [name, { add: (value: unknown) => void values.set(name, value) }])
  // Every column takes what its own kind takes, and keeps it.
  addRow(Object.fromEntries(notes) as Columns, event, bare === undefined ? columnsOf(event) : NOTHING_KNOWN)
  return values
}

type Made = ReturnType<typeof emptyColumns>
type Columns = { readonly [Name in keyof Made]: Pick<Made[Name], 'add'> }

/** In the order in which they are sent. */
function emptyColumns(rows: number) {
  return {
    feed: new LongColumn('UInt64', rows),
    n: new LongColumn('UInt64', rows),
    log: new WordColumn(),
    t: new LongColumn("DateTime64(6, 'UTC')", rows),
    r: new LongColumn("DateTime64(3, 'UTC')", rows),
    id: new FixedColumn(16, rows),
    c: new FixedColumn(32, rows),
    stream: new WordColumn(),
    period: new WordColumn(),
    source: new WordColumn(),
    e: new LongColumn('Int64', rows),
    sq: new LongColumn('Int64', rows),
    d: new WordColumn(),
    y: new WordColumn(),
    leaf: new TextColumn(),
    dataset: new WordColumn(),
    action: new WordColumn(),
    outcome: new ByteColumn("Enum8('unknown' = 0, 'success' = 1, 'failure' = 2)", rows),
    state: new ByteColumn("Enum8('unknown' = 0, 'success' = 1, 'failed' = 2, 'staged' = 3, 'denied' = 4)", rows),
    usr: new WordColumn(),
    uid: new TextColumn(),
    mail: new TextColumn(),
    ukind: new WordColumn(),
    groups: new WordsColumn(),
    roles: new WordsColumn(),
    eff: new WordColumn(),
    ip: new WordColumn(),
    agent: new WordColumn(),
    rtype: new WordsColumn(),
    rname: new TextsColumn(),
    rns: new WordsColumn(),
    decision: new WordColumn(),
    policy: new WordsColumn(),
    category: new WordsColumn(),
    type: new WordsColumn(),
    kind: new WordColumn(),
    req: new TextColumn(),
    cluster: new WordColumn(),
    host: new WordColumn(),
    labels: new LabelsColumn(),
    tags: new WordsColumn(),
    wcat: new WordsColumn(),
    parser: new WordColumn(),
    conflict: new ByteColumn('UInt8', rows),
    dup: new TextColumn(),
    akey: new LongColumn('UInt64', rows),
    tkey: new LongColumn('UInt64', rows),
    actor: new TextColumn(),
    place: new TextColumn(),
    target: new TextColumn(),
    body: new TextColumn(),
    original: new TextColumn(),
    erased: new TextColumn(),
  }
}

export const EVENT_COLUMNS: readonly string[] = Object.keys(emptyColumns(0))

/** What columns take from the blocks. */
interface Typed {
  /** `@timestamp` where it says more than the leaf, microseconds. */
  readonly time: number | undefined
  /** The full word where the leaf's is `other`. */
  readonly dataset: string | undefined
  readonly action: string | undefined
  readonly user: Part
  readonly ip: string
  readonly agent: string
  readonly body: Part
}

/** An object of an event, or nothing where there is none. */
type Part = JsonObject | undefined

const NOTHING_KNOWN: Typed = {
  time: undefined,
  dataset: undefined,
  action: undefined,
  user: undefined,
  ip: '',
  agent: '',
  body: undefined,
}

const OUTCOMES = { unknown: 0, success: 1, failure: 2 } as const
const FAILED = 2
const STAGED = 3
const DENIED = 4
const FIRST_US = 0
const LAST_US = Date.UTC(2200, 0, 1) * 1000

function columnsOf(event: SealedEvent): Typed {
  const [actor, place, , body] = event.blocks
  const placeBlock = part(parsed(place))
  const bodyBlock = part(parsed(body))
  const fields = part(bodyBlock?.['event'])
  const timestamp = bodyBlock?.['@timestamp']
  const time = typeof timestamp === 'string' ? parseTime(timestamp) : undefined
  return {
    time: time !== undefined && time >= FIRST_US && time < LAST_US ? time : undefined,
    dataset: wordOf(fields?.['dataset']),
    action: wordOf(fields?.['action']),
    user: part(part(parsed(actor))?.['user']),
    ip: addressText(text(part(placeBlock?.['source'])?.['ip'])),
    agent: text(part(placeBlock?.['user_agent'])?.['original']),
    body: bodyBlock,
  }
}

function addRow(to: Columns, event: SealedEvent, typed: Typed): void {
  // The ledger wrote this line.
  const leaf = JSON.parse(event.leaf) as LeafFields
  addPosition(to, event)
  const leafMs = Date.parse(leaf.t)
  const us = typed.time !== undefined && Math.floor(typed.time / 1000) === leafMs ? typed.time : leafMs * 1000
  to.t.add(us)
  to.r.add(Date.parse(leaf.r))
  to.id.add(leaf.id)
  to.c.add(leaf.c)
  to.source.add(leaf.s)
  to.e.add(leaf.e ?? -1)
  to.sq.add(leaf.n ?? -1)
  to.d.add(leaf.d)
  to.y.add(leaf.y)
  // A leaf that is not written as we write them is kept as it is.
  to.leaf.add(leafLine(leaf) === event.leaf ? '' : event.leaf)
  to.dataset.add(typed.dataset ?? (leaf.d === 'other' ? '' : leaf.d))
  to.action.add(typed.action ?? (leaf.y === 'other' ? '' : leaf.y))
  to.outcome.add(OUTCOMES[leaf.o])
  to.ip.add(typed.ip)
  to.agent.add(typed.agent)
  addUser(to, typed.user)
  addBody(to, typed.body)
  to.state.add(stateOf(leaf, typed.body))
}

/** `stateOf` of domain/event.ts, from the columns' own values. */
function stateOf(leaf: LeafFields, body: Part): number {
  if (texts(part(body?.['event'])?.['type']).includes('denied')) return DENIED
  if (text(part(part(body?.['audit'])?.['authz'])?.['decision']) === 'staged') return STAGED
  return leaf.o === 'failure' ? FAILED : OUTCOMES[leaf.o]
}

function addPosition(to: Columns, event: SealedEvent): void {
  const origin = originOf(event.log)
  const [actor = '', place = '', target = '', body = '', original = ''] = event.blocks
  to.feed.add(event.feed)
  to.n.add(event.index)
  to.log.add(event.log)
  to.stream.add(origin.stream)
  to.period.add(origin.period)
  to.conflict.add(event.conflict ? 1 : 0)
  to.dup.add('')
  to.akey.add(event.actorKey)
  to.tkey.add(event.targetKey)
  to.actor.add(actor)
  to.place.add(place)
  to.target.add(target)
  to.body.add(body)
  to.original.add(original)
  to.erased.add(event.erased === undefined ? '' : JSON.stringify(event.erased))
}

function addUser(to: Columns, user: Part): void {
  to.usr.add(text(user?.['name']))
  to.uid.add(text(user?.['id']))
  to.mail.add(text(user?.['email']))
  to.ukind.add(text(user?.['kind']))
  to.groups.add(texts(part(user?.['group'])?.['name']))
  to.roles.add(texts(user?.['roles']))
  to.eff.add(text(part(user?.['effective'])?.['name']))
}

function addBody(to: Columns, body: Part): void {
  const event = part(body?.['event'])
  const audit = part(body?.['audit'])
  const authz = part(audit?.['authz'])
  const whodid = part(body?.['whodid'])
  const resources = parts(audit?.['resource'])
  to.rtype.add(resources.flatMap((each) => texts(each['type'])))
  to.rname.add(resources.flatMap((each) => texts(each['name'])))
  to.rns.add(resources.flatMap((each) => texts(each['namespace'])))
  to.decision.add(text(authz?.['decision']))
  to.policy.add(parts(authz?.['policies']).flatMap((each) => texts(each['name'])))
  to.category.add(texts(event?.['category']))
  to.type.add(texts(event?.['type']))
  to.kind.add(text(event?.['kind']))
  to.req.add(text(part(part(body?.['http'])?.['request'])?.['id']))
  to.cluster.add(text(part(part(body?.['orchestrator'])?.['cluster'])?.['name']))
  to.host.add(text(part(body?.['host'])?.['name']))
  to.labels.add(labels(body?.['labels']))
  to.tags.add(texts(body?.['tags']))
  to.wcat.add(texts(whodid?.['category']))
  to.parser.add(text(whodid?.['parser']))
}

let lastLog = ''
let lastOrigin = { install: '', node: '', stream: '', period: '' }

/** Batches are of one log: its name is taken apart once. */
function originOf(log: string): { readonly stream: string; readonly period: string } {
  if (log !== lastLog) {
    lastOrigin = parseOrigin(log)
    lastLog = log
  }
  return lastOrigin
}

function parsed(block: string | undefined): Json | undefined {
  // A block is JSON: it was written by us.
  return block === undefined ? undefined : (JSON.parse(block) as Json)
}

function part(value: Json | undefined): Part {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // Neither null nor an array: `isArray` does not narrow a readonly array away.
  return value as JsonObject
}

/** Objects of a list; one that stands alone is a list of one. */
function parts(value: Json | undefined): readonly JsonObject[] {
  const list: readonly (Json | undefined)[] = Array.isArray(value) ? value : [value]
  return list.map(part).filter((each) => each !== undefined)
}

function wordOf(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : text(value)
}

/** Text of a single value, also of one alone in a list; empty for what has none. */
function text(value: Json | undefined): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return Array.isArray(value) && value.length === 1 ? text(value[0]) : ''
}

const NO_TEXTS: readonly string[] = []

function texts(value: Json | undefined): readonly string[] {
  if (value === undefined) return NO_TEXTS
  // Nearly always a list of texts, which is what is wanted.
  if (Array.isArray(value)) return value.every(isText) ? value : value.flatMap((each: Json) => texts(each))
  const single = text(value)
  return single === '' ? NO_TEXTS : [single]
}

function isText(value: Json): value is string {
  return typeof value === 'string' && value !== ''
}

function labels(value: Json | undefined): readonly (readonly [string, string])[] {
  const object = part(value)
  if (!object) return []
  return Object.entries(object).map(([name, each]) => [name, text(each)] as const)
}

const DOTTED = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/

/** One text for one address: an IPv4 address mapped into IPv6 is itself. What is no address stays as it is. */
function addressText(address: string): string {
  return DOTTED.test(address) || !address.includes(':') ? address : (canonicalAddress(address) ?? address)
}
