import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type LogToVerify, parseCheckpoint, parseNote, verifyLog } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import type { Files } from '../lib/files.ts'
import { nodeCrypto } from './node-crypto.ts'

export interface StaticExport extends Pick<LogToVerify, 'vkey' | 'fetch' | 'entries'> {
  readonly files: Files
  /** Becomes the log's prefix: tiles, bundles, checkpoint. */
  readonly folder: string
  readonly tell: (entries: number, of: number) => void
}

/**
 * Writes a log as the real files of a tlog-tiles log, for a bucket or any web server, and verifies it on the way. A file
 * that is there is read instead of fetched, so a second run goes on where the first one ended. The checkpoint is written
 * last: whoever reads the folder meanwhile finds all that the one before it needs. Throws VerifyError for a log, or a file
 * of an earlier run, that is wrong, and `conflict` for the folder of another log.
 */
export async function exportStatic({ files, folder, vkey, fetch, entries, tell }: StaticExport): Promise<number> {
  const known = await files.read(`${folder}/log.vkey`)
  if (known !== undefined && Buffer.from(known).toString() !== `${vkey}\n`)
    throw new AuditError('conflict', `${folder} holds another log`, { hint: 'name another folder' })
  // Frozen, while the log grows on.
  const checkpoint = await fetch('checkpoint')
  const size = sizeIn(checkpoint)

  async function through(path: string): Promise<Uint8Array> {
    if (path === 'checkpoint') return checkpoint
    const found = CHANGES.has(path) ? undefined : await files.read(`${folder}/${path}`)
    if (found !== undefined) return found
    const bytes = await fetch(path)
    await write(path, bytes)
    return bytes
  }

  /** Whole or not at all, and durable. */
  async function write(path: string, bytes: Uint8Array): Promise<void> {
    // Not `makeFolder`: what is exported is for others to read.
    await mkdir(dirname(`${folder}/${path}`), { recursive: true })
    await files.replace(`${folder}/${path}`, bytes)
  }

  for await (const { entries: done } of verifyLog(nodeCrypto, { vkey, entries, fetch: through })) tell(done, size)
  const cosigned = await fetch('checkpoint.cosigned').catch((error: unknown) => {
    if (error instanceof AuditError && error.code === 'not_found') return undefined
    throw error
  })
  if (cosigned !== undefined && sizeIn(cosigned) <= size) {
    // Its tree ends in partial tiles of its own, which nobody has looked at yet.
    const log: LogToVerify = {
      vkey,
      entries,
      checkpoint: 'checkpoint.cosigned',
      fetch: async (path) => (path === 'checkpoint.cosigned' ? cosigned : through(path)),
    }
    for await (const { entries: done } of verifyLog(nodeCrypto, log)) tell(done, size)
    await write('checkpoint.cosigned', cosigned)
  }
  await write('checkpoint', checkpoint)
  return size
}

const CHANGES = new Set(['log.json', 'log.vkey'])

function sizeIn(checkpoint: Uint8Array): number {
  return parseCheckpoint(parseNote(Buffer.from(checkpoint).toString()).text).size
}
