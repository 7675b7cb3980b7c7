import type { DatabaseSync } from 'node:sqlite'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { AuditError } from '../domain/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { type AdminLinks, createAdminLinks } from './admin-links.ts'
import { type Approvals, createApprovals } from './approvals.ts'
import { type Checkpoints, createCheckpoints } from './checkpoints.ts'
import { inOneCommit, openDatabase, translating } from './database.ts'
import { createErasures, type Erasures, ERASURES_SCHEMA } from './erasures.ts'
import { createHolds, type Holds, HOLDS_SCHEMA } from './holds.ts'
import { createHourAccounts, type HourAccounts } from './hour-accounts.ts'
import {
  type Install,
  markRestored,
  readInstall,
  readRestored,
  type Recovery,
  type Restored,
  settleInstall,
  startGeneration,
} from './install.ts'
import { type PendingTrail, createPendingTrail } from './pending-trail.ts'
import { createRetention, type Retention, RETENTION_SCHEMA } from './retention.ts'
import { createRuleVersions, type RuleVersions } from './rule-versions.ts'
import { readRun } from './run-file.ts'
import { type Sessions, createSessions } from './sessions.ts'
import { type Snapshots, createSnapshots } from './snapshots.ts'
import { type Tokens, createTokens } from './tokens.ts'

/** Control state: what the server must remember and what is no event. Never a key. All calls are synchronous and durable. */
export interface State {
  readonly install: Install
  readonly checkpoints: Checkpoints
  readonly tokens: Tokens
  readonly sessions: Sessions
  readonly adminLinks: AdminLinks
  readonly snapshots: Snapshots
  readonly pendingTrail: PendingTrail
  readonly approvals: Approvals
  readonly ruleVersions: RuleVersions
  readonly hourAccounts: HourAccounts
  readonly erasures: Erasures
  readonly holds: Holds
  readonly retention: Retention
  /** Begins a new life of the node, after a recovery; gives the install as it is then. */
  recover(generation: number, recovery: Recovery): Install
  /** It came out of a backup, and nobody has gone on with it yet. */
  readonly restored: Restored | undefined
  markRestored(restored: Restored): void
  /** Writes a whole copy of it, as it is now, to a new file; nobody has synced that. */
  copyTo(path: string): void
  /** Releases the folder for the next process. */
  close(): void
}

export interface StateOptions {
  /** The data folder; made (0700) when it is not there. */
  readonly folder: string
  /** `install` of the configuration. Left out: the one of the first start, or a made-up name at the first start. */
  readonly install?: string
  readonly clock: Clock
  /** Opens it also where a restore of this folder has not come to its end: it is the one that goes on. */
  readonly unfinished?: true
}

/**
 * Opens `state.db` and holds the data folder for this process. A crash leaves it openable: the kernel drops the lock,
 * sqlite rolls back what was not committed.
 *
 * Throws `locked` (another process has it), `unsupported_version` (written by a newer whodid), `invalid_config` (other
 * install name), `damaged`, `disk_full`, `io_failed`.
 */
export function openState(options: StateOptions): State {
  const database = openHeld(options.folder)
  try {
    migrate(database, options.folder)
    const install = settleInstall(database, options.install, options.clock)
    refuseUnfinished(database, options)
    return {
      install,
      get restored() {
        return readRestored(database)
      },
      markRestored: (restored) => markRestored(database, restored),
      copyTo: (path) => translating(path, () => void database.prepare('VACUUM INTO ?').run(path)),
      checkpoints: createCheckpoints(database),
      tokens: createTokens(database),
      sessions: createSessions(database),
      adminLinks: createAdminLinks(database),
      snapshots: createSnapshots(database),
      pendingTrail: createPendingTrail(database),
      approvals: createApprovals(database),
      ruleVersions: createRuleVersions(database),
      hourAccounts: createHourAccounts(database),
      erasures: createErasures(database),
      holds: createHolds(database),
      retention: createRetention(database),
      recover(generation, recovery) {
        startGeneration(database, generation, recovery)
        return readInstall(database) ?? install
      },
      close: () => database.close(),
    }
  } catch (error) {
    database.close()
    throw error
  }
}

