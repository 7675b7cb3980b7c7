import { createHash } from 'node:crypto'

import { TAR_END_BYTES, tarHeader, tarPadding } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import type { DurableFile, Files } from '../lib/files.ts'

/** A tar that grows member by member, with the hash of each and of the whole. */
export interface PackFile {
  /** Name, size and SHA-256 (hex) of each member so far. */
  readonly files: readonly { readonly name: string; readonly size: number; readonly sha256: string }[]
  add(name: string, content: string | Uint8Array): Promise<void>
  /** A member of which nobody knows yet how large it will be: it is put into a file of its own first. */
  addParts(name: string, parts: AsyncIterable<Uint8Array>): Promise<void>
  /** Writes the end; resolves with the SHA-256 of the whole, hex. */
  finish(): Promise<string>
  /** Lets go of the file, finished or not. */
  close(): Promise<void>
}

const MAX_BYTES = 2 ** 31
const COPY_BYTES = 1024 * 1024

/** @param mtime seconds since 1970, of every member */
export async function createPackFile(files: Files, path: string, mtime: number): Promise<PackFile> {
  const out = await files.create(path)
  const whole = createHash('sha256')
  const listed: PackFile['files'][number][] = []
  let parts = 0

  async function write(...bytes: readonly Uint8Array[]): Promise<void> {
    await appendBounded(out, bytes)
    for (const each of bytes) whole.update(each)
  }

  return {
    files: listed,
    async add(name, content) {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content
      await write(tarHeader(name, bytes.length, mtime), bytes, new Uint8Array(tarPadding(bytes.length)))
      listed.push({ name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
    },
    async addParts(name, content) {
      const spool = await files.create(`${path}.${(parts += 1)}`)
      try {
        const sha256 = createHash('sha256')
        for await (const part of content) {
          await appendBounded(spool, [part])
          sha256.update(part)
        }
        const size = spool.sizeBytes
        await write(tarHeader(name, size, mtime))
        for (let at = 0; at < size; at += COPY_BYTES) await write(await files.readRange(spool.path, at, COPY_BYTES))
        await write(new Uint8Array(tarPadding(size)))
        listed.push({ name, size, sha256: sha256.digest('hex') })
      } finally {
        await spool.close()
        await files.remove(spool.path)
      }
    },
    async finish() {
      await write(new Uint8Array(TAR_END_BYTES))
      return whole.digest('hex')
    },
    close: () => out.close(),
  }
}

async function appendBounded(file: DurableFile, parts: readonly Uint8Array[]): Promise<void> {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  if (file.sizeBytes + bytes > MAX_BYTES) {
    const hint = 'ask for a shorter range, or disclose fewer blocks'
    throw new AuditError('too_large', 'the pack would be larger than 2 GiB', { hint })
  }
  if (bytes > 0) await file.append(parts)
}
