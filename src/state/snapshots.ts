import type { DatabaseSync } from 'node:sqlite'

/** What a part of the server adds up as it goes, saved now and then so that it need not start from the beginning. */
export interface Snapshots {
  load(name: string): unknown
  /** Durable when it returns. */
  save(name: string, value: unknown): void
}

export function createSnapshots(database: DatabaseSync): Snapshots {
  const select = database.prepare('SELECT value FROM snapshots WHERE name = ?')
  const upsert = database.prepare(
    'INSERT INTO snapshots (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  )
  return {
    load(name) {
      const row = select.get(name)
      return row === undefined ? undefined : JSON.parse(String(row.value))
    },
    save(name, value) {
      upsert.run(name, JSON.stringify(value))
    },
  }
}
