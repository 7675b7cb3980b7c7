import type { DatabaseSync } from 'node:sqlite'
import type { Accounting } from '../domain/accounting.ts'
import { inOneCommit } from './database.ts'

/** Accounts of sources by hour, for as long as they are kept. Hours are counted since 1970, UTC. */
export interface HourAccounts {
  /** Writes over what was saved of the same hours. Durable when it returns. */
  save(accounts: readonly SavedHour[]): void
  /** Of one source, from an hour to before another, oldest first. */
  read(source: string, since: number, until: number): readonly SavedHour[]
  /** Lets go of what is older. */
  forget(before: number): void
}

interface SavedHour {
  readonly hour: number
  readonly source: string
  readonly accounting: Accounting
}

export function createHourAccounts(database: DatabaseSync): HourAccounts {
  const upsert = database.prepare(
    `INSERT INTO hour_accounts (source, hour, accounting) VALUES (?, ?, ?)
     ON CONFLICT (source, hour) DO UPDATE SET accounting = excluded.accounting`,
  )
  const select = database.prepare(
    'SELECT hour, accounting FROM hour_accounts WHERE source = ? AND hour >= ? AND hour < ? ORDER BY hour',
  )
  const remove = database.prepare('DELETE FROM hour_accounts WHERE hour < ?')
  return {
    save(accounts) {
      if (accounts.length === 0) return
      inOneCommit(database, () => {
        for (const { source, hour, accounting } of accounts) upsert.run(source, hour, JSON.stringify(accounting))
      })
    },
    read: (source, since, until) =>
      select.all(source, since, until).map(({ hour, accounting }) => ({
        hour: Number(hour),
        source,
        // We saved it.
        accounting: JSON.parse(String(accounting)) as Accounting,
      })),
    forget: (before) => void remove.run(before),
  }
}
