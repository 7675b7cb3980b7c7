import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { backup as copyDatabase, DatabaseSync } from 'node:sqlite'
import packageJson from '../../package.json' with { type: 'json' }
import { parseCheckpoint, parseNote } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import { formatMillis } from '../domain/time.ts'
import type { Clock } from '../lib/clock.ts'
import { copyFile, copyHandle, type CopiedFile } from '../lib/copy-file.ts'
import type { Files } from '../lib/files.ts'
import type { State } from '../state/state.ts'
import type { Freezes } from '../store/freeze.ts'
import { type BackupFile, type BackupManifest, MANIFEST, MANIFEST_FORMAT } from './backup-manifest.ts'

/** What a backup is made of: of a running server, or of a folder that is held by whoever makes it. */
export interface BackupParts {
  readonly files: Files
  readonly clock: Clock
  /** The data folder, and the keys folder. */
  readonly data: string
  readonly keys: string
  readonly state: Pick<State, 'install' | 'checkpoints' | 'copyTo'>
  /** Files of the journal and how much of them is durable. */
  readonly journal: () => Promise<readonly Durable[]>
  /** Has all that is acknowledged signed. Left out: nothing signs. */
  readonly signNow?: () => Promise<void>
  /** Undefined: there are no rows here to copy. */
  readonly freezes: Freezes | undefined
  /** Keys are stored under a key-encryption key: a copy of them opens nothing by itself. */
  readonly wrapped: boolean
}

interface Durable {
  readonly path: string
  readonly sizeBytes: number
}

export interface BackupAsked {
  /** Absolute; made, and must be empty. */
  readonly to: string
  readonly withKeys: boolean
  readonly tell: (doneBytes: number, totalBytes: number) => void
  readonly signal: AbortSignal
}

const SMALL_BYTES = 4 * 1024 * 1024

/**
 * Makes a consistent copy of a data folder (docs/backup.md, The cut). Its parts are taken in the order in which they are
 * derived from each other, last first, so each part has all that those taken before it build on: rows, control state,
 * ledger, journal, keys. The manifest is written last: without one it is no backup.
 */
