import type { DatabaseSync } from 'node:sqlite'

import type { Json } from '../domain/event.ts'
import type { Position } from '../domain/sealed.ts'
import { translating } from './database.ts'

/** For how long a stream is kept, as it is in force. */
export interface KeptFor {
  readonly stream: string
  readonly days: number
  /** Legal basis, as it was written down. */
  readonly basis?: string
}

/**
 * What is done next with a log that goes; each may be done again after a crash. `tell`: seal `log.pruned`. `prove`: have it
 * signed, and witnessed. `rows`: take the rows from the store. `files`: the entries from the ledger. `keys`: the keys.
 */
type PruneStep = 'tell' | 'prove' | 'rows' | 'files' | 'keys' | 'done'

/** A log that is let go of. */
export interface PrunedLog {
  readonly origin: string
  readonly step: PruneStep
  /** Why, and who decided it: as `log.pruned` says it. */
  readonly policy: Json
  readonly keepHashes: boolean
  /** Where `log.pruned` stands. */
  readonly record?: Position
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Terms of streams, and logs that are gone or going. */
export interface Retention {
  keptFor(stream: string): KeptFor | undefined
  allKept(): readonly KeptFor[]
  keep(terms: KeptFor): void
  prune(log: Pick<PrunedLog, 'origin' | 'policy' | 'keepHashes' | 'at'>): void
  told(origin: string, record: Position): void
  advance(origin: string, step: PruneStep): void
  /** Nothing was told yet: it stays. */
  cancel(origin: string): void
  pruned(origin: string): PrunedLog | undefined
  /** Oldest first. */
  allPruned(): readonly PrunedLog[]
}

export const RETENTION_SCHEMA = `CREATE TABLE kept_for (stream TEXT PRIMARY KEY, days INTEGER NOT NULL, basis TEXT) STRICT;
  CREATE TABLE pruned_logs (
    origin TEXT PRIMARY KEY, step TEXT NOT NULL, policy TEXT NOT NULL, keep_hashes INTEGER NOT NULL,
    record_log TEXT, record_index INTEGER, at INTEGER NOT NULL
  ) STRICT;`

export function createRetention(database: DatabaseSync): Retention {
  const selectKept = database.prepare('SELECT * FROM kept_for ORDER BY stream')
  const upsert = database.prepare(
    'INSERT INTO kept_for VALUES (?, ?, ?) ON CONFLICT (stream) DO UPDATE SET days = excluded.days, basis = excluded.basis',
  )
  const insert = database.prepare(
    `INSERT OR IGNORE INTO pruned_logs (origin, step, policy, keep_hashes, at) VALUES (?, 'tell', ?, ?, ?)`,
  )
  const setRecord = database.prepare(
    `UPDATE pruned_logs SET step = 'prove', record_log = ?, record_index = ? WHERE origin = ?`,
  )
  const setStep = database.prepare('UPDATE pruned_logs SET step = ? WHERE origin = ?')
  const remove = database.prepare(`DELETE FROM pruned_logs WHERE origin = ? AND step = 'tell'`)
  const selectOne = database.prepare('SELECT * FROM pruned_logs WHERE origin = ?')
  const selectAll = database.prepare('SELECT * FROM pruned_logs ORDER BY at, origin')
  const guarded = <T>(work: () => T): T => translating(database.location() ?? 'state.db', work)
  const allKept = (): readonly KeptFor[] => guarded(() => selectKept.all()).map(keptOf)
  return {
    allKept,
    keptFor: (stream) => allKept().find((each) => each.stream === stream),
    keep: ({ stream, days, basis }) => void guarded(() => upsert.run(stream, days, basis ?? null)),
    prune: ({ origin, policy, keepHashes, at }) =>
      void guarded(() => insert.run(origin, JSON.stringify(policy), keepHashes ? 1 : 0, at)),
    told: (origin, { log, index }) => void guarded(() => setRecord.run(log, index, origin)),
    advance: (origin, step) => void guarded(() => setStep.run(step, origin)),
    cancel: (origin) => void guarded(() => remove.run(origin)),
    pruned(origin) {
      const row = guarded(() => selectOne.get(origin))
      return row === undefined ? undefined : prunedOf(row)
    },
    allPruned: () => guarded(() => selectAll.all()).map(prunedOf),
  }
}

function keptOf(row: Record<string, unknown>): KeptFor {
  const basis = typeof row['basis'] === 'string' ? { basis: row['basis'] } : {}
  return { stream: String(row['stream']), days: Number(row['days']), ...basis }
}

function prunedOf(row: Record<string, unknown>): PrunedLog {
  return {
    origin: String(row['origin']),
    // Only `advance` and the statements above write it.
    step: String(row['step']) as PruneStep,
    // `prune` wrote it.
    policy: JSON.parse(String(row['policy'])) as Json,
    keepHashes: row['keep_hashes'] === 1,
    ...(typeof row['record_log'] === 'string' && {
      record: { log: row['record_log'], index: Number(row['record_index']) },
    }),
    at: Number(row['at']),
  }
}
