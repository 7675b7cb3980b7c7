import type { FastifyRequest } from 'fastify'

import { type Caller, localOperator } from '../auth/caller.ts'
import { isControlConnection } from './control.ts'
import type { ApiDeps } from './deps.ts'

/**
 * Who calls: the bearer of a token or a receiver's secret, else the local operator on the control socket, else the browser
 * with a session. A wrong bearer is nobody, whatever else came with it.
 */
export function findCaller(request: FastifyRequest, deps: Pick<ApiDeps, 'auth'>): Caller | undefined {
  const bearer = bearerOf(request)
  if (request.routeOptions.config.isReceiver === true) {
    return bearer === undefined ? undefined : deps.auth.callerOfReceiver(receiverName(request), bearer)
  }
  if (bearer !== undefined) return deps.auth.callerOfToken(bearer)
  if (isControlConnection(request.raw.socket)) return localOperator(process.getuid?.())
  const cookie = sessionCookie(request)
  return cookie === undefined ? undefined : deps.auth.callerOfSession(cookie)
}

/** Whether any credential was sent, right or wrong. */
export function sentCredential(request: FastifyRequest): boolean {
  return request.headers.authorization !== undefined || sessionCookie(request) !== undefined
}

/** The value of our session cookie. */
export function sessionCookie(request: FastifyRequest): string | undefined {
  const wanted = cookieName(request)
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === wanted) return pair.slice(equals + 1).trim()
  }
  return undefined
}

/** Cookies do not know ports: the name does, so that two servers on one machine do not sign each other out. */
export function cookieName(request: FastifyRequest): string {
  if (request.protocol === 'https') return '__Host-whodid'
  return `whodid-${request.raw.socket.localPort ?? request.port ?? 80}`
}

function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization
  if (header === undefined) return undefined
  // What is no bearer token is a wrong one: it must not fall through to a session.
  return /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? ''
}

function receiverName(request: FastifyRequest): string {
  const params: unknown = request.params
  const name: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, 'name') : undefined
  return typeof name === 'string' ? name : ''
}
