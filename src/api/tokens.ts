import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import type { TokenInfo, TokenRequest } from '../auth/tokens.ts'
import { formatMillis } from '../domain/time.ts'
import { name as sourceName } from '../sources/config.ts'
import type { ApiDeps } from './deps.ts'
import { parseBody } from './input.ts'
import type { Act, Trail } from './trail.ts'

/** A token as it is listed: times in RFC 3339, never its secret. */
export interface TokenAnswer {
  readonly id: string
  readonly name: string
  readonly scope: string
  readonly source?: string
  readonly createdAt: string
  readonly createdBy: string
  readonly expiresAt?: string
  readonly revokedAt?: string
}

const newToken = z.strictObject({
  scope: z.enum(['ingest', 'read', 'admin']),
  name: z.string().trim().min(1).max(100).optional(),
  source: sourceName.refine((word) => word !== 'whodid', 'whodid is our own trail: nobody writes as it').optional(),
  expires: z
    .string()
    .regex(/^([1-9]\d{0,4}[hdwy]|never)$/, 'write 12h, 90d, 8w, 1y or never')
    .optional(),
})

/** API tokens: made, listed, revoked. */
export function addTokenRoutes(app: FastifyInstance, deps: ApiDeps, trail: Trail): void {
  const config = { needs: ['ADMIN'] } as const

  app.post('/v1/tokens', { config }, (request, reply) => {
    const { token, info } = deps.auth.createToken(tokenRequest(parseBody(newToken, request)), request.caller?.id ?? '')
    trail.record(request, request.caller, tokenMade(info))
    return reply.code(201).send({ token, ...tokenAnswer(info) })
  })

  app.get('/v1/tokens', { config }, () => ({ tokens: deps.auth.listTokens().map(tokenAnswer) }))

  app.delete<{ Params: { id: string } }>('/v1/tokens/:id', { config }, (request, reply) => {
    deps.auth.revokeToken(request.params.id)
    trail.record(request, request.caller, tokenRevoked(request.params.id))
    return reply.code(204).send()
  })
}

export function tokenMade({ id, name, scope, source }: TokenInfo): Act {
  const asked = { scope, ...(source !== undefined && { source }) }
  const resource = { type: 'token', id, name }
  return { action: 'create', category: 'iam', type: 'creation', outcome: 'success', resource, asked }
}

export function tokenRevoked(id: string): Act {
  return { action: 'revoke', category: 'iam', type: 'deletion', outcome: 'success', resource: { type: 'token', id } }
}

/** Shared with the command line, which makes tokens in the folder when no server runs. */
export function tokenRequest(input: z.infer<typeof newToken>): TokenRequest {
  const { scope, name, source, expires } = input
  return {
    scope,
    ...(name !== undefined && { name }),
    ...(source !== undefined && { source }),
    ...(expires !== undefined && { expiresInMs: lifetimeOf(expires) }),
  }
}

export function tokenAnswer(info: TokenInfo): TokenAnswer {
  const { id, name, scope, source, createdAt, createdBy, expiresAt, revokedAt } = info
  return {
    id,
    name,
    scope,
    ...(source !== undefined && { source }),
    createdAt: formatMillis(createdAt),
    createdBy,
    ...(expiresAt !== undefined && { expiresAt: formatMillis(expiresAt) }),
    ...(revokedAt !== undefined && { revokedAt: formatMillis(revokedAt) }),
  }
}

export { newToken as newTokenSchema }

const HOUR_MS = 60 * 60 * 1000
const UNIT_MS = new Map([
  ['h', HOUR_MS],
  ['d', 24 * HOUR_MS],
  ['w', 7 * 24 * HOUR_MS],
  ['y', 365 * 24 * HOUR_MS],
])

function lifetimeOf(expires: string): number | 'never' {
  if (expires === 'never') return 'never'
  return Number(expires.slice(0, -1)) * (UNIT_MS.get(expires.slice(-1)) ?? 0)
}
