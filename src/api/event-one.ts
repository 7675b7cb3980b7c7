import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { GetOptions } from '../store/reads.ts'
import { closedSignal } from './closed.ts'
import type { ApiDeps } from './deps.ts'
import { parseParams, wholeNumber } from './input.ts'

/** Which of several events with one id (a conflict) is meant. */
export const positionParams = {
  log: z.string().max(300).optional(),
  index: wholeNumber(0).optional(),
}
const oneParams = z.strictObject(positionParams)

/** One event, and the very bytes that it was made of. */
export function addEventRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.get('/v1/events/:id', { config: { needs: ['EVENT_READ'] } }, async (request, reply) => {
    const found = await findEvent(request, closedSignal(reply))
    return reply.send(found)
  })

  app.get(
    '/v1/events/:id/original',
    { config: { needs: ['EVENT_READ', 'EVENT_READ_RAW'] } },
    async (request, reply) => {
      const { event, whodid } = await findEvent(request, closedSignal(reply))
      const encoded = whodid?.original_base64
      // Somebody else wrote these bytes: never a type that a browser would run.
      if (encoded !== undefined) return reply.type('application/octet-stream').send(Buffer.from(encoded, 'base64'))
      if (event.original !== undefined) return reply.type('text/plain; charset=utf-8').send(event.original)
      const hint = 'a record that was an event already is kept as that event only'
      throw new AuditError('not_found', `event ${event.id ?? ''} has no original of its own`, { hint })
    },
  )

  async function findEvent(request: FastifyRequest, signal: AbortSignal): Promise<AuditEvent> {
    const id = idOf(request)
    const position = positionOf(parseParams(oneParams, request.query))
    const event = await deps.reads.get(id, request.visibility, { ...position, signal })
    if (event === undefined) throw noSuchEvent(id)
    return event
  }
}

/** Throws `not_found` for what cannot be an id of ours. */
export function idOf(request: FastifyRequest): string {
  const { id } = idParams.parse(request.params)
  if (!/^[A-Za-z0-9_-]{22}$/.test(id)) throw new AuditError('not_found', 'an event id has 22 letters, digits, - and _')
  return id
}

const idParams = z.object({ id: z.string() })

export function positionOf(params: { log?: string | undefined; index?: number | undefined }): GetOptions {
  const { log, index } = params
  if (log !== undefined && index !== undefined) return { position: { log, index } }
  if (log === undefined && index === undefined) return {}
  throw new AuditError('bad_request', 'log and index name a place together: one of them is missing')
}

export function noSuchEvent(id: string): AuditError {
  const hint = 'an event is found about a second after it was acknowledged'
  return new AuditError('not_found', `there is no event ${id}`, { hint })
}
