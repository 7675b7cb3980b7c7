import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { AuditError } from '../domain/errors.ts'
import type { Files } from '../lib/files.ts'

/**
 * A key that salts the blocks of one identity's events in one log (docs/ledger.md, Blocks). Never leaves the server.
 */
interface SubjectKey {
  /** Above 0, and never given twice. */
  readonly id: number
  /** 32 random bytes. */
  readonly key: Uint8Array
}

export interface SubjectKeys {
  /** Keys of these identities in their order; missing ones are made. All are durable when it returns. */
  ensure(log: string, identities: readonly string[]): readonly SubjectKey[]
  /** The key of an identity in a log, if it has one. */
  existing(log: string, identity: string): SubjectKey | undefined
  /** Keys by id; one that was destroyed is missing. */
  find(ids: readonly number[]): ReadonlyMap<number, Uint8Array>
  /** What these keys' identities are called; one that is not known is missing. */
  identitiesOf(ids: readonly number[]): ReadonlyMap<number, string>
  /**
   * Takes the keys of these identities out of use, in every log, under a mark: their next event gets a new one. Durable
   * when it returns.
   */
  retire(identities: readonly string[], mark: string): void
  /** Ids of the keys that were taken out of use under that mark and are still there. */
  retired(mark: string): readonly number[]
  /** Nobody can open or check a block that such a key salts any more. Overwritten on the disk when it returns. */
  destroy(ids: readonly number[]): void
  /** The same for all keys of a log. */
  destroyLog(log: string): void
  close(): void
}

const VERSION = 1
const CACHED = 50_000

/**
 * Opens `<folder>/subjects.db`. An absent file is made when `mayCreate`, else refused (`damaged`): there are events
 * whose blocks nobody could prove any more.
 */
export async function openSubjectKeys(files: Files, folder: string, mayCreate: boolean): Promise<SubjectKeys> {
  const path = `${folder}/subjects.db`
  const size = await files.size(path)
  const isNew = size === undefined
  if (isNew && !mayCreate) {
    const hint = 'put it back from a backup of the keys folder'
    throw new AuditError('damaged', `${path} is gone, but there are events that its keys prove`, { hint })
  }
  await files.makeFolder(folder)
  const database = openDatabase(path, (size ?? 0) <= CHECKED_BYTES)
  // Before the first key is used: without its name in the folder the file would be lost with all keys. Also when it is
  // not new: who made it may have been killed before this line.
  await files.syncFolder(folder)
  return subjectKeys(database)
}

/** Up to that size a start checks it whole, in a fraction of a second; above, what is malformed shows when it is read. */
const CHECKED_BYTES = 64 * 1024 ** 2

function openDatabase(path: string, isChecked: boolean): DatabaseSync {
  try {
    const database = new DatabaseSync(path)
    database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA busy_timeout=5000')
    if (isChecked) refuseMalformed(database, path)
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    if (version > VERSION) throw new AuditError('unsupported_version', `${path} was written by a newer whodid`)
    // AUTOINCREMENT: the id of a destroyed key must never name another one.
    database.exec(
      'CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY AUTOINCREMENT, log TEXT NOT NULL, ' +
        'identity TEXT NOT NULL, key BLOB NOT NULL, UNIQUE (log, identity)) STRICT',
    )
    database.exec(`PRAGMA user_version=${VERSION}`)
    return database
  } catch (cause) {
    throw cause instanceof AuditError ? cause : openingError(path, cause)
  }
}

function refuseMalformed(database: DatabaseSync, path: string): void {
  const found = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check']
  if (found === 'ok') return
  const hint = 'put it back from a backup of the keys folder'
  throw new AuditError('damaged', `${path} is damaged: ${String(found)}`, { hint })
}

// https://sqlite.org/rescode.html: what the disk says is no damage of the file.
const FULL = 13
const DISK_CODES = new Set([8, 10, 14])

function openingError(path: string, cause: unknown): AuditError {
  const code = cause instanceof Error && 'errcode' in cause ? Number(cause.errcode) & 0xff : 0
  if (code === FULL) {
    return new AuditError('disk_full', `${path} cannot be opened: its disk is full`, { cause, hint: 'make room there' })
  }
  if (DISK_CODES.has(code)) {
    const hint = 'check owner, mode and health of the disk'
    return new AuditError('io_failed', `${path} cannot be opened or written`, { hint, cause })
  }
  const hint = 'put it back from a backup of the keys folder'
  return new AuditError('damaged', `${path} cannot be opened as a key store`, { hint, cause })
}

