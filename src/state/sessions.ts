import type { DatabaseSync } from 'node:sqlite'

import { inOneCommit, translating } from './database.ts'
import { type Scope, scopeOf } from './tokens.ts'

/** A signed-in browser. Only the SHA-256 of its cookie's value is kept. Times are milliseconds since 1970. */
interface StoredSession {
  readonly hash: Uint8Array
  readonly name: string
  readonly scope: Scope
  readonly createdAt: number
  readonly expiresAt: number
}

export interface Sessions {
  find(hash: Uint8Array): StoredSession | undefined
  /** Stores a new one, takes away the one it replaces and all that ended before `now`, in one commit. */
  add(session: StoredSession, replaces: Uint8Array | undefined, now: number): void
  remove(hash: Uint8Array): void
}

export function createSessions(database: DatabaseSync): Sessions {
  const select = database.prepare('SELECT * FROM sessions WHERE hash = ?')
  const insert = database.prepare(
    'INSERT INTO sessions (hash, name, scope, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
  )
  const remove = database.prepare('DELETE FROM sessions WHERE hash = ?')
  const removeEnded = database.prepare('DELETE FROM sessions WHERE expires_at <= ?')
  const guarded = <T>(work: () => T): T => translating(database.location() ?? 'state.db', work)
  return {
    find(hash) {
      const row = guarded(() => select.get(hash))
      return row === undefined ? undefined : sessionOf(row, hash)
    },
    add(session, replaces, now) {
      const { hash, name, scope, createdAt, expiresAt } = session
      inOneCommit(database, () => {
        removeEnded.run(now)
        if (replaces !== undefined) remove.run(replaces)
        insert.run(hash, name, scope, createdAt, expiresAt)
      })
    },
    remove: (hash) => void guarded(() => remove.run(hash)),
  }
}

function sessionOf(row: Record<string, unknown>, hash: Uint8Array): StoredSession {
  const times = { createdAt: Number(row.created_at), expiresAt: Number(row.expires_at) }
  return { hash, name: String(row.name), scope: scopeOf(row.scope), ...times }
}
