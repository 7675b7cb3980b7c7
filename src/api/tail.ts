import type { ServerResponse } from 'node:http'
import { once } from 'node:events'

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import { pause } from '../lib/clock.ts'
import type { Query } from '../query/ast.ts'
import { findCaller } from './caller.ts'
import type { ApiDeps } from './deps.ts'
import { parseParams } from './input.ts'
import { createRecentRuns } from './recent-runs.ts'
import { resolveRun, runParams } from './run.ts'
import { readAct, type Trail } from './trail.ts'

const tailParams = z.strictObject({ q: runParams.q, zone: runParams.zone })

const MAX_TAILS = 200
const MAX_EVENTS = 500
/** Two looks at the store are at least so far apart, however fast events arrive. */
const GAP_MS = 200
const HEARTBEAT_MS = 15_000

/**
 * `GET /v1/events:tail`: server-sent events (WHATWG HTML section 9.2). `id` is the feed number up to which was looked:
 * with `Last-Event-ID` a broken connection goes on there. Rights are judged anew before each message.
 */
export function addTailRoute(app: FastifyInstance, deps: ApiDeps, trail: Trail): void {
  const runs = createRecentRuns(deps.clock)
  const open = new Set<AbortController>()
  // A stream that never ends would hold up the end of the server.
  app.addHook('preClose', async () => {
    for (const each of open) each.abort()
  })

  // Without HEAD: it would be a stream of nothing that never ends.
  const options = { config: { needs: ['EVENT_READ'] }, exposeHeadRoute: false } as const
  app.get('/v1/events::tail', options, async (request, reply) => {
    const params = parseParams(tailParams, request.query)
    const { query } = resolveRun(params, deps.clock.now(), request.visibility.fields, deps.hashed?.())
    const from = startOf(request, deps)
    if (open.size >= MAX_TAILS) throw new AuditError('busy', `${MAX_TAILS} tails are open`, { retryAfterMs: 10_000 })
    if (runs.isNew([request.caller?.id, params.q])) {
      trail.record(request, request.caller, { ...WATCH, asked: { q: params.q ?? '' } })
    }
    const ended = new AbortController()
    open.add(ended)
    reply.raw.once('close', () => ended.abort())
    reply.hijack()
    const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }
    // Nobody sets a header to undefined here.
    reply.raw.writeHead(200, headers as Record<string, string>)
    try {
      await follow({ request, deps, query, signal: ended.signal, out: reply.raw }, from)
    } catch (error) {
      tellEnd(reply.raw, error, deps)
    } finally {
      open.delete(ended)
      reply.raw.end()
    }
  })
}

const WATCH = readAct('watch')

interface Tail {
  readonly request: FastifyRequest
  readonly deps: ApiDeps
  readonly query: Query | undefined
  readonly signal: AbortSignal
  readonly out: ServerResponse
}

async function follow(tail: Tail, from: number): Promise<void> {
  const { deps, signal, query } = tail
  let feed = from
  await write(tail, ': open\n\n')
  while (!signal.aborted) {
    const asOf = deps.asOf()
    if (asOf <= feed) {
      const isWoken = await wakeOrHeartbeat(tail)
      if (!isWoken) await write(tail, ': still here\n\n')
      continue
    }
    const judgement = deps.auth.judge(findCaller(tail.request, deps), ['EVENT_READ'])
    if (judgement.kind === 'deny') throw new AuditError('unauthenticated', 'the session or token ended')
    const request = { query, afterFeed: feed, asOf, limit: MAX_EVENTS }
    const answer = await deps.reads.after(request, judgement.visibility, signal)
    feed = answer.feed
    await write(tail, messageOf(answer.events, feed))
    await pause(deps.clock, GAP_MS, signal)
  }
}

function startOf(request: FastifyRequest, deps: ApiDeps): number {
  const last = request.headers['last-event-id']
  if (last === undefined) return deps.asOf()
  if (typeof last === 'string' && /^\d{1,15}$/.test(last)) return Number(last)
  throw new AuditError('bad_request', 'Last-Event-ID is no feed number', { hint: 'send the id of the last message' })
}

/** True when something new can be found, false when it was time for a sign of life or the tail ended. */
function wakeOrHeartbeat({ deps, signal }: Tail): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isWoken: boolean) => {
      woken.cancel()
      beat.cancel()
      signal.removeEventListener('abort', onAbort)
      resolve(isWoken)
    }
    const onAbort = () => settle(false)
    const woken = deps.onSearchable(() => settle(true))
    const beat = deps.clock.later(HEARTBEAT_MS, () => settle(false))
    signal.addEventListener('abort', onAbort)
  })
}

function messageOf(events: readonly AuditEvent[], feed: number): string {
  return `id: ${feed}\nevent: events\ndata: ${JSON.stringify({ events, feed: String(feed) })}\n\n`
}

/** A reader that is slower than the events waits here, and costs no memory. */
async function write({ out, signal }: Tail, text: string): Promise<void> {
  if (signal.aborted || out.write(text)) return
  await once(out, 'drain', { signal })
}

/** The last message: why it ends. The client comes again with its `Last-Event-ID`. */
function tellEnd(out: ServerResponse, error: unknown, deps: ApiDeps): void {
  if (out.destroyed) return
  if (!(error instanceof AuditError)) deps.logError(error, 'tail')
  const code = error instanceof AuditError ? error.code : 'internal'
  const detail = error instanceof AuditError ? error.message : 'internal error'
  out.write(`event: problem\ndata: ${JSON.stringify({ code, detail })}\n\n`)
}
