import type { DatabaseSync } from 'node:sqlite'

import type { Json } from '../domain/event.ts'
import { inOneCommit, translating } from './database.ts'

/** Rules as they came into force once. */
export interface RuleVersion {
  /** Counted from 1 since the install began. */
  readonly revision: number
  /** SHA-256 of the set, hex: what heartbeats seal. */
  readonly hash: string
  /** Milliseconds since 1970. */
  readonly since: number
  /** Who asked for it, as in our trail. */
  readonly by: string
  /** Of the approval that it waited for. Absent: it did not wait. */
  readonly approval?: string
}

/** Every set of rules that was ever in force, and since when. Durable when a call returns. */
export interface RuleVersions {
  /** Undefined: none was ever in force. */
  latest(): (RuleVersion & { readonly rules: Json }) | undefined
  /** @param rules The layers, as they are to be found again by `latest`. */
  add(version: Omit<RuleVersion, 'revision'>, rules: Json): RuleVersion
  /** Newest first. */
  list(limit: number): readonly RuleVersion[]
  /** The rules that had this hash: what a heartbeat of then means. */
  find(hash: string): Json | undefined
}

export function createRuleVersions(database: DatabaseSync): RuleVersions {
  const insertSet = database.prepare(
    'INSERT INTO rule_sets (hash, rules) VALUES (?, ?) ON CONFLICT (hash) DO UPDATE SET rules = excluded.rules',
  )
  const insert = database.prepare(
    'INSERT INTO rule_versions (hash, since, by_whom, approval) VALUES (?, ?, ?, ?) RETURNING revision',
  )
  const selectAll = database.prepare('SELECT * FROM rule_versions ORDER BY revision DESC LIMIT ?')
  const selectSet = database.prepare('SELECT rules FROM rule_sets WHERE hash = ?')
  const guarded = <T>(work: () => T): T => translating(database.location() ?? 'state.db', work)
  const list = (limit: number) => guarded(() => selectAll.all(limit)).map(versionOf)

  function find(hash: string): Json | undefined {
    const row = guarded(() => selectSet.get(hash))
    // `add` wrote it.
    return row === undefined ? undefined : (JSON.parse(String(row['rules'])) as Json)
  }

  return {
    list,
    find,
    latest() {
      const [version] = list(1)
      const rules = version && find(version.hash)
      return version === undefined || rules === undefined ? undefined : { ...version, rules }
    },
    add(version, rules) {
      const { hash, since, by, approval } = version
      return inOneCommit(database, () => {
        insertSet.run(hash, JSON.stringify(rules))
        const revision = Number(insert.get(hash, since, by, approval ?? null)?.['revision'])
        return { ...version, revision }
      })
    },
  }
}

function versionOf(row: Record<string, unknown>): RuleVersion {
  return {
    revision: Number(row['revision']),
    hash: String(row['hash']),
    since: Number(row['since']),
    by: String(row['by_whom']),
    ...(typeof row['approval'] === 'string' && { approval: row['approval'] }),
  }
}
