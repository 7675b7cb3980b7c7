import type { AuditEvent } from '../../domain/event.ts'

/** One row of the list: an event, or the neighbouring stages of one request with the latest in front. */
export interface Row {
  readonly key: string
  readonly event: AuditEvent
  /** The other stages that this row stands for, in list order. */
  readonly others: readonly AuditEvent[]
}

/** Makes rows of events; with `fold`, neighbours with the same `http.request.id` share one. */
export function rowsOf(events: readonly AuditEvent[], fold: boolean): readonly Row[] {
  const rows: { key: string; event: AuditEvent; others: AuditEvent[] }[] = []
  let previous: string | undefined
  for (const event of events) {
    const request = fold ? requestId(event) : undefined
    const last = rows.at(-1)
    if (request !== undefined && request === previous && last !== undefined) last.others.push(event)
    else rows.push({ key: keyOf(event), event, others: [] })
    previous = request
  }
  return rows
}

/** An id can be there twice (a conflict), a place in the ledger cannot. */
export function keyOf(event: AuditEvent): string {
  const { log, index } = event.whodid ?? {}
  return log === undefined || index === undefined ? (event.event.id ?? event['@timestamp']) : `${log}:${index}`
}

/** What joins the stages of a request: `http.request.id`, if it is a text. */
function requestId(event: AuditEvent): string | undefined {
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
