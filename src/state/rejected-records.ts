import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { join } from 'node:path'

import { AuditError } from '../domain/errors.ts'
import { inOneCommit, openDatabase } from './database.ts'

/** A record that could not become an event, as it is kept. */
export interface KeptRecord {
  readonly id: number
  readonly source: string
  readonly received: number
  readonly reason: string
  readonly message: string
  readonly path: string | undefined
  readonly format: string
  /** How much of it is kept, and how much it had. */
  readonly held: number
  readonly whole: number
  /** JSON of what else is needed to feed it again: options, origin, names, number. */
  readonly more: string
}

export interface KeptBytes extends KeptRecord {
  readonly bytes: Uint8Array
}

/** Up to where the journal was read: the number of the next frame, and its feed number. */
export interface ReadUpTo {
  readonly frame: number
  readonly feed: number
}

/** Which records of a source. */
export type Selection = { readonly ids: readonly number[] } | { readonly reason: string } | { readonly all: true }

export interface KeptTotal {
  readonly source: string
  readonly reason: string
  readonly records: number
  readonly bytes: number
}

export interface LetGo {
  readonly source: string
  /** Records that had to go to make room, or that were too old; since ever. */
  readonly records: number
}

export interface RejectedRecords {
  readUpTo(): ReadUpTo | undefined
  /** Takes records and the place in the journal in one commit; what is in here already is passed over. Says how many had to go. */
  add(records: readonly Omit<KeptBytes, 'held'>[], upTo: ReadUpTo, now: number): number
  /** Newest first, without bytes. */
  list(source: string, reason: string | undefined, before: number | undefined, limit: number): readonly KeptRecord[]
  get(source: string, id: number): KeptBytes | undefined
  /** Oldest first, behind `after`: as many as fit into `limit` records and that many bytes, at least one. */
  take(
    source: string,
    which: Selection,
    after: number,
    limit: { readonly records: number; readonly bytes: number },
  ): readonly KeptBytes[]
  /** After they were fed again: some are events now, others were rejected for another reason. */
  settle(
    gone: readonly number[],
    still: readonly { readonly id: number; readonly reason: string; readonly message: string }[],
  ): void
  /** Says how many went. */
  discard(source: string, which: Selection): number
  /** Those that hold one of these texts, of any source. Overwritten on the disk when it returns. Says how many went. */
  discardHolding(texts: readonly string[]): number
  totals(): { readonly kept: readonly KeptTotal[]; readonly letGo: readonly LetGo[] }
  close(): void
}

export interface RejectedRecordsOptions {
  /** The data folder. */
  readonly folder: string
  /** When more is kept, the oldest of the source that has most goes. */
  readonly maxBytes: number
  readonly keepMs: number
}

/** What a record costs beside its bytes. */
const OVERHEAD_BYTES = 512
const AT_ONCE = 1000

/**
 * Opens `rejected.db`. Bounded in bytes and age; a source that floods it takes room from itself first. What is deleted is
 * overwritten. Throws what `openDatabase` does, and `unsupported_version`.
 */
export function openRejectedRecords(options: RejectedRecordsOptions): RejectedRecords {
  const path = join(options.folder, 'rejected.db')
  const database = openDatabase(path)
  try {
    prepareSchema(database, path)
    return createRejectedRecords(database, options)
  } catch (error) {
    database.close()
    throw error
  }
}

