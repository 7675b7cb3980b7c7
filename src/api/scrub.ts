import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import type { ApiDeps } from './deps.ts'
import { parseBody } from './input.ts'
import type { Trail } from './trail.ts'

const place = z.int().nonnegative()
const askBody = z.strictObject({
  log: z.string().max(300).exactOptional(),
  from: place.exactOptional(),
  to: place.exactOptional(),
})

/** The store compared with the ledger: how it stands, and a run now (docs/scrub.md). */
export function addScrubRoutes(app: FastifyInstance, deps: ApiDeps, trail: Trail): void {
  app.get('/v1/ledger/scrub', { config: { needs: ['LEDGER_READ'] } }, () => scrubOf(deps).standing())

  app.post('/v1/ledger/scrub', { config: { needs: ['LEDGER_READ', 'ADMIN'] } }, async (request, reply) => {
    const which = parseBody(askBody, request)
    if (which.log === undefined && (which.from !== undefined || which.to !== undefined))
      throw new AuditError('bad_request', 'from and to are places in one log: name it', { hint: 'add log' })
    if (which.log !== undefined && !deps.ledger.logs().some(({ origin }) => origin === which.log))
      throw new AuditError('not_found', `there is no log ${which.log}`, { hint: 'see GET /log' })
    scrubOf(deps).ask(which)
    trail.record(request, request.caller, {
      action: 'scrub',
      category: 'database',
      type: 'start',
      outcome: 'success',
      resource: { type: 'log', ...(which.log !== undefined && { name: which.log }) },
      asked: { ...which },
    })
    return reply.status(202).send(scrubOf(deps).standing())
  })
}

function scrubOf({ scrub }: ApiDeps): NonNullable<ApiDeps['scrub']> {
  if (scrub === undefined) throw new AuditError('unsupported', 'this server compares nothing')
  return scrub
}
