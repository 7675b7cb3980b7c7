import { randomBytes } from 'node:crypto'
import { AuditError } from '../domain/errors.ts'
import type { Files } from '../lib/files.ts'

/**
 * The 32 bytes that turn natural ids into event ids, made at the first start and durable when this resolves.
 * Without them every repeated record would be a new event, so a lost key is refused (`damaged`) unless `mayCreate`.
 */
export async function openDedupeKey(files: Files, folder: string, mayCreate: boolean): Promise<Uint8Array> {
  const path = `${folder}/dedupe.key`
  const found = await files.read(path)
  const hint = 'put it back from a backup of the keys folder'
  if (found?.length === 32) {
    // Who made it may have been killed before the folder was synced: it must not be used before it is durable.
    await files.syncFolder(folder)
    return found
  }
  if (found !== undefined) throw new AuditError('damaged', `${path} has ${found.length} bytes, not 32`, { hint })
  if (!mayCreate) throw new AuditError('damaged', `${path} is gone, but there are events whose ids it made`, { hint })
  const key = randomBytes(32)
  await files.makeFolder(folder)
  await files.replace(path, key)
  return key
}
