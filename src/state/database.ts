import { DatabaseSync } from 'node:sqlite'
import { closeSync, existsSync, openSync } from 'node:fs'

import { AuditError } from '../domain/errors.ts'

/**
 * Opens the control database and keeps an exclusive kernel lock on it until it is closed or the process ends, however
 * that happens. WAL with synchronous=FULL: a commit is one fsync and durable when it returns. The caller must not open
 * this file in another way in the same process: closing such a descriptor would drop the lock (fcntl's rule).
 *
 * Throws `locked`, `damaged`, `disk_full` or `io_failed`, naming the file.
 */
export function openDatabase(path: string): DatabaseSync {
  return translating(path, () => {
    // Mode 0600 from its first moment; its journal files take over the mode.
    if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600))
    const database = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true })
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE')
      database.exec('PRAGMA journal_mode = WAL')
      database.exec('PRAGMA synchronous = FULL')
      database.exec('PRAGMA secure_delete = ON')
      // The lock is taken at the first write, and this is one.
      database.exec('BEGIN EXCLUSIVE; COMMIT')
      refuseMalformed(database, path)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/** Pages and indexes must fit together. A wrong byte within a value shows nowhere: sqlite keeps no checksums. */
function refuseMalformed(database: DatabaseSync, path: string): void {
  const found = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check']
  if (found === 'ok') return
  throw new AuditError('damaged', `${path} is damaged: ${String(found)}`, { hint: DAMAGED_HINT })
}

/** One commit: all of `work` or nothing of it, durable when it returns. */
export function inOneCommit<T>(database: DatabaseSync, work: () => T): T {
  return translating(database.location() ?? 'state.db', () => {
    database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      database.exec('COMMIT')
      return result
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  })
}

/** Runs something on sqlite and turns its errors into ours. */
export function translating<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof AuditError) throw error
    throw translated(path, error)
  }
}

// https://www.sqlite.org/rescode.html: the low byte is the primary code.
const BUSY = new Set([5, 6])
const DAMAGED = new Set([11, 26])
const FULL = 13
const DAMAGED_HINT = 'restore it from a backup; the journal, the ledger and the store do not depend on it'

function translated(path: string, cause: unknown): AuditError {
  const code = errorNumber(cause, 'errcode') & 0xff
  if (BUSY.has(code)) return new AuditError('locked', `${path} is in use by another process`, { cause })
  if (DAMAGED.has(code)) {
    return new AuditError('damaged', `${path} is no database of ours or is damaged`, { cause, hint: DAMAGED_HINT })
  }
  if (code === FULL || errorText(cause, 'code') === 'ENOSPC') {
    return new AuditError('disk_full', `no space left to write ${path}`, { cause, hint: 'free space on that disk' })
  }
  const why = cause instanceof Error ? cause.message : 'unknown error'
  const hint = 'check that the folder exists, belongs to this user and is writable'
  return new AuditError('io_failed', `cannot open or write ${path}: ${why}`, { cause, hint })
}

function errorNumber(error: unknown, name: string): number {
  const value: unknown = error instanceof Error ? Reflect.get(error, name) : undefined
  return typeof value === 'number' ? value : 0
}

function errorText(error: unknown, name: string): string {
  const value: unknown = error instanceof Error ? Reflect.get(error, name) : undefined
  return typeof value === 'string' ? value : ''
}
