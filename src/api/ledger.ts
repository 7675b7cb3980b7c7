import type { FastifyInstance } from 'fastify'

import { AuditError } from '../domain/errors.ts'
import type { ApiDeps } from './deps.ts'

/** The logs under their C2SP paths (tlog-tiles), for whoever wants to check them without trusting us. */
export function addLedgerRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'ledger'>): void {
  const config = { needs: ['LEDGER_READ'] } as const

  app.get('/log', { config }, () => ({ logs: deps.ledger.logs() }))

  app.get<{ Params: { '*': string } }>('/log/*', { config }, async (request, reply) => {
    const asked = request.params['*']
    // An origin has slashes in it: the log is the one whose origin the path begins with.
    const log = deps.ledger.logs().find((each) => asked.startsWith(`${each.origin}/`))
    const file = log && (await deps.ledger.serve(log.origin, asked.slice(log.origin.length + 1)))
    if (file === undefined) {
      throw new AuditError('not_found', 'there is no such log, or nothing there yet', { hint: 'see GET /log' })
    }
    // Tiles never change; what grows is asked for again each second.
    const cacheControl = file.cache === 'immutable' ? 'private, max-age=31536000, immutable' : 'private, max-age=1'
    void reply.header('cache-control', cacheControl)
    if (file.gzip) void reply.header('content-encoding', 'gzip')
    return reply.type(file.contentType).send(file.body)
  })
}
