import type { DatabaseSync } from 'node:sqlite'

import { AuditError } from '../domain/errors.ts'
import { inOneCommit } from './database.ts'

/** The last checkpoint that was signed for a log. */
interface SignedCheckpoint {
  readonly origin: string
  readonly size: number
  /** The signed note, verbatim. */
  readonly note: string
}

interface CheckpointChange extends SignedCheckpoint {
  /** Size of the checkpoint that the signer built upon; 0 for a log's first. */
  readonly previousSize: number
}

/** Guards against two histories of one log: a checkpoint is published only after its row was swapped in here. */
export interface Checkpoints {
  last(origin: string): SignedCheckpoint | undefined
  all(): readonly SignedCheckpoint[]
  /**
   * Compare and set, all rows in one commit, durable when it returns. Throws `conflict` and stores nothing when a stored
   * size differs from its `previousSize`: somebody else signed for that log.
   */
  save(changes: readonly CheckpointChange[]): void
}

export function createCheckpoints(database: DatabaseSync): Checkpoints {
  const select = database.prepare('SELECT origin, size, note FROM checkpoints WHERE origin = ?')
  const selectAll = database.prepare('SELECT origin, size, note FROM checkpoints ORDER BY origin')
  const upsert = database.prepare(
    'INSERT INTO checkpoints (origin, size, note) VALUES (?, ?, ?) ' +
      'ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note',
  )
  const last = (origin: string): SignedCheckpoint | undefined => {
    const row = select.get(origin)
    return row === undefined ? undefined : checkpointOf(row)
  }
  return {
    last,
    all: () => selectAll.all().map((row) => checkpointOf(row)),
    save(changes) {
      if (changes.length === 0) return
      inOneCommit(database, () => {
        for (const change of changes) {
          const stored = last(change.origin)?.size ?? 0
          if (stored !== change.previousSize) throw signedElsewhere(change, stored)
          upsert.run(change.origin, change.size, change.note)
        }
      })
    },
  }
}

function checkpointOf(row: Record<string, unknown>): SignedCheckpoint {
  return { origin: String(row.origin), size: Number(row.size), note: String(row.note) }
}

function signedElsewhere(change: CheckpointChange, stored: number): AuditError {
  const message = `log ${change.origin} was signed at size ${stored}, not at ${change.previousSize} as this writer believes`
  const hint = 'two writers use one install, or the data folder is an old copy: stop this one'
  return new AuditError('conflict', message, { hint })
}
