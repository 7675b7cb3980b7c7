import { join } from 'node:path'
import { openDedupeKey } from '../ledger/dedupe-key.ts'
import { type LogKey, type LogKeys, openLogKeys } from '../ledger/log-keys.ts'
import { openSubjectKeys, type SubjectKeys } from '../ledger/subject-keys.ts'
import type { Files } from '../lib/files.ts'

/** Every key of an install. They lie together, so that they can lie elsewhere than the data (`keys.path`). */
export interface Keys {
  readonly dedupe: Uint8Array
  readonly subjects: SubjectKeys
  readonly logs: LogKeys
  /** Verifier key of a log; its signing key is made when it has none. */
  vkey(origin: string): Promise<string>
  close(): void
}

/** @param mayCreate there is no event yet, so a missing key was never made; else it was lost, and is refused. */
export async function openKeys(files: Files, folder: string, mayCreate: boolean): Promise<Keys> {
  const dedupe = await openDedupeKey(files, folder, mayCreate)
  const subjects = await openSubjectKeys(files, folder, mayCreate)
  const stored = await openLogKeys(files, join(folder, 'logs'))
  const wanted = new Map<string, Promise<LogKey>>()

  // Asked for by the log's first leaf and by its first checkpoint, perhaps at once: made once.
  function ensure(origin: string): Promise<LogKey> {
    const known = wanted.get(origin) ?? stored.find(origin).then((found) => found ?? stored.create(origin))
    wanted.set(origin, known)
    return known
  }

  return {
    dedupe,
    subjects,
    logs: { find: (origin) => wanted.get(origin) ?? stored.find(origin), create: ensure },
    vkey: async (origin) => (await ensure(origin)).vkey,
    close: () => subjects.close(),
  }
}
