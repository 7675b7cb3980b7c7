import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import type { RelatedAnswer } from '../domain/answers.ts'
import type { AuditEvent } from '../domain/event.ts'
import { printTerm } from '../query/print.ts'
import { type HiddenFields, isHidden } from '../query/resolve.ts'
import { closedSignal } from './closed.ts'
import type { ApiDeps } from './deps.ts'
import { idOf, noSuchEvent, positionOf, positionParams } from './event-one.ts'
import { parseParams } from './input.ts'
import { resolveRun } from './run.ts'

const params = z.strictObject(positionParams)

/**
 * What belongs together: events of one source that agree in a field. The first of these that an event has, and that its
 * reader may see, is what it is joined by. A kind of session that is not here yet is one line more.
 */
const REQUEST = 'http.request.id'
const JOINED_BY: readonly string[] = [REQUEST, 'trace.id', 'process.entity_id']

const DAY_MS = 24 * 3600_000
/** How far from an event its companions are looked for. */
const AROUND_MS = 7 * DAY_MS
const MOST = 200

/** The events of one request, and whether it came to an end; of one connection or process, which may go on for days. */
export function addRelatedRoute(app: FastifyInstance, deps: ApiDeps): void {
  app.get('/v1/events/:id/related', { config: { needs: ['EVENT_READ'] } }, async (request, reply) => {
    const id = idOf(request)
    const { visibility } = request
    const signal = closedSignal(reply)
    const position = positionOf(parseParams(params, request.query))
    const event = await deps.reads.get(id, visibility, { ...position, signal })
    if (event === undefined) throw noSuchEvent(id)
    const join = joinOf(event, visibility.fields)
    if (join === undefined) return reply.send({ events: [event] } satisfies RelatedAnswer)
    const nowMs = deps.clock.now()
    // A query like any other, so it sees what a search of this reader would.
    const { query } = resolveRun({ q: join.query }, nowMs, visibility.fields)
    const atMs = Date.parse(event['@timestamp'])
    const run = { query, sinceMs: atMs - AROUND_MS, untilMs: atMs + AROUND_MS, asOf: deps.asOf() }
    const found = await deps.reads.list({ ...run, order: 'oldest', limit: MOST }, visibility, signal)
    // Queries fold case, names do not.
    const events = found.events.filter(
      (each) => valueAt(each, join.field) === join.value && each.whodid?.source === event.whodid?.source,
    )
    const answer: RelatedAnswer = {
      events,
      joinedBy: join.field,
      ...(found.next !== undefined && { more: true as const }),
      ...(found.next === undefined && join.field === REQUEST && endOf(events, visibility.fields, nowMs)),
    }
    return reply.send(answer)
  })
}

interface Join {
  readonly field: string
  readonly value: string
  readonly query: string
}

function joinOf(event: AuditEvent, hidden: HiddenFields): Join | undefined {
  const source = event.whodid?.source
  for (const field of JOINED_BY) {
    const value = valueAt(event, field)
    // Another source may say the same id: it is another request, or somebody who wants to be in this one.
    if (isHidden(hidden, field) || typeof value !== 'string' || source === undefined) continue
    return { field, value, query: `${printTerm(field, [value])} ${printTerm('source', [source])}` }
  }
  return undefined
}

function valueAt(event: AuditEvent, path: string): unknown {
  let value: unknown = event
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

/** An API server gives a request a minute, a watch at most some hours; both with room to spare. */
const GRACE_MS = 5 * 60_000
const LONG_GRACE_MS = DAY_MS

/**
 * Whether what was begun came to an end: by an event of type `end`, or by one of the same action that is no `start`. Nobody
 * can tell from whom types or actions are hidden.
 */
function endOf(
  events: readonly AuditEvent[],
  hidden: HiddenFields,
  nowMs: number,
): Pick<RelatedAnswer, 'complete' | 'finding'> {
  if (['event.type', 'event.action', 'kubernetes.audit.stage'].some((field) => isHidden(hidden, field))) return {}
  const begun = events.filter(isStart)
  const complete = begun.every(({ event: { action } }) => events.some((each) => ends(each, action)))
  if (complete) return { complete }
  const last = Math.max(...events.map((each) => Date.parse(each['@timestamp'])))
  const isLong = begun.some((each) => valueAt(each, 'kubernetes.audit.stage') === 'ResponseStarted')
  const isLate = nowMs - last > (isLong ? LONG_GRACE_MS : GRACE_MS)
  return { complete, ...(isLate && { finding: 'never completed' }) }
}

function isStart({ event }: AuditEvent): boolean {
  return event.type?.includes('start') === true
}

function ends(event: AuditEvent, action: string | undefined): boolean {
  if (event.event.type?.includes('end') === true) return true
  return event.event.action === action && !isStart(event)
}
