import type { SignedCheckpoint } from '../../verify/index.ts'
import { equalBytes, openCheckpoint, parseCheckpoint, parseNote, parseVerifierKey } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import { isRootOrigin } from '../domain/sealed.ts'
import { checkDescription } from './describe-log.ts'
import { createLogFiles, damaged } from './log-files.ts'
import type { LogKey } from './log-keys.ts'
import type { Log } from './log.ts'
import { createLog } from './log.ts'
import { minimumIndexOf, openPruned } from './prune.ts'
import { nodeCrypto } from './node-crypto.ts'
import { findDamage, recoverLog } from './recover-log.ts'
import { readRootEntry } from './root-log.ts'
import { sha256 } from './sha256.ts'
import type { LedgerDeps, Published, SigningLog } from './signing-log.ts'
import { folderOf, signedNote } from './signing-log.ts'

/** Opens a log that has a folder, and checks it against the last checkpoint that was signed. See `openLedger`. */
export async function openLog(deps: LedgerDeps, origin: string, signed: Published | undefined): Promise<SigningLog> {
  const minimumIndex = await minimumIndexOf(deps, origin)
  if (minimumIndex > 0) return openPruned(deps, origin, signed, minimumIndex)
  const folder = folderOf(deps, origin)
  const logFiles = createLogFiles(deps.files, folder)
  const recovered = await recoverLog(deps.files, logFiles, signed?.size ?? 0, entryTest(origin))
  const log = createLog(origin, logFiles, recovered)
  const key = await deps.keys.find(origin)
  if (key === undefined && (recovered.size > 0 || signed !== undefined)) {
    const hint = 'put it back from a backup of the keys folder'
    throw new AuditError('damaged', `the key of log ${origin} is gone, but it has ${recovered.size} leaves`, { hint })
  }
  if (key !== undefined && recovered.size > 0) await checkDescription(deps, origin, key)
  if (signed !== undefined && key !== undefined)
    await checkSigned(deps, log, key, signed, () => findDamage(logFiles, signed.size))
  return { log, key, published: signed && { size: signed.size, note: signed.note } }
}

/** Undefined: entries are leaves. */
function entryTest(origin: string): ((entry: Uint8Array) => boolean) | undefined {
  return isRootOrigin(origin) ? (entry) => readRootEntry(entry) !== undefined : undefined
}

/** What was signed must follow from the files, and the published file is put right if a crash kept it from being written. */
async function checkSigned(
  deps: LedgerDeps,
  log: Log,
  key: LogKey,
  signed: Published,
  findFault: () => Promise<never>,
): Promise<void> {
  const folder = folderOf(deps, log.origin)
  const checkpoint = await checkpointOf(log, key, signed.note)
  if (!equalBytes(await log.root(signed.size), checkpoint.root)) await findFault()
  const published = await deps.files.read(`${folder}/checkpoint`)
  if (published !== undefined && equalBytes(published, Buffer.from(signed.note))) return
  if (published !== undefined && !(await isOurs(log, key, published, signed.size))) {
    throw damaged(`${folder}/checkpoint`, 'it is no checkpoint that was signed for this log')
  }
  await deps.files.replace(`${folder}/checkpoint`, Buffer.from(signed.note))
}

/** What was signed must be, or a good file would be blamed for it. */
async function checkpointOf(log: Log, key: LogKey, note: string): Promise<SignedCheckpoint> {
  try {
    return await openCheckpoint(nodeCrypto, note, parseVerifierKey(sha256, key.vkey))
  } catch (cause) {
    const hint = 'put state.db back from a backup'
    throw new AuditError(
      'damaged',
      `state.db is damaged: its checkpoint of log ${log.origin} is none that its key signed`,
      {
        hint,
        cause,
      },
    )
  }
}

/** Whether a note is what this log's key signs for some size below: then a crash came between signing and publishing. */
async function isOurs(log: Log, key: LogKey, note: Uint8Array, below: number): Promise<boolean> {
  const text = Buffer.from(note).toString()
  const size = sizeIn(text)
  // Outside of any catch: a disk that cannot be read is no damaged checkpoint.
  return size !== undefined && size < below && (await signedNote(log, key, size)) === text
}

function sizeIn(note: string): number | undefined {
  try {
    return parseCheckpoint(parseNote(note).text).size
  } catch {
    return undefined
  }
}