/** Bytes stand last, so that what is before them is read without them. Totals are kept by the database itself. */
const SCHEMA = `
  CREATE TABLE records (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, received INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
    path TEXT, format TEXT NOT NULL, size INTEGER NOT NULL, whole INTEGER NOT NULL, more TEXT NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE INDEX by_source ON records (source, id);
  CREATE INDEX by_age ON records (received);
  CREATE TABLE totals (
    source TEXT NOT NULL, reason TEXT NOT NULL, records INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (source, reason)
  ) STRICT;
  CREATE TABLE let_go (source TEXT PRIMARY KEY, records INTEGER NOT NULL) STRICT;
  CREATE TABLE read_up_to (one INTEGER PRIMARY KEY CHECK (one = 1), frame INTEGER NOT NULL, feed INTEGER NOT NULL) STRICT;
  CREATE TRIGGER added AFTER INSERT ON records BEGIN
    INSERT INTO totals VALUES (new.source, new.reason, 1, new.size)
      ON CONFLICT DO UPDATE SET records = records + 1, bytes = bytes + new.size;
  END;
  CREATE TRIGGER removed AFTER DELETE ON records BEGIN
    UPDATE totals SET records = records - 1, bytes = bytes - old.size WHERE source = old.source AND reason = old.reason;
  END;
  CREATE TRIGGER changed AFTER UPDATE OF reason ON records BEGIN
    UPDATE totals SET records = records - 1, bytes = bytes - old.size WHERE source = old.source AND reason = old.reason;
    INSERT INTO totals VALUES (new.source, new.reason, 1, new.size)
      ON CONFLICT DO UPDATE SET records = records + 1, bytes = bytes + new.size;
  END;
  PRAGMA user_version = 1;`

function prepareSchema(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  if (version === 1) return
  if (version > 1) {
    const hint = 'start the whodid version that wrote it, or a newer one'
    throw new AuditError('unsupported_version', `${path} has version ${version}, this whodid knows 1`, { hint })
  }
  inOneCommit(database, () => database.exec(SCHEMA))
}

const FIELDS = 'id, source, received, reason, message, path, format, LENGTH(bytes) AS held, whole, more'

