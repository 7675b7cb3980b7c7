import { AuditError } from '../domain/errors.ts'
import type { Connection } from './connection.ts'

/**
 * Brings the database to this version: forward only, each step may be repeated after a crash. A newer one is refused with
 * `unsupported_version`: an older program would write rows that lack what the newer one needs.
 */
export async function migrate(connection: Connection, signal?: AbortSignal): Promise<void> {
  const { database } = connection
  await connection.command(`CREATE DATABASE IF NOT EXISTS ${database}`, signal)
  await connection.command(
    `CREATE TABLE IF NOT EXISTS ${database}.schema_version (version UInt32, at DateTime) ENGINE = MergeTree ORDER BY version`,
    signal,
  )
  const [row] = await connection.ask<{ version: number }>(
    `SELECT max(version) AS version FROM ${database}.schema_version`,
    {},
    signal,
  )
  const version = row?.version ?? 0
  if (version > MIGRATIONS.length) {
    const hint = `this program knows version ${MIGRATIONS.length}: start the newer one`
    throw new AuditError('unsupported_version', `the store has schema version ${version}`, { hint })
  }
  for (const [at, statements] of MIGRATIONS.entries()) {
    if (at < version) continue
    for (const statement of statements(database)) await connection.command(statement, signal)
    // A crash before this line repeats the step: every statement says IF NOT EXISTS.
    await connection.command(`INSERT INTO ${database}.schema_version VALUES (${at + 1}, now())`, signal)
  }
}

const MIGRATIONS: readonly ((database: string) => readonly string[])[] = [
  (database) => [createEvents(database)],
  (database) => [addState(database)],
  (database) => [addSealed(database)],
  (database) => [addPlaces(database)],
]

// LowCardinality for words that repeat; its codec is written out, else its indexes are LZ4. Small granules and blocks:
// a page of fifty rows is fifty places (docs/architecture.md, Store).
function createEvents(database: string): string {
  const word = 'LowCardinality(String) CODEC(ZSTD(1))'
  const words = 'Array(LowCardinality(String)) CODEC(ZSTD(1))'
  const text = 'String CODEC(ZSTD(3))'
  return `CREATE TABLE IF NOT EXISTS ${database}.events (
    feed UInt64 CODEC(DoubleDelta, ZSTD(1)), n UInt64 CODEC(DoubleDelta, ZSTD(1)), log ${word},
    t DateTime64(6, 'UTC') CODEC(Delta, T64, ZSTD(1)), r DateTime64(3, 'UTC') CODEC(Delta, T64, ZSTD(1)),
    id FixedString(16) CODEC(NONE), c FixedString(32) CODEC(NONE),
    stream ${word}, period ${word}, source ${word},
    e Int64 CODEC(DoubleDelta, ZSTD(1)), sq Int64 CODEC(DoubleDelta, ZSTD(1)),
    d ${word}, y ${word}, leaf String CODEC(ZSTD(1)),
    dataset ${word}, action ${word},
    outcome Enum8('unknown' = 0, 'success' = 1, 'failure' = 2) CODEC(ZSTD(1)),
    usr ${word}, uid ${text}, mail ${text}, ukind ${word}, groups ${words}, roles ${words}, eff ${word},
    ip ${word}, agent ${word},
    rtype ${words}, rname Array(String) CODEC(ZSTD(3)), rns ${words},
    decision ${word}, policy ${words}, category ${words}, type ${words}, kind ${word},
    req ${text}, cluster ${word}, host ${word},
    labels Map(LowCardinality(String), String) CODEC(ZSTD(3)), tags ${words}, wcat ${words}, parser ${word},
    conflict UInt8 CODEC(ZSTD(1)), dup String CODEC(ZSTD(1)),
    akey UInt64 CODEC(ZSTD(1)), tkey UInt64 CODEC(ZSTD(1)),
    actor ${text}, place ${text}, target ${text}, body ${text}, original ${text},
    erased String CODEC(ZSTD(1)),
    INDEX b_id id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX m_feed feed TYPE minmax GRANULARITY 1,
    INDEX m_r r TYPE minmax GRANULARITY 1,
    INDEX x_usr lowerUTF8(usr) TYPE text(tokenizer = 'array'),
    INDEX x_uid lowerUTF8(uid) TYPE text(tokenizer = 'array'),
    INDEX x_mail lowerUTF8(mail) TYPE text(tokenizer = 'array'),
    INDEX x_ip lowerUTF8(ip) TYPE text(tokenizer = 'array'),
    INDEX x_rname arrayMap(x -> lowerUTF8(x), rname) TYPE text(tokenizer = 'array')
  ) ENGINE = MergeTree PARTITION BY (stream, period) ORDER BY (t, feed)
  SETTINGS index_granularity = 1024, min_compress_block_size = 16384, max_compress_block_size = 65536,
    old_parts_lifetime = 60, cleanup_delay_period = 10, max_cleanup_delay_period = 30,
    non_replicated_deduplication_window = 1000,
    fsync_after_insert = 1, fsync_part_directory = 1`
}

// Made from two lists and a word for every row, it was half of what a histogram costs.
function addState(database: string): string {
  const state = `Enum8('unknown' = 0, 'success' = 1, 'failed' = 2, 'staged' = 3, 'denied' = 4)`
  const earlier = `multiIf(has(type, 'denied'), 'denied', decision = 'staged', 'staged', outcome = 'failure', 'failed', toString(outcome))`
  return `ALTER TABLE ${database}.events ADD COLUMN IF NOT EXISTS state ${state} DEFAULT ${earlier} CODEC(ZSTD(1)) AFTER outcome`
}

// Of a row that was read again: its first four blocks as they were sealed. Empty: they stand in their own columns.
function addSealed(database: string): string {
  return `ALTER TABLE ${database}.events ADD COLUMN IF NOT EXISTS sealed Array(String) CODEC(ZSTD(3))`
}

// Rows are found by their place in a log; parts that are there already get it as they are merged.
function addPlaces(database: string): string {
  return `ALTER TABLE ${database}.events ADD INDEX IF NOT EXISTS m_n n TYPE minmax GRANULARITY 1`
}
