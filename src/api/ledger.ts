import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import { AuditError } from '../domain/errors.ts'
import type { ApiDeps } from './deps.ts'

/**
 * The logs under their C2SP paths (tlog-tiles), for whoever wants to check them without trusting us. `ledger.public` opens
 * them to everyone: the hashes only, or the entries too.
 */
export function addLedgerRoutes(
  app: FastifyInstance,
  deps: Pick<ApiDeps, 'ledger' | 'publicLedger' | 'witnesses'>,
): void {
  const isPublic = deps.publicLedger === 'tiles' || deps.publicLedger === 'entries'
  const config = { needs: [isPublic ? 'PUBLIC' : 'LEDGER_READ'] } as const
  const entriesConfig = { needs: [deps.publicLedger === 'entries' ? 'PUBLIC' : 'LEDGER_READ'] } as const

  app.get('/log', { config }, () => ({ logs: deps.ledger.logs(), ...deps.witnesses?.() }))
  app.get('/log/:install/:node/:stream/:period/tile/entries/*', { config: entriesConfig }, serve)
  app.get('/log/*', { config }, serve)

  async function serve(request: FastifyRequest, reply: FastifyReply) {
    // As it was sent: an escaped path would have gone by the wrong one of the two gates above, and none of ours has escapes.
    const asked = request.url.slice('/log/'.length).split('?', 1)[0] ?? ''
    // An origin has slashes in it: the log is the one whose origin the path begins with.
    const log = deps.ledger.logs().find((each) => asked.startsWith(`${each.origin}/`))
    const file = log && (await deps.ledger.serve(log.origin, asked.slice(log.origin.length + 1)))
    if (file === undefined) {
      throw new AuditError('not_found', 'there is no such log, or nothing there yet', { hint: 'see GET /log' })
    }
    // Tiles never change; what grows is asked for again each second.
    void reply.header(
      'cache-control',
      file.cache === 'immutable' ? 'private, max-age=31536000, immutable' : 'private, max-age=1',
    )
    if (file.gzip) void reply.header('content-encoding', 'gzip')
    return reply.type(file.contentType).send(file.body)
  }
}
