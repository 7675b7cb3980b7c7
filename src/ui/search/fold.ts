import type { AuditEvent } from '../../domain/event.ts'
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
  let previous: string | undefined
  for (const event of events) {
    const whole = fold ? wholeOf(event) : undefined
    const last = rows.at(-1)
    if (whole !== undefined && whole === previous && last !== undefined) last.others.push(event)
    else rows.push({ key: keyOf(event), event, others: [] })
    previous = whole
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
 * What an event is a part of, where one row can stand for all of it: a request, or how somebody came and went over one
 * connection. What was done meanwhile, and what was refused, keep rows of their own.
 */
function wholeOf(event: AuditEvent): string | undefined {
  const source = event.whodid?.source
  const request = requestId(event)
  if (request !== undefined) return JSON.stringify([source, request])
  const connection = textIn(event['trace'], 'id')
  if (connection === undefined || !isComingOrGoing(event)) return undefined
  const state = stateOf(event)
  return JSON.stringify([source, connection, state === 'unknown' ? 'success' : state])
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