function refuseUnfinished(database: DatabaseSync, { folder, unfinished }: StateOptions): void {
  if (unfinished === true || readRestored(database)?.unfinished !== true) return
  const hint = 'remove the folder, and restore it again'
  throw new AuditError('conflict', `the data folder ${folder} is only half restored`, { hint })
}

function openHeld(folder: string): DatabaseSync {
  makeFolder(folder)
  try {
    return openDatabase(join(folder, 'state.db'))
  } catch (error) {
    if (error instanceof AuditError && error.code === 'locked') throw heldByAnother(folder, error)
    throw error
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const hint = 'give another one with --data, or make it writable for this user'
    throw new AuditError('io_failed', `cannot make the data folder ${folder}`, { cause, hint })
  }
}

function heldByAnother(folder: string, cause: AuditError): AuditError {
  const run = readRun(folder)
  const who = run === undefined ? 'another process' : `the process ${run.pid}${run.url ? ` at ${run.url}` : ''}`
  const hint =
    run === undefined
      ? 'end that process, or give another folder with --data'
      : `end it (kill ${run.pid}), or give another folder with --data`
  return new AuditError('locked', `the data folder ${folder} belongs to ${who}`, { cause, hint })
}

/** Forward only: entry n brings a database of version n to n + 1. Never edit one that was released. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE TABLE checkpoints (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL) STRICT;
   CREATE TABLE tokens (
     id TEXT PRIMARY KEY, secret_hash BLOB NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL, source TEXT,
     hide TEXT NOT NULL, created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER, revoked_at INTEGER
   ) STRICT;
   CREATE TABLE sessions (
     hash BLOB PRIMARY KEY, name TEXT NOT NULL, scope TEXT NOT NULL, created_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE admin_links (hash BLOB PRIMARY KEY, expires_at INTEGER NOT NULL, used_at INTEGER) STRICT;
   CREATE TABLE snapshots (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
  'CREATE TABLE pending_trail (id INTEGER PRIMARY KEY, event TEXT NOT NULL) STRICT;',
  `CREATE TABLE approvals (
     id TEXT PRIMARY KEY, kind TEXT NOT NULL, summary TEXT NOT NULL, details TEXT NOT NULL,
     requested_by TEXT NOT NULL, requested_at INTEGER NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'refused', 'done')),
     decided_by TEXT, decided_at INTEGER, reason TEXT
   ) STRICT;`,
  `CREATE TABLE rule_sets (hash TEXT PRIMARY KEY, rules TEXT NOT NULL) STRICT;
   CREATE TABLE rule_versions (
     revision INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, since INTEGER NOT NULL, by_whom TEXT NOT NULL,
     approval TEXT
   ) STRICT;`,
  `CREATE TABLE hour_accounts (
     source TEXT NOT NULL, hour INTEGER NOT NULL, accounting TEXT NOT NULL, PRIMARY KEY (source, hour)
   ) STRICT, WITHOUT ROWID;`,
  ERASURES_SCHEMA,
  HOLDS_SCHEMA + RETENTION_SCHEMA,
]

function migrate(database: DatabaseSync, folder: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0)
  if (version > MIGRATIONS.length) {
    const hint = 'start the whodid version that wrote it, or a newer one'
    const message = `${join(folder, 'state.db')} has version ${version}, this whodid knows up to ${MIGRATIONS.length}`
    throw new AuditError('unsupported_version', message, { hint })
  }
  if (version === MIGRATIONS.length) return
  inOneCommit(database, () => {
    for (const step of MIGRATIONS.slice(version)) database.exec(step)
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`)
  })
}
