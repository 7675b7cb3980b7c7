import { equalBytes, formatLogDescription } from '../../verify/index.ts'
import { damaged } from './log-files.ts'
import type { LogKey } from './log-keys.ts'
import type { LedgerDeps } from './signing-log.ts'
import { folderOf } from './signing-log.ts'

/**
 * Makes a log's folder with `log.vkey` and `log.json`: what everyone needs to check it.
 *
 * @param minimumIndex its first entry that is still there; its size once it was pruned.
 */
export async function describeLog(deps: LedgerDeps, origin: string, key: LogKey, minimumIndex = 0): Promise<void> {
  const folder = folderOf(deps, origin)
  await deps.files.makeFolder(folder)
  await deps.files.replace(`${folder}/log.vkey`, Buffer.from(`${key.vkey}\n`))
  await deps.files.replace(`${folder}/log.json`, Buffer.from(formatLogDescription(key.vkey, minimumIndex)))
}

/** Throws `damaged` when one of them is not what the log's key makes it. */
export async function checkDescription(deps: LedgerDeps, origin: string, key: LogKey, minimumIndex = 0): Promise<void> {
  const folder = folderOf(deps, origin)
  const expected = { 'log.vkey': `${key.vkey}\n`, 'log.json': formatLogDescription(key.vkey, minimumIndex) }
  for (const [name, content] of Object.entries(expected)) {
    const found = await deps.files.read(`${folder}/${name}`)
    if (found !== undefined && equalBytes(found, Buffer.from(content))) continue
    throw damaged(`${folder}/${name}`, `it is not that of log ${origin}`)
  }
}
