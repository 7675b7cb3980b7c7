import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import type { RetentionDesk } from '../ingest/retention.ts'
import { parseBody } from './input.ts'
import { whoCalls } from './trail.ts'

/** How long streams are kept, legal holds, and what waits for a decision about them. */
export function addStreamRoutes(app: FastifyInstance, { retention }: { readonly retention?: RetentionDesk }): void {
  const reading = { config: { needs: ['LEDGER_READ'] } } as const
  const holding = { config: { needs: ['HOLD'] } } as const
  const desk = (): RetentionDesk => {
    if (retention === undefined) throw new AuditError('unsupported', 'nothing is kept here')
    return retention
  }

  app.get('/v1/streams', reading, async () => ({ streams: await desk().streams(), waiting: desk().waiting() }))
  app.put<{ Params: { name: string } }>('/v1/streams/:name', holding, (request, reply) => {
    const { keepDays, basis } = parseBody(terms, request)
    if (!STREAM.test(request.params.name))
      throw new AuditError('bad_request', `${request.params.name} is no name of a stream`)
    const wanted = { stream: request.params.name, days: keepDays, ...(basis !== undefined && { basis }) }
    const waiting = desk().keep(wanted, whoCalls(request))
    return reply.code(waiting === undefined ? 200 : 202).send({ ...(waiting && { waiting }) })
  })
  app.post('/v1/streams::prune', holding, async (request, reply) => {
    const { log, reason, clockIsRight } = parseBody(prune, request)
    if (log === undefined) return { gone: await desk().prune(clockIsRight === true, whoCalls(request)) }
    if (reason === undefined) throw new AuditError('bad_request', 'a log goes before its time for a reason only')
    return reply.code(202).send({ waiting: desk().askPrune(log, reason, whoCalls(request)) })
  })
  app.post<ById>(`${WAITING}::confirm`, holding, (request) => desk().confirm(request.params.id, whoCalls(request)))
  app.post<ById>(`${WAITING}::refuse`, holding, (request) =>
    desk().refuse(request.params.id, whoCalls(request), parseBody(refusal, request).reason),
  )

  app.get('/v1/holds', reading, () => ({ holds: desk().holds() }))
  app.post('/v1/holds', holding, (request, reply) => {
    const { stream, from, until, reason } = parseBody(hold, request)
    const range = {
      ...(from !== undefined && { from: Date.parse(from) }),
      ...(until !== undefined && { until: Date.parse(until) }),
    }
    if (range.from !== undefined && range.until !== undefined && range.from >= range.until)
      throw new AuditError('bad_request', `a hold from ${from} until ${until} would hold nothing`)
    return reply.code(201).send(desk().addHold({ stream, reason, ...range }, whoCalls(request)))
  })
  app.post<ById>(String.raw`/v1/holds/:id(^[\w-]+)::release`, holding, (request, reply) => {
    const { reason } = parseBody(refusal, request)
    return reply.code(202).send({ waiting: desk().askRelease(request.params.id, reason, whoCalls(request)) })
  })
}

interface ById {
  Params: { id: string }
}

const WAITING = String.raw`/v1/streams/waiting/:id(^[\w-]+)`
const STREAM = /^[a-z0-9][a-z0-9-]{0,31}$/
const words = z.string().trim().min(1).max(1000)
const terms = z.strictObject({ keepDays: z.int().min(1).max(100_000), basis: words.optional() })
const prune = z.strictObject({
  log: z.string().max(300).optional(),
  reason: words.optional(),
  clockIsRight: z.boolean().optional(),
})
const refusal = z.strictObject({ reason: words })
const hold = z.strictObject({
  stream: z.string().regex(STREAM),
  from: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  reason: words,
})
