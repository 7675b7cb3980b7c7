import type { FastifyInstance, FastifyRequest } from 'fastify'

import type { Me } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { Scope } from '../state/tokens.ts'
import type { ApiDeps } from './deps.ts'
import { mayName } from './may-name.ts'

/** `GET /v1/me`: who the caller is and what it may know of this server. */
export function addMeRoutes(app: FastifyInstance, deps: ApiDeps): void {
  let everHadEvents = false

  app.get('/v1/me', { config: { needs: ['SIGNED_IN'], isProbe: true } }, async (request): Promise<Me> => {
    const { caller } = request
    if (caller === undefined) throw new AuditError('unauthenticated', 'sign in or send a token')
    const mayRead = deps.auth.judge(caller, ['EVENT_READ']).kind === 'allow'
    return {
      name: caller.name,
      scopes: INCLUDED[caller.scope],
      install: deps.info.install,
      version: deps.info.version,
      hasEvents: mayRead && (await hasAny(request)),
      sources: mayRead && mayName(request.visibility, 'whodid.source') ? deps.info.sources() : [],
      streams: mayRead && mayName(request.visibility, 'whodid.stream') ? deps.info.streams() : [],
    }
  })

  /** For who sees every row, once true it stays so. An engine that restarts is no reason to refuse a sign-in. */
  async function hasAny(request: FastifyRequest): Promise<boolean> {
    try {
      if (request.visibility.rowFilter !== undefined) return await deps.reads.hasEvents(request.visibility)
      everHadEvents ||= await deps.reads.hasEvents(request.visibility)
      return everHadEvents
    } catch (error) {
      if (error instanceof AuditError && error.code === 'engine_unavailable') return true
      throw error
    }
  }
}

const INCLUDED: Readonly<Record<Scope, readonly Scope[]>> = {
  ingest: ['ingest'],
  read: ['read'],
  admin: ['read', 'ingest', 'admin'],
}
