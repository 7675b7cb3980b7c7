import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'
import { formatMillis } from '../domain/time.ts'
import { cookieFor, sessionCookie } from './caller.ts'
import type { ApiDeps } from './deps.ts'
import { parseBody } from './input.ts'
import type { Trail } from './trail.ts'

const signIn = z.strictObject({ secret: z.string().min(1).max(200) })

/** Sign-in by one-time link, sign-out, and the making of links. */
export function addSessionRoutes(app: FastifyInstance, deps: ApiDeps, trail: Trail): void {
  app.post('/v1/session', { config: { needs: ['PUBLIC'] } }, (request, reply) => {
    const { secret } = parseBody(signIn, request)
    const session = signInOrRecord(request, secret)
    trail.record(request, session.caller, { ...SIGN_IN, outcome: 'success' })
    sendCookie(request, reply, session.cookie, Math.floor((session.expiresAt - deps.clock.now()) / 1000))
    return reply.send({ name: session.caller.name, expiresAt: formatMillis(session.expiresAt) })
  })

  app.delete('/v1/session', { config: { needs: ['SIGNED_IN'] } }, (request, reply) => {
    const cookie = sessionCookie(request)
    if (cookie !== undefined && request.caller?.kind === 'session') {
      deps.auth.signOut(cookie)
      const act = { action: 'sign-out', category: 'authentication', type: 'end', outcome: 'success' } as const
      trail.record(request, request.caller, act)
    }
    sendCookie(request, reply, '', 0)
    return reply.code(204).send()
  })

  app.post('/v1/admin-links', { config: { needs: ['ADMIN'] } }, (request, reply) => {
    const secret = deps.auth.createAdminLink()
    const resource = { type: 'admin-link' }
    trail.record(request, request.caller, { ...MAKE_LINK, resource })
    // In the fragment: a browser sends it to nobody.
    const path = `/#admin=${secret}`
    return reply.code(201).send({ path, ...(deps.publicUrl !== undefined && { url: `${deps.publicUrl}${path}` }) })
  })

  function sendCookie(request: FastifyRequest, reply: FastifyReply, value: string, maxAgeSeconds: number): void {
    const { name, isSecure } = cookieFor(request, deps.publicUrl)
    const attributes = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${isSecure ? '; Secure' : ''}`
    void reply.header('set-cookie', `${name}=${value}; ${attributes}`)
  }

  function signInOrRecord(request: FastifyRequest, secret: string) {
    try {
      return deps.auth.signIn(secret, sessionCookie(request))
    } catch (error) {
      if (error instanceof AuditError && error.code === 'unauthenticated') {
        trail.recordOnce(request, undefined, { ...SIGN_IN, outcome: 'failure', reason: error.message })
      }
      throw error
    }
  }
}

const SIGN_IN = { action: 'sign-in', category: 'authentication', type: 'start' } as const
const MAKE_LINK = { action: 'create', category: 'iam', type: 'creation', outcome: 'success' } as const
