import type { DatabaseSync } from 'node:sqlite'

import { inOneCommit } from './database.ts'

export type LinkUse = 'accepted' | 'unknown' | 'used' | 'expired'

/** One-time sign-in links. Only the SHA-256 of the secret is kept. */
export interface AdminLinks {
  add(hash: Uint8Array, expiresAt: number, now: number): void
  /** Accepts a link at most once, also when the process dies right after: the use is durable before it returns. */
  use(hash: Uint8Array, now: number): LinkUse
}

/** Used and expired links are kept for a day, so that a second use can be told from a wrong secret. */
const REMEMBERED_MS = 24 * 60 * 60 * 1000

export function createAdminLinks(database: DatabaseSync): AdminLinks {
  const select = database.prepare('SELECT expires_at, used_at FROM admin_links WHERE hash = ?')
  const insert = database.prepare('INSERT INTO admin_links (hash, expires_at) VALUES (?, ?)')
  const setUsed = database.prepare('UPDATE admin_links SET used_at = ? WHERE hash = ?')
  const removeOld = database.prepare('DELETE FROM admin_links WHERE expires_at < ?')
  return {
    add(hash, expiresAt, now) {
      inOneCommit(database, () => {
        removeOld.run(now - REMEMBERED_MS)
        insert.run(hash, expiresAt)
      })
    },
    use: (hash, now) =>
      inOneCommit(database, () => {
        const row = select.get(hash)
        if (row === undefined) return 'unknown'
        if (row.used_at !== null) return 'used'
        if (Number(row.expires_at) <= now) return 'expired'
        setUsed.run(now, hash)
        return 'accepted'
      }),
  }
}
