import type { FastifyInstance, FastifyRequest } from 'fastify'

import { AuditError } from '../domain/errors.ts'
import type { Caller } from '../auth/caller.ts'
import type { Permission } from '../auth/judge.ts'
import type { Visibility } from '../query/visibility.ts'
import { findCaller } from './caller.ts'
import { isControlConnection } from './control.ts'
import type { ApiDeps } from './deps.ts'
import type { Trail } from './trail.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route asks for: all of these. Every route says it. */
    needs?: readonly Permission[]
    /** The credential is the one of the receiver `params.name`. */
    isReceiver?: boolean
    /** A question that is asked before signing in: its refusal is no event. */
    isProbe?: boolean
    /** Its body may hold as much as a batch of records; all others are small. */
    takesRecords?: boolean
  }
  interface FastifyRequest {
    /** Set by the gate before any handler runs; undefined for a caller that nobody knows. */
    caller: Caller | undefined
    /** What this caller may see, by the one judgement of this request. */
    visibility: Visibility
  }
}

/**
 * The gate that every request passes before its body is read: which site it came from, who calls, and the one judgement.
 * Refusals are events of our own trail.
 */
export function addGate(
  app: FastifyInstance,
  deps: Pick<ApiDeps, 'auth' | 'clock' | 'publicUrl'>,
  trail: Pick<Trail, 'refused'>,
): void {
  app.decorateRequest('caller')
  // Never read before the hook below has set it: a route without it would be refused there.
  app.decorateRequest('visibility')
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(SECURITY_HEADERS)
    if (!isControlConnection(request.raw.socket)) refuseForeignHost(request, deps.publicUrl)
    const caller = findCaller(request, deps)
    refuseForeignOrigin(request, caller, deps.publicUrl)
    const { needs = ['ADMIN'], isProbe } = request.routeOptions.config
    // Nothing is there: the answer is the same for everyone.
    if (request.is404) return
    const judgement = deps.auth.judge(caller, needs)
    if (judgement.kind === 'deny') {
      if (isProbe !== true) trail.refused(request, caller, judgement.permission, judgement.reason)
      throw refusal(judgement.status, judgement.reason)
    }
    request.caller = caller
    request.visibility = judgement.visibility
  })
}

/** Scripts, styles and connections from here only; no framing; nothing is sniffed or leaked to other sites. */
export const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Routes whose answers may be kept say so.
  'cache-control': 'no-store',
} as const

function refusal(status: 401 | 403, reason: string): AuditError {
  if (status === 403) return new AuditError('forbidden', reason, { hint: 'use a token of a scope that includes it' })
  const hint = 'send Authorization: Bearer wd_… (whodid token create), or sign in with the link of: whodid admin-link'
  return new AuditError('unauthenticated', reason, { hint })
}

/**
 * On loopback any web page can reach us under a name of its own that resolves to 127.0.0.1 (DNS rebinding), so only
 * loopback's own names are answered there. Behind TLS a browser has checked the name itself.
 */
function refuseForeignHost(request: FastifyRequest, publicUrl: string | undefined): void {
  if (request.protocol === 'https' || !isLoopbackAddress(request.raw.socket.localAddress ?? '127.0.0.1')) return
  const name = request.hostname.replace(/:\d+$/, '')
  if (name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || name === '::1') return
  if (/^127(\.\d{1,3}){3}$/.test(name)) return
  if (publicUrl !== undefined && request.host === new URL(publicUrl).host) return
  const hint = 'open it as http://127.0.0.1:PORT or http://localhost:PORT'
  throw new AuditError('forbidden', 'this server listens on loopback and answers to its names only', { hint })
}

function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A cookie is sent by the browser whoever asks: what changes something must come from our own pages. */
function refuseForeignOrigin(request: FastifyRequest, caller: Caller | undefined, publicUrl: string | undefined): void {
  if (SAFE_METHODS.has(request.method)) return
  const origin = request.headers.origin
  const isSignIn = request.routeOptions.url === '/v1/session'
  if (caller?.kind !== 'session' && !(isSignIn && origin !== undefined)) return
  if (origin === `${request.protocol}://${request.host}`) return
  if (publicUrl !== undefined && origin === new URL(publicUrl).origin) return
  const hint = 'requests with a session cookie must come from the pages of this server; scripts use a token'
  throw new AuditError('forbidden', 'this request comes from another site', { hint })
}
