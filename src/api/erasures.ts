import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import type { ErasureAnswer } from '../domain/erasure-answers.ts'
import { formatMillis } from '../domain/time.ts'
import type { Erasure } from '../state/erasures.ts'
import { closedSignal } from './closed.ts'
import type { ApiDeps } from './deps.ts'
import { parseBody } from './input.ts'
import { whoCalls } from './trail.ts'

type ById = { Params: { readonly id: string } }

/** Erasing a person: look-up, request, decision, and how far it has come. */
export function addErasureRoutes(app: FastifyInstance, { erasures }: ApiDeps): void {
  const erasing = { config: { needs: ['ERASE'] } } as const

  app.post('/v1/erasures::preview', erasing, (request, reply) => {
    const person = parseBody(personBody, request)
    return erasures.preview(person, whoCalls(request), closedSignal(reply))
  })

  app.post('/v1/erasures', erasing, async (request, reply) => {
    const { reference, basis, ...person } = parseBody(requestBody, request)
    const asked = await erasures.request(person, { reference, basis }, whoCalls(request))
    return reply.code(202).header('location', `/v1/erasures/${asked.id}`).send(answerOf(asked))
  })

  app.get('/v1/erasures', erasing, () => ({ erasures: erasures.list().map(answerOf) }))

  app.get<ById>(ONE, erasing, (request) => answerOf(erasures.find(request.params.id)))

  app.post<ById>(`${ONE}::approve`, erasing, async (request) => {
    parseBody(approval, request)
    return answerOf(await erasures.approve(request.params.id, whoCalls(request)))
  })

  app.post<ById>(`${ONE}::refuse`, erasing, (request) => {
    const { reason } = parseBody(refusal, request)
    return answerOf(erasures.refuse(request.params.id, whoCalls(request), reason))
  })

  app.post<ById>(`${ONE}::hold`, erasing, (request) => {
    const { reason, until } = parseBody(holding, request)
    return answerOf(erasures.hold(request.params.id, whoCalls(request), Date.parse(until), reason))
  })
}

/** Letters only up to the colon: what follows it is what is done. */
const ONE = String.raw`/v1/erasures/:id(^[\w-]+)`

const identifiers = z.array(z.string().min(1).max(1000)).max(20).default([])
const person = { names: identifiers, ids: identifiers, emails: identifiers, mentions: z.boolean().default(false) }
const words = z.string().trim().min(1).max(1000)
const personBody = z.strictObject(person)
const requestBody = z.strictObject({ ...person, reference: words, basis: words })
/** What cannot be undone is confirmed in so many words. */
const approval = z.strictObject({ confirm: z.literal(true) })
const refusal = z.strictObject({ reason: words })
const holding = z.strictObject({ reason: words, until: z.iso.datetime({ offset: true }) })

function answerOf(erasure: Erasure): ErasureAnswer {
  const { requestedAt, decidedAt, heldUntil, horizon: _horizon, frame: _frame, person: whom, ...rest } = erasure
  return {
    ...rest,
    requestedAt: formatMillis(requestedAt),
    ...(decidedAt !== undefined && { decidedAt: formatMillis(decidedAt) }),
    ...(heldUntil !== undefined && { heldUntil: formatMillis(heldUntil) }),
    ...(whom !== undefined && {
      person: { names: whom.names, ids: whom.ids, emails: whom.emails, mentions: whom.mentions },
    }),
  }
}