function createRejectedRecords(database: DatabaseSync, { maxBytes, keepMs }: RejectedRecordsOptions): RejectedRecords {
  const insert = database.prepare(`INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const place = database.prepare(
    'INSERT INTO read_up_to VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET frame = excluded.frame, feed = excluded.feed',
  )
  const sum = database.prepare('SELECT COALESCE(SUM(bytes), 0) AS bytes FROM totals')
  const largest = database.prepare('SELECT source FROM totals GROUP BY source ORDER BY SUM(bytes) DESC, source LIMIT 1')
  const oldestOf = database.prepare(`SELECT id, size FROM records WHERE source = ? ORDER BY id LIMIT ${AT_ONCE}`)
  const aged = database.prepare(`SELECT id, source FROM records WHERE received < ? ORDER BY received LIMIT ${AT_ONCE}`)
  const remove = database.prepare('DELETE FROM records WHERE id = ?')
  const count = database.prepare(
    'INSERT INTO let_go VALUES (?, 1) ON CONFLICT DO UPDATE SET records = records + excluded.records',
  )
  const change = database.prepare('UPDATE records SET reason = ?, message = ?, path = NULL WHERE id = ?')

  function letGo(id: number, source: string): void {
    remove.run(id)
    count.run(source)
  }

  function makeRoom(now: number): number {
    let gone = 0
    for (const { id, source } of aged.all(now - keepMs)) {
      letGo(Number(id), String(source))
      gone++
    }
    for (let over = Number(sum.get()?.['bytes']) - maxBytes; over > 0;) {
      const source = largest.get()?.['source']
      if (typeof source !== 'string') return gone
      for (const { id, size } of oldestOf.all(source)) {
        if (over <= 0) break
        letGo(Number(id), source)
        over -= Number(size)
        gone++
      }
    }
    return gone
  }

  function select(fields: string, source: string, which: Selection, after: number, limit: number) {
    const [condition, values] = conditionOf(which)
    const text = `SELECT ${fields} FROM records WHERE source = ? AND id > ?${condition} ORDER BY id LIMIT ?`
    return database.prepare(text).iterate(source, after, ...values, limit)
  }

  return {
    readUpTo() {
      const row = database.prepare('SELECT frame, feed FROM read_up_to').get()
      return row === undefined ? undefined : { frame: Number(row['frame']), feed: Number(row['feed']) }
    },
    add: (records, upTo, now) =>
      inOneCommit(database, () => {
        for (const { id, source, received, reason, message, path, format, whole, more, bytes } of records) {
          const size = bytes.length + more.length + OVERHEAD_BYTES
          insert.run(id, source, received, reason, message, path ?? null, format, size, whole, more, bytes)
        }
        place.run(upTo.frame, upTo.feed)
        return makeRoom(now)
      }),
    list(source, reason, before = Number.MAX_SAFE_INTEGER, limit) {
      const condition = reason === undefined ? '' : ' AND reason = ?'
      const text = `SELECT ${FIELDS} FROM records WHERE source = ? AND id < ?${condition} ORDER BY id DESC LIMIT ?`
      const values = reason === undefined ? [] : [reason]
      return database
        .prepare(text)
        .all(source, before, ...values, limit)
        .map(keptOf)
    },
    get(source, id) {
      const row = database.prepare(`SELECT ${FIELDS}, bytes FROM records WHERE source = ? AND id = ?`).get(source, id)
      return row === undefined ? undefined : bytesOf(row)
    },
    take(source, which, after, limit) {
      const taken: KeptBytes[] = []
      let bytes = 0
      for (const row of select(`${FIELDS}, bytes`, source, which, after, limit.records)) {
        const record = bytesOf(row)
        bytes += record.bytes.length
        if (taken.length > 0 && bytes > limit.bytes) break
        taken.push(record)
      }
      return taken
    },
    settle(gone, still) {
      inOneCommit(database, () => {
        for (const id of gone) remove.run(id)
        for (const { id, reason, message } of still) change.run(reason, message, id)
      })
    },
    discard(source, which) {
      let gone = 0
      for (let ids = []; ; ids = []) {
        for (const row of select('id', source, which, 0, AT_ONCE)) ids.push(Number(row['id']))
        if (ids.length === 0) return gone
        inOneCommit(database, () => ids.forEach((id) => remove.run(id)))
        gone += ids.length
      }
    },
    discardHolding(texts) {
      let gone = 0
      for (let [after, ids] = [-1, [0]]; ids.length > 0; after = ids.at(-1) ?? after) {
        const found = database.prepare(`SELECT * FROM records WHERE id > ? ORDER BY id LIMIT ${FEW}`).all(after)
        ids = found.map((row) => Number(row['id']))
        const holding = found.filter((row) => texts.some((text) => holds(row, text)))
        inOneCommit(database, () => holding.forEach((row) => remove.run(Number(row['id']))))
        gone += holding.length
      }
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      return gone
    },
    totals() {
      const kept = database.prepare('SELECT * FROM totals WHERE records > 0').all()
      const gone = database.prepare('SELECT * FROM let_go').all()
      return {
        kept: kept.map((row) => ({
          source: String(row['source']),
          reason: String(row['reason']),
          records: Number(row['records']),
          bytes: Number(row['bytes']),
        })),
        letGo: gone.map((row) => ({ source: String(row['source']), records: Number(row['records']) })),
      }
    },
    close: () => database.close(),
  }
}

/** Each may have a megabyte. */
const FEW = 50

function holds(row: Row, text: string): boolean {
  const { bytes } = bytesOf(row)
  const words = [row['message'], row['path'], row['more']].map(String)
  return (
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(text) ||
    words.some((each) => each.includes(text))
  )
}

function conditionOf(which: Selection): readonly [string, readonly SQLInputValue[]] {
  if ('reason' in which) return [' AND reason = ?', [which.reason]]
  if ('ids' in which) return [' AND id IN (SELECT value FROM json_each(?))', [JSON.stringify(which.ids)]]
  return ['', []]
}

type Row = Readonly<Record<string, unknown>>

function keptOf(row: Row): KeptRecord {
  return {
    id: Number(row['id']),
    source: String(row['source']),
    received: Number(row['received']),
    reason: String(row['reason']),
    message: String(row['message']),
    path: typeof row['path'] === 'string' ? row['path'] : undefined,
    format: String(row['format']),
    held: Number(row['held']),
    whole: Number(row['whole']),
    more: String(row['more']),
  }
}

function bytesOf(row: Row): KeptBytes {
  const { bytes } = row
  return { ...keptOf(row), bytes: bytes instanceof Uint8Array ? bytes : new Uint8Array() }
}
