import type { FastifyRequest } from 'fastify'

import { type Caller, localOperator } from '../auth/caller.ts'
import { shownCertificate } from '../lib/client-certificate.ts'
import { isControlConnection } from './control.ts'
import type { ApiDeps } from './deps.ts'

/**
 * Who calls: the bearer of a token or of a receiver's secret or certificate, else the local operator on the control socket, else the browser
 * with a session. A wrong bearer is nobody, whatever else came with it.
 */
export function findCaller(request: FastifyRequest, deps: Pick<ApiDeps, 'auth' | 'clock'>): Caller | undefined {
  if (request.routeOptions.config.isReceiver === true) {
    const bearer = receiverSecretOf(request)
    const certificate = shownCertificate(request.raw.socket, deps.clock.now())
    return deps.auth.callerOfReceiver(receiverName(request), { bearer, certificate })
  }
  const bearer = bearerOf(request)
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
  const cookies = new Map<string, string>()
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0) cookies.set(pair.slice(0, equals).trim(), pair.slice(equals + 1).trim())
  }
  // A browser takes the first from https only, also where a proxy hands it on to us.
  return cookies.get(SECURE_COOKIE) ?? (request.protocol === 'https' ? undefined : cookies.get(plainCookie(request)))
}

/** Name and attributes of the session's cookie for the page that asks: over https, here or at a proxy, never in the clear. */
export function cookieFor(
  request: FastifyRequest,
  publicUrl: string | undefined,
): { readonly name: string; readonly isSecure: boolean } {
  const isOurProxy = publicUrl?.startsWith('https:') === true && request.headers.origin === new URL(publicUrl).origin
  if (request.protocol === 'https' || isOurProxy) return { name: SECURE_COOKIE, isSecure: true }
  return { name: plainCookie(request), isSecure: false }
}

const SECURE_COOKIE = '__Host-whodid'

/** Cookies do not know ports: the name does, so that two servers on one machine do not sign each other out. */
function plainCookie(request: FastifyRequest): string {
  return `whodid-${request.raw.socket.localPort ?? request.port ?? 80}`
}

function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization
  if (header === undefined) return undefined
  // What is no bearer token is a wrong one: it must not fall through to a session.
  return /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? ''
}

/**
 * What a sender shows to a receiver: a bearer, or the password of HTTP basic, or an Elasticsearch API key (`id:key`), since
 * shippers of logs cannot all send a bearer. The user's name and the key's id say nothing: a receiver has one secret.
 */
function receiverSecretOf(request: FastifyRequest): string | undefined {
  const pair = /^(?:Basic|ApiKey) +([A-Za-z0-9+/]+=*) *$/i.exec(request.headers.authorization ?? '')?.[1]
  if (pair === undefined) return bearerOf(request)
  const text = Buffer.from(pair, 'base64').toString('utf8')
  return text.slice(text.indexOf(':') + 1)
}

function receiverName(request: FastifyRequest): string {
  const params: unknown = request.params
  const name: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, 'name') : undefined
  return typeof name === 'string' ? name : ''
}
