import { randomBytes } from 'node:crypto'

import { AuditError } from '../domain/errors.ts'
import { allFields, declaredField } from '../domain/fields.ts'
import type { Clock } from '../lib/clock.ts'
import type { Scope, StoredToken, Tokens } from '../state/tokens.ts'
import { API_SOURCE, type Caller } from './caller.ts'
import { equalHashes, hashSecret, makeSecret } from './secrets.ts'

export interface TokenRequest {
  readonly scope: Scope
  /** Default: the scope. */
  readonly name?: string
  /** The source that it writes as; only for tokens that may write. */
  readonly source?: string
  /** Lifetime; `never` for none. Default: 90 days, ingest tokens never. */
  readonly expiresInMs?: number | 'never'
  /** Dotted paths that do not exist for its bearer. */
  readonly hide?: readonly string[]
}

/** A token without its secret. Times are milliseconds since 1970. */
export type TokenInfo = Omit<StoredToken, 'secretHash'>

const DAY_MS = 24 * 60 * 60 * 1000
const DEFAULT_LIFETIME_MS = 90 * DAY_MS

/**
 * Makes a token `wd_` + 12 characters id + `_` + 43 characters secret. The whole text is given back this once; only the
 * secret's SHA-256 is kept. Throws `bad_request` for a source on a token that cannot write, and for what cannot be hidden.
 */
export function createToken(
  tokens: Tokens,
  clock: Clock,
  request: TokenRequest,
  createdBy: string,
): { token: string; info: TokenInfo } {
  if (request.source !== undefined && request.scope === 'read') {
    const hint = 'leave --source out, or make a token of scope ingest'
    throw new AuditError('bad_request', 'a token of scope read writes nothing, so it has no source', { hint })
  }
  for (const path of request.hide ?? []) refuseUnhidable(path)
  const secret = makeSecret()
  const now = clock.now()
  const info: TokenInfo = {
    id: makeId(),
    name: request.name ?? request.source ?? request.scope,
    scope: request.scope,
    source: request.source,
    hide: request.hide ?? [],
    createdAt: now,
    createdBy,
    expiresAt: expiryOf(request, now),
    revokedAt: undefined,
  }
  tokens.add({ ...info, secretHash: hashSecret(secret) })
  return { token: `wd_${info.id}_${secret}`, info }
}

/** The caller that bears this token; undefined when it is unknown, expired or revoked, all alike. */
export function callerOfToken(tokens: Tokens, clock: Clock, bearer: string): Caller | undefined {
  const parts = TOKEN.exec(bearer)
  if (parts === null) return undefined
  const [, id = '', secret = ''] = parts
  const stored = tokens.find(id)
  // Hashed also when there is no such token, so the answer takes as long.
  const isRight = equalHashes(hashSecret(secret), stored?.secretHash ?? new Uint8Array(32))
  if (stored === undefined || !isRight || stored.revokedAt !== undefined) return undefined
  if (stored.expiresAt !== undefined && stored.expiresAt <= clock.now()) return undefined
  const { name, scope, hide } = stored
  return { kind: 'token', id: `token:${id}`, name, scope, source: stored.source ?? API_SOURCE, hide }
}

export function withoutSecret(stored: StoredToken): TokenInfo {
  const { secretHash: _kept, ...info } = stored
  return info
}

/** By these every event is ordered, found in a range, and named. */
const NEVER_HIDDEN = ['@timestamp', 'event', 'event.id']

/** A name that hides nothing, as a short name or a misspelt one does, would be worse than none. */
function refuseUnhidable(path: string): void {
  if (NEVER_HIDDEN.includes(path))
    throw new AuditError('bad_request', `${path} cannot be hidden: every event has to show it`)
  // `user` is a short name as well as an object.
  if (declaredField(path)?.path === path || allFields().some((field) => field.path === path)) return
  const hint = 'name the whole path, as GET /v1/fields lists it'
  throw new AuditError('bad_request', `there is no field ${path} that could be hidden`, { hint })
}

const TOKEN = /^wd_([A-Za-z0-9]{12})_([A-Za-z0-9_-]{43})$/

/** 12 letters and digits: an id never begins with `-`, so it can be typed after a command. */
function makeId(): string {
  const letters = randomBytes(64)
    .toString('base64')
    .replaceAll(/[^A-Za-z0-9]/g, '')
  return letters.length < 12 ? makeId() : letters.slice(0, 12)
}

function expiryOf(request: TokenRequest, now: number): number | undefined {
  if (request.expiresInMs === 'never') return undefined
  if (request.expiresInMs !== undefined) return now + request.expiresInMs
  return request.scope === 'ingest' ? undefined : now + DEFAULT_LIFETIME_MS
}
