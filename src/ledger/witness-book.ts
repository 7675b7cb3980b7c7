import { DatabaseSync } from 'node:sqlite'
import { AuditError } from '../domain/errors.ts'
import type { Files } from '../lib/files.ts'

/** What a witness signed last, by origin. Losing it means that it could sign a second history. */
export interface WitnessBook {
  last(origin: string): SeenCheckpoint | undefined
  /** One commit, durable when it returns: only then may the signature be handed out. */
  save(origin: string, seen: SeenCheckpoint): void
  close(): void
}

interface SeenCheckpoint {
  readonly size: number
  readonly root: Uint8Array
  /** The checkpoint with the log's signature and ours. */
  readonly note: string
}

const VERSION = 1

/** Makes the empty book of a new witness. One that is there already is left as it is. */
export async function createWitnessBook(files: Files, folder: string): Promise<void> {
  await files.makeFolder(folder)
  openDatabase(bookPath(folder)).close()
  // Before there is a key: a witness with a key and without a book has lost it.
  await files.syncFolder(folder)
}

/** Throws `damaged` when it is not there, `locked` when another process has it. */
export async function openWitnessBook(files: Files, folder: string): Promise<WitnessBook> {
  const path = bookPath(folder)
  if ((await files.size(path)) === undefined) {
    const hint =
      'put it back as it was when the witness last ran; else make a new witness with another key, in another folder'
    throw new AuditError('damaged', `${path} is gone: this witness does not know any more what it has signed`, { hint })
  }
  const database = openDatabase(path)
  const select = database.prepare('SELECT size, root, note FROM checkpoints WHERE origin = ?')
  const upsert = database.prepare(
    'INSERT INTO checkpoints (origin, size, root, note) VALUES (?, ?, ?, ?) ' +
      'ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note',
  )
  return {
    last(origin) {
      const row = select.get(origin)
      if (row === undefined) return undefined
      // The column is a BLOB of a STRICT table.
      return { size: Number(row['size']), root: row['root'] as Uint8Array, note: String(row['note']) }
    },
    save: (origin, { size, root, note }) => void upsert.run(origin, size, root, note),
    close: () => database.close(),
  }
}

function bookPath(folder: string): string {
  return `${folder}/witness.db`
}

function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    // The lock keeps a second process on this folder from signing beside us.
    database.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL')
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    if (version > VERSION) throw new AuditError('unsupported_version', `${path} was written by a newer whodid`)
    database.exec(
      'CREATE TABLE IF NOT EXISTS checkpoints (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, ' +
        `note TEXT NOT NULL) STRICT; PRAGMA user_version=${VERSION}`,
    )
    return database
  } catch (cause) {
    database?.close()
    if (cause instanceof AuditError) throw cause
    const isBusy = cause instanceof Error && /locked|busy/.test(cause.message)
    if (isBusy) throw new AuditError('locked', `${path} is in use by another process`, { cause })
    throw new AuditError('damaged', `${path} is no database of a witness, or is damaged`, {
      cause,
      hint: 'put it back as it was when the witness last ran',
    })
  }
}
