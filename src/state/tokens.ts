import type { DatabaseSync } from 'node:sqlite'

import { translating } from './database.ts'

export type Scope = 'ingest' | 'read' | 'admin'

/** An API token as it is kept: never its secret. Times are milliseconds since 1970. */
export interface StoredToken {
  readonly id: string
  /** SHA-256 of the secret. */
  readonly secretHash: Uint8Array
  readonly name: string
  readonly scope: Scope
  /** The one source that it writes as; undefined: the built-in source `api`. */
  readonly source: string | undefined
  /** Dotted paths that do not exist for its bearer. */
  readonly hide: readonly string[]
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number | undefined
  readonly revokedAt: number | undefined
}

export interface Tokens {
  find(id: string): StoredToken | undefined
  /** Newest first. */
  list(): readonly StoredToken[]
  add(token: StoredToken): void
  /** False when there is no such token or it was revoked before. */
  revoke(id: string, at: number): boolean
}

export function createTokens(database: DatabaseSync): Tokens {
  const select = database.prepare('SELECT * FROM tokens WHERE id = ?')
  const selectAll = database.prepare('SELECT * FROM tokens ORDER BY created_at DESC, id')
  const insert = database.prepare(
    'INSERT INTO tokens (id, secret_hash, name, scope, source, hide, created_at, created_by, expires_at, revoked_at) ' +
      'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const setRevoked = database.prepare('UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL')
  const guarded = <T>(work: () => T): T => translating(database.location() ?? 'state.db', work)
  return {
    find(id) {
      const row = guarded(() => select.get(id))
      return row === undefined ? undefined : tokenOf(row)
    },
    list: () => guarded(() => selectAll.all()).map((row) => tokenOf(row)),
    add(token) {
      const times = [token.createdAt, token.createdBy, token.expiresAt ?? null, token.revokedAt ?? null] as const
      const hide = JSON.stringify(token.hide)
      const { id, secretHash, name, scope, source } = token
      guarded(() => insert.run(id, secretHash, name, scope, source ?? null, hide, ...times))
    },
    revoke: (id, at) => guarded(() => setRevoked.run(at, id)).changes === 1,
  }
}

/** A word that we do not know gives the least: a row of another version must not open more than was meant. */
export function scopeOf(value: unknown): Scope {
  return value === 'admin' || value === 'read' ? value : 'ingest'
}

function tokenOf(row: Record<string, unknown>): StoredToken {
  return {
    id: String(row.id),
    secretHash: row.secret_hash instanceof Uint8Array ? row.secret_hash : new Uint8Array(),
    name: String(row.name),
    scope: scopeOf(row.scope),
    source: typeof row.source === 'string' ? row.source : undefined,
    hide: pathsOf(row.hide),
    createdAt: Number(row.created_at),
    createdBy: String(row.created_by),
    expiresAt: row.expires_at === null ? undefined : Number(row.expires_at),
    revokedAt: row.revoked_at === null ? undefined : Number(row.revoked_at),
  }
}

function pathsOf(value: unknown): readonly string[] {
  const paths: unknown = JSON.parse(String(value))
  return Array.isArray(paths) ? paths.map(String) : []
}
