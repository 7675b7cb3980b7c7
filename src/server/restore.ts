import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AuditError } from '../domain/errors.ts'
import { openLedger } from '../ledger/ledger.ts'
import { openLogKeys } from '../ledger/log-keys.ts'
import type { Clock } from '../lib/clock.ts'
import { copyFile } from '../lib/copy-file.ts'
import type { Files } from '../lib/files.ts'
import { openState, type State } from '../state/state.ts'
import { openStore } from '../store/store.ts'
import { type BackupFile, type BackupManifest, readManifest } from './backup-manifest.ts'

export interface RestoreAsked {
  readonly files: Files
  readonly clock: Clock
  readonly from: string
  /** Absolute; made, and must be empty. */
  readonly data: string
  /** A keys folder, where the backup holds none. */
  readonly keys?: string
  readonly tell: (doneBytes: number, totalBytes: number) => void
  readonly log: (message: string) => void
  readonly signal: AbortSignal
}

export interface RestoreMade {
  readonly manifest: BackupManifest
  /** In the store; undefined: the backup has none. */
  readonly rows?: number
  /** Logs whose files lead to their last checkpoint; undefined: without keys that is checked at the first start. */
  readonly logs?: number
}

/**
 * Puts a backup into a new data folder (docs/backup.md, Restore). Every hash is checked on the way, then every log against
 * its last checkpoint. The first start goes on with new logs. What ends half way is refused by every start until it is
 * removed.
 *
 * Throws `not_verified` for a file that is not what the manifest says, `damaged`, `conflict` for a folder that is not empty.
 */
export async function restoreBackup(asked: RestoreAsked): Promise<RestoreMade> {
  const { files, data, from } = asked
  const manifest = await readManifest(files, from)
  if ((await readdir(data).catch(() => [])).length > 0) {
    throw new AuditError('conflict', `${data} is not empty`, { hint: 'restore into a new folder' })
  }
  const keys = manifest.keys === 'none' ? asked.keys : join(data, 'keys')
  await copyAll(asked, manifest)
  const state = openState({ folder: data, clock: asked.clock, unfinished: true })
  try {
    const logs = keys === undefined ? undefined : await checkLogs(asked, state, keys)
    const rows = manifest.engine === 'none' ? undefined : await attachRows(asked)
    // From here on it can be started.
    state.markRestored({ backup: manifest.at })
    return { manifest, ...(rows !== undefined && { rows }), ...(logs !== undefined && { logs }) }
  } finally {
    state.close()
  }
}

/** The control state first, and marked: a start in between is refused. */
async function copyAll(asked: RestoreAsked, { files: list, at }: BackupManifest): Promise<void> {
  const { files, data, from, signal, tell } = asked
  const total = list.reduce((sum, each) => sum + each.sizeBytes, 0)
  let done = 0
  const copy = async (each: BackupFile, to: string): Promise<void> => {
    const copied = await copyFile(files, join(from, each.path), to, signal)
    if (copied.sizeBytes !== each.sizeBytes || copied.sha256 !== each.sha256) {
      throw new AuditError('not_verified', `${join(from, each.path)} is not the file that was backed up`, {
        hint: 'take another backup; the folder that was begun cannot be started: remove it',
      })
    }
    done += copied.sizeBytes
    tell(done, total)
  }
  const control = list.find(({ path }) => path === 'state.db')
  if (control === undefined) throw new AuditError('damaged', `the manifest of ${from} names no state.db`)
  const making = join(data, 'restoring')
  await copy(control, join(making, 'state.db'))
  const marked = openState({ folder: making, clock: asked.clock, unfinished: true })
  marked.markRestored({ backup: at, unfinished: true })
  marked.close()
  await rename(join(making, 'state.db'), join(data, 'state.db'))
  await rm(making, { recursive: true })
  await files.syncFolder(data)
  for (const each of list) {
    if (each !== control) await copy(each, join(data, placeOf(each.path)))
  }
  for (const folder of new Set(list.map(({ path }) => join(data, placeOf(path), '..')))) await files.syncFolder(folder)
}

/** Rows wait beside the engine's folder until it takes them in. */
function placeOf(path: string): string {
  return path.replace(/^engine\//, 'engine-rows/')
}

/** Opens every log as a start does: its files must lead to the checkpoint that was signed. */
async function checkLogs({ files, data }: RestoreAsked, state: State, keys: string): Promise<number> {
  const logKeys = await openLogKeys(files, join(keys, 'logs'))
  const ledger = await openLedger({
    files,
    folder: join(data, 'ledger'),
    keys: logKeys,
    checkpoints: state.checkpoints,
  })
  await ledger.stop()
  return state.checkpoints.all().length
}

async function attachRows({ data, log, signal }: RestoreAsked): Promise<number> {
  const store = openStore({ folder: join(data, 'engine'), log })
  try {
    await store.ready
    const rows = await store.freezes.attach(join(data, 'engine-rows'), signal)
    await rm(join(data, 'engine-rows'), { recursive: true, force: true })
    return rows
  } finally {
    await store.close()
  }
}