export async function makeBackup(parts: BackupParts, asked: BackupAsked): Promise<BackupManifest> {
  const { files, data } = parts
  await refuseFull(asked.to)
  await files.makeFolder(asked.to)
  const at = formatMillis(parts.clock.now())
  const opened = new Map<string, FileHandle>()
  try {
    // Opened before all else: what the journal lets go of in the meantime can still be read.
    await hold(opened, await parts.journal())
    const frozen = await parts.freezes?.freeze(asked.signal)
    // What was acknowledged before can be proved from the copy, too: after it these logs are never signed again.
    await parts.signNow?.()
    parts.state.copyTo(join(asked.to, 'state.db'))
    const notes = notesIn(join(asked.to, 'state.db'))
    const ledger = await ledgerNow(join(data, 'ledger'), notes)
    const journal = await parts.journal()
    await hold(opened, journal)
    // From here on nothing that changes is looked at but keys, which are durable before what they belong to.
    const copier = createCopier(files, asked)
    const rows = frozen === undefined ? [] : await filesBelow(frozen, 'engine')
    copier.expect([...ledger, ...journal, ...rows])
    await copier.made('state.db')
    for (const each of ledger) await copier.add(each.to, each)
    for (const each of journal) await copier.held(`journal/${nameOf(each.path)}`, each, opened.get(each.path))
    for (const each of rows) await copier.add(each.to, each)
    const withKeys = asked.withKeys || parts.wrapped
    if (withKeys) await copyKeys(parts, copier)
    const manifest: BackupManifest = {
      format: MANIFEST_FORMAT,
      at,
      version: packageJson.version,
      install: parts.state.install.name,
      node: parts.state.install.node,
      generation: parts.state.install.generation,
      keys: withKeys ? (parts.wrapped ? 'wrapped' : 'plain') : 'none',
      engine: frozen === undefined ? 'none' : 'embedded',
      logs: [...notes].map(([origin, note]) => ({ origin, size: sizeIn(note) })),
      files: copier.files,
    }
    await files.replace(join(asked.to, MANIFEST), Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`))
    return manifest
  } finally {
    for (const handle of opened.values()) await handle.close()
    await parts.freezes?.thaw()
  }
}

async function refuseFull(to: string): Promise<void> {
  const names = await readdir(to).catch(() => [])
  if (names.length === 0) return
  throw new AuditError('conflict', `${to} is not empty`, { hint: 'name a new folder for each backup' })
}

async function hold(opened: Map<string, FileHandle>, journal: readonly Durable[]): Promise<void> {
  for (const { path } of journal) {
    if (!opened.has(path)) opened.set(path, await open(path, 'r'))
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The newest checkpoints as the copied state has them, by origin. */
function notesIn(path: string): ReadonlyMap<string, string> {
  const database = new DatabaseSync(path)
  try {
    const rows = database.prepare('SELECT origin, note FROM checkpoints').all()
    return new Map(rows.map((row) => [String(row['origin']), String(row['note'])]))
  } finally {
    // It was copied as it is; this leaves no files beside it.
    database.exec('PRAGMA journal_mode = DELETE')
    database.close()
  }
}

function sizeIn(note: string): number {
  return parseCheckpoint(parseNote(note).text).size
}

/** A file as it is to stand in the copy: so much of it, or these bytes. */
interface Wanted extends Durable {
  readonly to: string
  readonly bytes?: Uint8Array
}

/** Append-only: a later look finds more of them, never others. */
const GROWING = /^(entries\.(gz|idx)|hashes\.\d+)$/

/** The tail of each log first: recovery cuts its other files to what the tail says is closed. */
async function ledgerNow(folder: string, notes: ReadonlyMap<string, string>): Promise<readonly Wanted[]> {
  const found = await filesBelow(folder, 'ledger')
  const tails = found.filter(({ path }) => nameOf(path) === 'entries.tail')
  const wanted: Wanted[] = []
  for (const each of tails) wanted.push(await withBytes(each))
  for (const each of found) {
    const name = nameOf(each.path)
    if (name === 'entries.tail' || name.endsWith('.tmp') || name === 'checkpoint') continue
    const isSmall = each.sizeBytes <= SMALL_BYTES && !GROWING.test(name)
    wanted.push(isSmall ? await withBytes(each) : { ...each, sizeBytes: (await stat(each.path)).size })
  }
  // What is published is what the control state of this copy says was signed.
  for (const [origin, note] of notes) {
    const bytes = Buffer.from(note)
    const to = `ledger/${origin}/checkpoint`
    wanted.push({ path: join(folder, origin, 'checkpoint'), to, sizeBytes: bytes.length, bytes })
  }
  return wanted
}

async function withBytes(each: Wanted): Promise<Wanted> {
  const handle = await open(each.path, 'r')
  try {
    const bytes = await handle.readFile()
    return { ...each, bytes, sizeBytes: bytes.length }
  } finally {
    await handle.close()
  }
}

/** All files below a folder, with where they go below `prefix`. */
async function filesBelow(folder: string, prefix: string): Promise<readonly Wanted[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const wanted: Wanted[] = []
  for (const each of found) {
    if (!each.isFile()) continue
    const path = join(each.parentPath, each.name)
    wanted.push({ path, to: `${prefix}/${relative(folder, path)}`, sizeBytes: (await stat(path)).size })
  }
  return wanted
}

async function copyKeys({ keys }: BackupParts, copier: Copier): Promise<void> {
  for (const each of await filesBelow(keys, 'keys')) {
    const name = nameOf(each.path)
    if (name === 'subjects.db') await copier.database(each.path, each.to)
    else if (!name.startsWith('subjects.db') && !name.endsWith('.tmp')) await copier.add(each.to, each)
  }
}

interface Copier {
  readonly files: BackupFile[]
  expect(wanted: readonly Durable[]): void
  /** Enters a file that stands in the copy already. */
  made(name: string): Promise<void>
  add(name: string, from: Wanted): Promise<void>
  held(name: string, from: Durable, handle: FileHandle | undefined): Promise<void>
  database(path: string, name: string): Promise<void>
}

function createCopier(files: Files, { to, tell, signal }: BackupAsked): Copier {
  const list: BackupFile[] = []
  let done = 0
  let total = 0

  function enter(name: string, { sizeBytes, sha256 }: CopiedFile): void {
    list.push({ path: name, sizeBytes, sha256 })
    done += sizeBytes
    total = Math.max(total, done)
    tell(done, total)
  }

  async function made(name: string): Promise<void> {
    const bytes = await files.read(join(to, name))
    if (bytes === undefined) throw new AuditError('io_failed', `${join(to, name)} is gone`)
    const file = await files.open(join(to, name))
    await file.sync()
    await file.close()
    enter(name, { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
  }

  return {
    files: list,
    expect: (wanted) => void (total = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, total)),
    made,
    async add(name, from) {
      if (from.bytes === undefined)
        return enter(name, await copyFile(files, from.path, join(to, name), signal, from.sizeBytes))
      await files.makeFolder(join(to, name, '..'))
      await files.replace(join(to, name), from.bytes)
      const sha256 = createHash('sha256').update(from.bytes).digest('hex')
      enter(name, { sizeBytes: from.bytes.length, sha256 })
    },
    async held(name, { path, sizeBytes }, handle) {
      if (handle === undefined) throw new AuditError('internal', `${path} was not opened`)
      enter(name, await copyHandle(files, handle, join(to, name), sizeBytes, signal))
    },
    async database(path, name) {
      await files.makeFolder(join(to, name, '..'))
      const database = new DatabaseSync(path, { timeout: 5000 })
      try {
        // In one step and so in one transaction: what others write meanwhile would make it begin again.
        await copyDatabase(database, join(to, name), { rate: 0x7fffffff })
      } finally {
        database.close()
      }
      await made(name)
    },
  }
}
