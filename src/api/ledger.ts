import { hash } from 'node:crypto'

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import { AuditError } from '../domain/errors.ts'
import type { ApiDeps } from './deps.ts'

/**
 * The logs under their C2SP paths (tlog-tiles), for whoever wants to check them without trusting us. `ledger.public` opens
 * them to everyone: the hashes only, or the entries too.
 */
export function addLedgerRoutes(
  app: FastifyInstance,
  deps: Pick<ApiDeps, 'ledger' | 'publicLedger' | 'witnesses' | 'timeStamps'>,
): void {
  const isPublic = deps.publicLedger === 'tiles' || deps.publicLedger === 'entries'
  const config = { needs: [isPublic ? 'PUBLIC' : 'LEDGER_READ'] } as const
  const entriesConfig = { needs: [deps.publicLedger === 'entries' ? 'PUBLIC' : 'LEDGER_READ'] } as const

  app.get('/log', { config }, (_, reply) => {
    void reply.headers(headersFor(isPublic, 'max-age=1'))
    const timeStamps = deps.timeStamps?.()
    return { logs: deps.ledger.logs(), ...deps.witnesses?.(), ...(timeStamps && { timeStamps }) }
  })
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
    const isOpen = request.routeOptions.config.needs?.includes('PUBLIC') === true
    // Tiles never change; what grows is asked for again each second.
    void reply.headers(headersFor(isOpen, file.cache === 'immutable' ? 'max-age=31536000, immutable' : 'max-age=1'))
    const tag = `"${hash('sha256', file.body, 'base64url').slice(0, 22)}"`
    void reply.header('etag', tag)
    if (isKnown(request.headers['if-none-match'], tag)) return reply.code(304).send()
    if (file.gzip) void reply.header('content-encoding', 'gzip')
    return reply.type(file.contentType).send(file.body)
  }
}

/** What everybody may read, caches and pages of others may read as well. */
function headersFor(isPublic: boolean, age: string): Record<string, string> {
  if (!isPublic) return { 'cache-control': `private, ${age}` }
  return {
    'cache-control': `public, ${age}`,
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
  }
}

/** RFC 9110 section 13.1.2; compared weakly. */
function isKnown(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  return header.trim() === '*' || header.split(',', 32).some((each) => each.trim().replace(/^W\//, '') === tag)
}
