import { randomBytes } from 'node:crypto'

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'

import type { EventPage, Summary } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import { formatMillis } from '../domain/time.ts'
import type { RowKey } from '../store/reads.ts'
import { closedSignal } from './closed.ts'
import { type Cursor, createCursorSeal } from './cursor.ts'
import type { ApiDeps } from './deps.ts'
import { parseParams, wholeNumber } from './input.ts'
import { createRecentRuns } from './recent-runs.ts'
import { type RunParams, resolveRun, runParams, zoneOf } from './run.ts'
import { readAct, type Trail } from './trail.ts'

const listParams = z.strictObject({
  ...runParams,
  order: z.enum(['newest', 'oldest']).optional(),
  limit: wholeNumber(1, 1000).default(50),
  cursor: z.string().max(512).optional(),
})
const summaryParams = z.strictObject(runParams)

const config = { needs: ['EVENT_READ'] } as const

/** The list of a query and its summary. */
export function addEventReadRoutes(app: FastifyInstance, deps: ApiDeps, trail: Trail): void {
  const seal = createCursorSeal(deps.cursorKey ?? randomBytes(32))
  const runs = createRecentRuns(deps.clock)

  app.get('/v1/events', { config }, async (request, reply) => {
    const params = parseParams(listParams, request.query)
    const order = params.order ?? 'newest'
    const run = JSON.stringify([request.caller?.id, params.q, params.since, params.until, params.zone, order])
    const start = params.cursor === undefined ? firstPage(params) : nextPage(params.cursor, run, params)
    const resolved = resolveRun(params, start.nowMs, request.visibility.fields, deps.hashed?.())
    recordSearch(request, params, start.asOf)
    const listed = { ...resolved, asOf: start.asOf, order, limit: params.limit }
    const after = 'after' in start ? { after: start.after } : {}
    const startedMs = performance.now()
    const answer = await deps.reads.list({ ...listed, ...after }, request.visibility, closedSignal(reply))
    const next = answer.next && seal.seal({ order, after: answer.next, asOf: start.asOf, nowMs: start.nowMs }, run)
    if (next !== undefined) void reply.header('link', `<${nextUrl(request, next)}>; rel="next"`)
    if ((request.headers.accept ?? '').includes('application/x-ndjson')) {
      return reply.type('application/x-ndjson').send(answer.events.map(jsonLine).join(''))
    }
    const page: EventPage = {
      events: answer.events,
      ...(next !== undefined && { next }),
      asOf: String(start.asOf),
      tookMs: Math.round(performance.now() - startedMs),
      rowsRead: answer.rowsRead,
    }
    return reply.send(page)
  })

  app.get('/v1/events::summary', { config }, async (request, reply): Promise<Summary> => {
    const params = parseParams(summaryParams, request.query)
    const { asOf, nowMs } = firstPage(params)
    const run = { ...resolveRun(params, nowMs, request.visibility.fields, deps.hashed?.()), asOf, zone: zoneOf(params) }
    recordSearch(request, params, asOf)
    const startedMs = performance.now()
    const signal = closedSignal(reply)
    const [answer, firstMs] = await Promise.all([
      deps.reads.summary(run, request.visibility, signal),
      deps.reads.firstTime(request.visibility, signal),
    ])
    const behind = Math.max(0, deps.acked() - deps.asOf())
    const isCut = firstMs !== undefined && firstMs > Date.parse(answer.since)
    return {
      ...answer,
      completeness: { behind, ...(isCut && { recordedSince: formatMillis(firstMs) }) },
      asOf: String(asOf),
      tookMs: Math.round(performance.now() - startedMs),
    }
  })

  function firstPage(params: RunParams): { asOf: number; nowMs: number } {
    const newest = deps.asOf()
    // Nobody sees further than what is there: a larger number would make a run that grows.
    return { asOf: Math.min(Number(params.asOf ?? newest), newest), nowMs: deps.clock.now() }
  }

  function nextPage(text: string, run: string, params: RunParams): Cursor & { after: RowKey } {
    const cursor = seal.open(text, run)
    if (params.asOf === undefined || Number(params.asOf) === cursor.asOf) return cursor
    throw new AuditError('bad_request', 'asOf and cursor belong to different runs', { hint: 'leave asOf out' })
  }

  /** One event a run: summary and further pages belong to it. */
  function recordSearch(request: FastifyRequest, params: RunParams, asOf: number): void {
    const { q = '', since, until } = params
    if (!runs.isNew([request.caller?.id, q, since, until, asOf])) return
    const asked = { q, ...(since !== undefined && { since }), ...(until !== undefined && { until }) }
    trail.record(request, request.caller, { ...SEARCH, asked })
  }
}

const SEARCH = readAct('search')

function jsonLine(event: AuditEvent): string {
  return `${JSON.stringify(event)}\n`
}

/** Relative, so it holds behind any proxy. */
function nextUrl(request: FastifyRequest, cursor: string): string {
  const url = new URL(request.url, 'http://localhost')
  url.searchParams.set('cursor', cursor)
  return `${url.pathname}${url.search}`
}
