import type { DatabaseSync } from 'node:sqlite'
import { randomBytes } from 'node:crypto'

import { AuditError } from '../domain/errors.ts'
import { translating } from './database.ts'

/** A legal hold: what a stream received in a time is kept, however old it grows, and nobody is erased from it. */
export interface Hold {
  readonly id: string
  readonly stream: string
  /** Time of receipt, milliseconds since 1970, inclusive. Left out: from its beginning. */
  readonly from?: number
  /** Exclusive. Left out: whatever is still to come, too. */
  readonly until?: number
  readonly reason: string
  readonly by: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly releasedAt?: number
  readonly releasedBy?: string
}

/** Legal holds, also those that were released. */
export interface Holds {
  add(hold: Pick<Hold, 'stream' | 'from' | 'until' | 'reason' | 'by' | 'at'>): Hold
  find(id: string): Hold | undefined
  /** Newest first. */
  list(): readonly Hold[]
  /** Throws `not_found`, or `conflict` where it was released before. */
  release(id: string, by: string, at: number): Hold
}

export const HOLDS_SCHEMA = `CREATE TABLE holds (
  id TEXT PRIMARY KEY, stream TEXT NOT NULL, from_ms INTEGER, until_ms INTEGER, reason TEXT NOT NULL,
  by_whom TEXT NOT NULL, at INTEGER NOT NULL, released_at INTEGER, released_by TEXT
) STRICT;`

export function createHolds(database: DatabaseSync): Holds {
  const insert = database.prepare(
    'INSERT INTO holds (id, stream, from_ms, until_ms, reason, by_whom, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const select = database.prepare('SELECT * FROM holds WHERE id = ?')
  const selectAll = database.prepare('SELECT * FROM holds ORDER BY at DESC, id')
  const end = database.prepare('UPDATE holds SET released_at = ?, released_by = ? WHERE id = ?')
  const guarded = <T>(work: () => T): T => translating(database.location() ?? 'state.db', work)

  function find(id: string): Hold | undefined {
    const row = guarded(() => select.get(id))
    return row === undefined ? undefined : holdOf(row)
  }

  return {
    add(hold) {
      const id = randomBytes(9).toString('base64url')
      const { stream, from, until, reason, by, at } = hold
      guarded(() => insert.run(id, stream, from ?? null, until ?? null, reason, by, at))
      return { id, ...hold }
    },
    find,
    list: () => guarded(() => selectAll.all()).map(holdOf),
    release(id, by, at) {
      const known = find(id)
      if (known === undefined) throw new AuditError('not_found', `there is no hold ${id}`)
      if (known.releasedAt !== undefined)
        throw new AuditError('conflict', `hold ${id} was released by ${known.releasedBy} already`)
      guarded(() => end.run(at, by, id))
      return { ...known, releasedAt: at, releasedBy: by }
    },
  }
}

function holdOf(row: Record<string, unknown>): Hold {
  return {
    id: String(row['id']),
    stream: String(row['stream']),
    ...(row['from_ms'] !== null && { from: Number(row['from_ms']) }),
    ...(row['until_ms'] !== null && { until: Number(row['until_ms']) }),
    reason: String(row['reason']),
    by: String(row['by_whom']),
    at: Number(row['at']),
    ...(row['released_at'] !== null && { releasedAt: Number(row['released_at']) }),
    ...(typeof row['released_by'] === 'string' && { releasedBy: row['released_by'] }),
  }
}
