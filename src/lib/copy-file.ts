import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Files } from './files.ts'
import { fileError } from './real-files.ts'

export interface CopiedFile {
  readonly sizeBytes: number
  /** Hex. */
  readonly sha256: string
}

const PIECE_BYTES = 1024 * 1024

/**
 * Copies the first `sizeBytes` of an open file to a new one, durably. Fewer come where the file ends before. Throws
 * `io_failed`, `disk_full`, what `signal` says.
 */
export async function copyHandle(
  files: Files,
  from: FileHandle,
  to: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<CopiedFile> {
  await files.makeFolder(dirname(to))
  const target = await files.create(to)
  const hash = createHash('sha256')
  let at = 0
  try {
    while (at < sizeBytes) {
      signal.throwIfAborted()
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, sizeBytes - at))
      const { bytesRead } = await from.read(piece, 0, piece.length, at)
      if (bytesRead === 0) break
      const bytes = piece.subarray(0, bytesRead)
      hash.update(bytes)
      await target.append([bytes])
      at += bytesRead
    }
    await target.sync()
  } finally {
    await target.close()
  }
  return { sizeBytes: at, sha256: hash.digest('hex') }
}

/** The same, of a file by its path; all of it unless told. */
export async function copyFile(
  files: Files,
  from: string,
  to: string,
  signal: AbortSignal,
  sizeBytes = Number.MAX_SAFE_INTEGER,
): Promise<CopiedFile> {
  const handle = await openNamed(from)
  try {
    return await copyHandle(files, handle, to, sizeBytes, signal)
  } finally {
    await handle.close()
  }
}

async function openNamed(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    throw fileError(path, 'open', cause)
  }
}
