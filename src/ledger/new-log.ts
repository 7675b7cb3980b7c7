import { describeLog } from './describe-log.ts'
import { createLogFiles } from './log-files.ts'
import type { Log } from './log.ts'
import { createLog } from './log.ts'
import type { LedgerDeps, SigningLog } from './signing-log.ts'
import { folderOf } from './signing-log.ts'

/** A log without leaves; nothing is on the disk before its first flush. */
export function newLog(deps: LedgerDeps, origin: string): Log {
  const empty = { size: 0, open: [], tail: [], lastLeaf: undefined }
  return createLog(origin, createLogFiles(deps.files, folderOf(deps, origin)), empty)
}

/** Makes durable what was appended; of a new log first its key and its description. */
export async function flushLog(deps: LedgerDeps, each: SigningLog): Promise<void> {
  const { origin } = each.log
  // A crash after each of these leaves a key or a folder without leaves, which the next start takes up.
  each.key ??= (await deps.keys.find(origin)) ?? (await deps.keys.create(origin))
  if (each.log.flushed === 0) await describeLog(deps, origin, each.key)
  await each.log.flush()
}