function subjectKeys(database: DatabaseSync): SubjectKeys {
  const select = database.prepare('SELECT id, key FROM keys WHERE log = ? AND identity = ?')
  const selectById = database.prepare('SELECT key FROM keys WHERE id = ?')
  const insert = database.prepare('INSERT INTO keys (log, identity, key) VALUES (?, ?, ?)')
  const selectIdentity = database.prepare('SELECT identity FROM keys WHERE id = ?')
  const selectRetired = database.prepare('SELECT id FROM keys WHERE substr(identity, 1, ?) = ? ORDER BY id')
  const retire = database.prepare('UPDATE keys SET identity = ? || id WHERE identity = ?')
  const remove = database.prepare('DELETE FROM keys WHERE id = ?')
  const removeLog = database.prepare('DELETE FROM keys WHERE log = ?')
  const cache = new Map<string, SubjectKey>()

  const remember = (name: string, key: SubjectKey): SubjectKey => {
    if (cache.size >= CACHED) cache.clear()
    cache.set(name, key)
    return key
  }

  const lookUp = (log: string, identity: string): SubjectKey | undefined => {
    const row = select.get(log, identity)
    return row === undefined ? undefined : { id: Number(row['id']), key: keyOf(row) }
  }

  const create = (log: string, identity: string): SubjectKey => {
    const key = new Uint8Array(randomBytes(32))
    return { id: Number(insert.run(log, identity, key).lastInsertRowid), key }
  }

  const existing = (log: string, identity: string): SubjectKey | undefined => {
    const name = `${log}\n${identity}`
    const known = cache.get(name) ?? lookUp(log, identity)
    return known === undefined ? undefined : remember(name, known)
  }

  return {
    existing,
    ensure(log, identities) {
      const found = new Map<string, SubjectKey>()
      for (const identity of identities) {
        const known = existing(log, identity)
        if (known !== undefined) found.set(identity, known)
      }
      const missing = [...new Set(identities)].filter((identity) => !found.has(identity))
      if (missing.length > 0) {
        // One commit and so one sync for all. A crash before its end leaves none of them, and no event that uses one.
        const made = inOneCommit(database, () => missing.map((identity) => [identity, create(log, identity)] as const))
        for (const [identity, key] of made) found.set(identity, remember(`${log}\n${identity}`, key))
      }
      // Every identity was found or made above.
      return identities.map((identity) => found.get(identity)!)
    },
    find(ids) {
      const keys = new Map<number, Uint8Array>()
      for (const id of ids) {
        const row = selectById.get(id)
        if (row !== undefined) keys.set(id, keyOf(row))
      }
      return keys
    },
    identitiesOf(ids) {
      const found = new Map<number, string>()
      for (const id of ids) {
        const row = selectIdentity.get(id)
        if (row !== undefined) found.set(id, String(row['identity']))
      }
      return found
    },
    retire(identities, mark) {
      inOneCommit(database, () => identities.forEach((identity) => retire.run(`${RETIRED}${mark}:`, identity)))
      cache.clear()
    },
    retired(mark) {
      const name = `${RETIRED}${mark}:`
      return selectRetired.all(name.length, name).map((row) => Number(row['id']))
    },
    destroy(ids) {
      inOneCommit(database, () => ids.forEach((id) => remove.run(id)))
      cache.clear()
      // Until then the write-ahead log keeps what was deleted.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    },
    destroyLog(log) {
      inOneCommit(database, () => removeLog.run(log))
      cache.clear()
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    },
    close: () => database.close(),
  }
}

/** No identity begins with it: those are JSON lists, or `day:`. */
const RETIRED = 'retired:'

function keyOf(row: Record<string, unknown>): Uint8Array {
  // The column is a BLOB NOT NULL of a STRICT table.
  return row['key'] as Uint8Array
}

function inOneCommit<T>(database: DatabaseSync, work: () => T): T {
  try {
    database.exec('BEGIN IMMEDIATE')
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (cause) {
    if (database.isTransaction) database.exec('ROLLBACK')
    const hint = 'check space and health of the disk that holds the keys folder'
    throw new AuditError('io_failed', 'cannot write new subject keys', { hint, cause })
  }
}
