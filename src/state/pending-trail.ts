import type { DatabaseSync } from 'node:sqlite'

import type { AuditEvent } from '../domain/event.ts'
import { translating } from './database.ts'

/** What was done to the folder while no server ran: a server records it when it starts. */
export interface PendingTrail {
  add(event: AuditEvent): void
  /** Hands each on in order, and forgets it once it is durable: a crash in between records it twice, never not at all. */
  drain(record: (event: AuditEvent) => Promise<void>): Promise<void>
}

export function createPendingTrail(database: DatabaseSync): PendingTrail {
  const insert = database.prepare('INSERT INTO pending_trail (event) VALUES (?)')
  const select = database.prepare('SELECT id, event FROM pending_trail ORDER BY id')
  const remove = database.prepare('DELETE FROM pending_trail WHERE id = ?')
  const guarded = <T>(work: () => T): T => translating(database.location() ?? 'state.db', work)
  return {
    add: (event) => void guarded(() => insert.run(JSON.stringify(event))),
    async drain(record) {
      for (const row of guarded(() => select.all())) {
        // `add` wrote it.
        await record(JSON.parse(String(row.event)) as AuditEvent)
        guarded(() => remove.run(Number(row.id)))
      }
    },
  }
}
