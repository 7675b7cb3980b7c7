import type { DatabaseSync } from 'node:sqlite'
import { randomInt } from 'node:crypto'

import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { inOneCommit } from './database.ts'

/** The first two parts of every log's origin, fixed at the first start: logs that exist cannot change their name. */
export interface Install {
  readonly name: string
  readonly node: string
  /** First start, milliseconds since 1970. */
  readonly createdAt: number
  /** 1, and one more after each recovery from an old copy (docs/decisions/recovery.md). */
  readonly generation: number
  /** What the recovery that began this generation found. */
  readonly recovery?: Recovery
}

export interface Recovery {
  /** The root log of the generation before. */
  readonly root: string
  /** How many entries of it this disk had, and its witnesses had seen. */
  readonly held: number
  readonly witnessed: number
  /** Name of the witness that had seen most; absent where there are none. */
  readonly witness?: string
  /** When the backup was made that was restored, RFC 3339; absent where there was none. */
  readonly backup?: string
}

/** That this state came out of a backup, and nothing was signed since. */
export interface Restored {
  /** When the backup was made, RFC 3339. */
  readonly backup: string
  /** Left while the rest of the folder is still being put back. */
  readonly unfinished?: true
}

export function readRestored(database: DatabaseSync): Restored | undefined {
  const row = database.prepare("SELECT value FROM meta WHERE name = 'restored'").get()
  // `markRestored` wrote it.
  return row === undefined ? undefined : (JSON.parse(String(row['value'])) as Restored)
}

/** Durable when it returns. The next start begins a new generation, which takes the mark away. */
export function markRestored(database: DatabaseSync, restored: Restored): void {
  const text = 'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value'
  inOneCommit(database, () => database.prepare(text).run('restored', JSON.stringify(restored)))
}

/** Durable when it returns: logs of earlier generations end here. */
export function startGeneration(database: DatabaseSync, generation: number, recovery: Recovery): void {
  const upsert = database.prepare(
    'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  )
  inOneCommit(database, () => {
    upsert.run('generation', String(generation))
    upsert.run('recovery', JSON.stringify(recovery))
    database.exec("DELETE FROM meta WHERE name = 'restored'")
  })
}

/** Gives the stored install, or stores a new one at the first start. Throws `invalid_config` for another name later. */
export function settleInstall(database: DatabaseSync, configured: string | undefined, clock: Clock): Install {
  const stored = readInstall(database)
  if (stored === undefined) return storeInstall(database, configured ?? madeUpName(), clock.now())
  if (configured !== undefined && configured !== stored.name) {
    const message = `install is ${configured} in the configuration, but this data folder was started as ${stored.name}`
    const hint = `write install: ${stored.name}, or start with another data folder; logs carry the name for ever`
    throw new AuditError('invalid_config', message, { hint })
  }
  return stored
}

export function readInstall(database: DatabaseSync): Install | undefined {
  const rows = database.prepare('SELECT name, value FROM meta').all()
  const values = new Map(rows.map((row) => [String(row.name), String(row.value)]))
  const name = values.get('install')
  if (name === undefined) return undefined
  const recovery = values.get('recovery')
  return {
    name,
    node: values.get('node') ?? 'n1',
    createdAt: Number(values.get('created_at')),
    generation: Number(values.get('generation') ?? 1),
    // We wrote it.
    ...(recovery !== undefined && { recovery: JSON.parse(recovery) as Recovery }),
  }
}

function storeInstall(database: DatabaseSync, name: string, createdAt: number): Install {
  const insert = database.prepare('INSERT INTO meta (name, value) VALUES (?, ?)')
  inOneCommit(database, () => {
    insert.run('install', name)
    insert.run('node', 'n1')
    insert.run('created_at', String(createdAt))
  })
  return { name, node: 'n1', createdAt, generation: 1 }
}

/** RFC 4648 base32, lower case. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

function madeUpName(): string {
  const letters = Array.from({ length: 8 }, () => BASE32[randomInt(BASE32.length)])
  return `whodid-${letters.join('')}`
}
