import type { AuditEvent, State } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'

/** One row of the list: an event, or neighbours that belong together with the latest in front. */
export interface Row {
  readonly key: string
  readonly event: AuditEvent
  /** The others that this row stands for, in list order. */
  readonly others: readonly AuditEvent[]
}

/** Makes rows of events; with `fold`, neighbouring stages of a request share one, and lines of a sign-in. */
export function rowsOf(events: readonly AuditEvent[], fold: boolean): readonly Row[] {
  const rows: { key: string; event: AuditEvent; others: AuditEvent[] }[] = []
  let previous: AuditEvent | undefined
  for (const event of events) {
    const last = rows.at(-1)
    if (fold && previous !== undefined && last !== undefined && areOne(previous, event)) last.others.push(event)
    else rows.push({ key: keyOf(event), event, others: [] })
    previous = event
  }
  return rows
}

/** What a row of several is made of. */
export function partWord(row: Row): 'stages' | 'lines' {
  return requestId(row.event) === undefined ? 'lines' : 'stages'
}

/** An id can be there twice (a conflict), a place in the ledger cannot. */
export function keyOf(event: AuditEvent): string {
  const { log, index } = event.whodid ?? {}
  return log === undefined || index === undefined ? (event.event.id ?? event['@timestamp']) : `${log}:${index}`
}

/**
 * Whether one row can stand for two neighbours: stages of a request, or lines that say how somebody came and went over one
 * connection. What was done meanwhile, and what was refused, keep rows of their own.
 */
function areOne(a: AuditEvent, b: AuditEvent): boolean {
  if (a.whodid?.source !== b.whodid?.source) return false
  const [request, other] = [requestId(a), requestId(b)]
  if (request !== undefined || other !== undefined) return request === other
  if (!isComingOrGoing(a) || !isComingOrGoing(b) || mark(a) !== mark(b)) return false
  // Of a connection some lines name the other end, some only the process that serves it.
  return agree(a, b, 'trace', 'id') || agree(a, b, 'process', 'entity_id')
}

function mark(event: AuditEvent): State {
  const state = stateOf(event)
  return state === 'unknown' ? 'success' : state
}

function agree(a: AuditEvent, b: AuditEvent, first: string, ...path: readonly string[]): boolean {
  const value = textIn(a[first], ...path)
  return value !== undefined && value === textIn(b[first], ...path)
}

const COMING_AND_GOING: ReadonlySet<string> = new Set(['authentication', 'session', 'network'])

function isComingOrGoing({ event: { category = [] } }: AuditEvent): boolean {
  return category.length > 0 && category.every((each) => COMING_AND_GOING.has(each))
}

/** What joins the stages of a request: `http.request.id`, if it is a text. */
export function requestId(event: AuditEvent): string | undefined {
  return textIn(event['http'], 'request', 'id')
}

/** The text at a path of an event's unknown part. Own properties only: names come from outside. */
export function textIn(value: unknown, ...path: readonly string[]): string | undefined {
  const found = valueIn(value, ...path)
  return typeof found === 'string' && found !== '' ? found : undefined
}

function valueIn(value: unknown, ...path: readonly string[]): unknown {
  let found: unknown = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = Object.getOwnPropertyDescriptor(found, name)?.value
  }
  return found
}
