import { AuditError } from '../domain/errors.ts'
import { type ClientCertificate, fitsCertificate, type ShownCertificate } from '../lib/client-certificate.ts'
import type { Clock } from '../lib/clock.ts'
import type { FieldRule } from '../query/visibility.ts'
import type { LinkUse } from '../state/admin-links.ts'
import type { State } from '../state/state.ts'
import type { Scope } from '../state/tokens.ts'
import { API_SOURCE, type Caller } from './caller.ts'
import { type Judgement, type Permission, judge } from './judge.ts'
import { equalHashes, hashSecret, makeSecret } from './secrets.ts'
import { type TokenInfo, type TokenRequest, callerOfToken, createToken, withoutSecret } from './tokens.ts'

/** Credentials in, callers and judgements out. */
export interface Auth {
  /** Who bears this API token; undefined when it is unknown, expired or revoked. */
  callerOfToken(bearer: string): Caller | undefined
  /** Whose browser has this session cookie. */
  callerOfSession(cookie: string): Caller | undefined
  /**
   * Whoever bears the secret that is configured for the receiver `name`, or a token that writes as that source. A receiver
   * that wants a certificate wants it from everybody, and asks for no more of who shows it unless it has a secret as well.
   */
  callerOfReceiver(name: string, shown: ShownCredentials): Caller | undefined
  judge(caller: Caller | undefined, needs: readonly Permission[]): Judgement
  /** The secret of a sign-in link: good once, for ten minutes. */
  createAdminLink(): string
  /** Trades a link's secret for a session; `replaces` is the cookie that the browser had. Throws `unauthenticated`. */
  signIn(secret: string, replaces: string | undefined): NewSession
  signOut(cookie: string): void
  createToken(request: TokenRequest, createdBy: string): { token: string; info: TokenInfo }
  listTokens(): readonly TokenInfo[]
  /** Throws `not_found`. */
  revokeToken(id: string): void
}

export interface ShownCredentials {
  readonly bearer: string | undefined
  readonly certificate: ShownCertificate | undefined
}

interface NewSession {
  readonly cookie: string
  readonly caller: Caller
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

export interface AuthDeps {
  readonly state: Pick<State, 'tokens' | 'sessions' | 'adminLinks'>
  readonly clock: Clock
  /** Configured secret of each receiver that has one, by source name. Throws `invalid_config` when one is too short. */
  readonly receiverSecrets: ReadonlyMap<string, string>
  /** Configured certificate of each receiver that has one, by source name. */
  readonly receiverCertificates?: ReadonlyMap<string, ClientCertificate>
  /** What rules in force mask for every reader. Left out: nothing. */
  readonly readMasks?: () => ReadonlyMap<string, FieldRule>
}

const LINK_MS = 10 * 60 * 1000
const SESSION_MS = 12 * 60 * 60 * 1000
const SHORTEST_SECRET = 16

export function createAuth(deps: AuthDeps): Auth {
  const { state, clock } = deps
  const receiverHashes = hashReceiverSecrets(deps.receiverSecrets)
  const tokenCaller = (bearer: string) => callerOfToken(state.tokens, clock, bearer)
  return {
    callerOfToken: tokenCaller,
    callerOfSession(cookie) {
      const session = state.sessions.find(hashSecret(cookie))
      if (session === undefined || session.expiresAt <= clock.now()) return undefined
      return sessionCaller(session.name, session.scope)
    },
    callerOfReceiver(name, { bearer, certificate }) {
      const expected = receiverHashes.get(name)
      const wanted = deps.receiverCertificates?.get(name)
      if (wanted !== undefined && (certificate === undefined || !fitsCertificate(certificate, wanted))) return undefined
      if (bearer === undefined) {
        return wanted !== undefined && expected === undefined ? receiverCaller(name) : undefined
      }
      if (expected !== undefined && equalHashes(expected, hashSecret(bearer))) return receiverCaller(name)
      const caller = tokenCaller(bearer)
      return caller?.source === name ? caller : undefined
    },
    judge: (caller, needs) => judge(caller, needs, deps.readMasks?.()),
    createAdminLink() {
      const secret = makeSecret()
      const now = clock.now()
      state.adminLinks.add(hashSecret(secret), now + LINK_MS, now)
      return secret
    },
    signIn(secret, replaces) {
      const now = clock.now()
      const use = state.adminLinks.use(hashSecret(secret), now)
      if (use !== 'accepted') throw refusedLink(use)
      const cookie = makeSecret()
      const session = { name: 'admin', scope: 'admin', createdAt: now, expiresAt: now + SESSION_MS } as const
      const replaced = replaces === undefined ? undefined : hashSecret(replaces)
      state.sessions.add({ ...session, hash: hashSecret(cookie) }, replaced, now)
      return { cookie, caller: sessionCaller(session.name, session.scope), expiresAt: session.expiresAt }
    },
    signOut: (cookie) => state.sessions.remove(hashSecret(cookie)),
    createToken: (request, createdBy) => createToken(state.tokens, clock, request, createdBy),
    listTokens: () => state.tokens.list().map(withoutSecret),
    revokeToken(id) {
      if (state.tokens.revoke(id, clock.now())) return
      throw new AuditError('not_found', `no token ${id} that could be revoked`, { hint: 'see whodid token list' })
    },
  }
}

function sessionCaller(name: string, scope: Scope): Caller {
  return { kind: 'session', id: `session:${name}`, name, scope, source: API_SOURCE, hide: [] }
}

function receiverCaller(name: string): Caller {
  return { kind: 'receiver', id: `receiver:${name}`, name, scope: 'ingest', source: name, hide: [] }
}

function hashReceiverSecrets(secrets: ReadonlyMap<string, string>): ReadonlyMap<string, Uint8Array> {
  const hashes = new Map<string, Uint8Array>()
  for (const [name, secret] of secrets) {
    if (secret.length < SHORTEST_SECRET) {
      const hint = `use ${SHORTEST_SECRET} characters or more, e.g. of: openssl rand -hex 32`
      throw new AuditError('invalid_config', `the token of source ${name} is too short`, { hint })
    }
    hashes.set(name, hashSecret(secret))
  }
  return hashes
}

function refusedLink(use: Exclude<LinkUse, 'accepted'>): AuditError {
  const why = { unknown: 'is not known here', used: 'was used before', expired: 'is older than ten minutes' }[use]
  const hint = 'make a new one with: whodid admin-link'
  return new AuditError('unauthenticated', `this sign-in link ${why}`, { hint })
}
