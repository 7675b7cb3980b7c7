import { constants } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { AuditError } from '../domain/errors.ts'
import type { DurableFile, Files } from './files.ts'
import { replaceFile } from './replace-file.ts'

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants

/** `Files` on the disk of this machine. */
export const realFiles: Files = {
  create: (path) => openDurable(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW),
  open: (path) => openDurable(path, O_RDWR | O_APPEND | O_NOFOLLOW),
  read: (path) => named(path, 'read', () => unlessMissing(readFile(path))),
  readRange: (path, from, length) => named(path, 'read', () => readRange(path, from, length)),
  replace: (path, bytes) => replaceFile(realFiles, path, bytes),
  rename: (from, to) => named(from, 'rename', () => rename(from, to)),
  remove: (path) => named(path, 'remove', () => rm(path, { force: true })),
  makeFolder: (path) => named(path, 'make folder', () => makeFolder(resolve(path))),
  syncFolder: (path) => named(path, 'sync folder', () => syncFolder(path)),
  list: (folder) => named(folder, 'list', async () => ((await unlessMissing(readdir(folder))) ?? []).toSorted()),
  size: (path) => named(path, 'stat', async () => (await unlessMissing(stat(path)))?.size),
}

/** What the operating system said, in our words: `disk_full` for ENOSPC and EDQUOT, `io_failed` for all else. */
export function fileError(path: string, what: string, cause: unknown): AuditError {
  const errno = errnoOf(cause)
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    const hint = 'free space on this disk, or raise the quota; what was acknowledged is kept'
    return new AuditError('disk_full', `cannot ${what} ${path}: the disk is full (${errno})`, { hint, cause })
  }
  const hint = HINTS.get(errno)
  const message = `cannot ${what} ${path}: ${errno}`
  return new AuditError('io_failed', message, hint === undefined ? { cause } : { hint, cause })
}

const HINTS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'check owner and mode: the server needs to read and write its data folder'],
  ['EPERM', 'check owner and mode: the server needs to read and write its data folder'],
  ['EROFS', 'the file system is mounted read-only: mount it for writing, or name another data folder'],
  ['EIO', 'the disk reported an error: look at the kernel log, then start again; recovery uses what is durable'],
  ['EMFILE', 'too many open files: raise the limit (ulimit -n)'],
  ['ENFILE', 'too many open files on this machine'],
  ['EEXIST', 'something else made this file: is the folder used by another process?'],
  ['ENOENT', 'a file or folder is missing: was the data folder moved or cleaned while the server ran?'],
  ['ELOOP', 'this path is a symbolic link, which is not followed here'],
])

function errnoOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return 'unknown error'
}

async function named<T>(path: string, what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    throw fileError(path, what, cause)
  }
}

async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined
    throw cause
  }
}

async function openDurable(path: string, flags: number): Promise<DurableFile> {
  return await named(path, 'open', async () => {
    const handle = await open(path, flags, 0o600)
    try {
      return durableFile(path, handle, (await handle.stat()).size)
    } catch (cause) {
      await handle.close()
      throw cause
    }
  })
}

function durableFile(path: string, handle: FileHandle, size: number): DurableFile {
  let sizeBytes = size
  return {
    path,
    get sizeBytes() {
      return sizeBytes
    },
    append: (parts) =>
      named(path, 'write', async () => {
        await writeAll(handle, parts)
        for (const part of parts) sizeBytes += part.length
      }),
    sync: () => named(path, 'sync', () => handle.datasync()),
    truncate: (to) =>
      named(path, 'truncate', async () => {
        await handle.truncate(to)
        sizeBytes = to
      }),
    close: () => named(path, 'close', () => handle.close()),
  }
}

/** writev may take less than it was given (a signal, a nearly full disk): go on behind what it took. */
async function writeAll(handle: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts.filter((part) => part.length > 0)
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest)
    rest = skip(rest, bytesWritten)
  }
}

function skip(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes
  const first = parts.findIndex((part) => {
    if (part.length > left) return true
    left -= part.length
    return false
  })
  return first < 0 ? [] : parts.slice(first).map((part, n) => (n === 0 ? part.subarray(left) : part))
}

async function readRange(path: string, from: number, length: number): Promise<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, (await handle.stat()).size - from)))
    let filled = 0
    while (filled < bytes.length) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, from + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  } finally {
    await handle.close()
  }
}

/** The parent is synced also for a folder that exists: who made it may have been killed just before its own sync. */
async function makeFolder(path: string): Promise<void> {
  const parent = dirname(path)
  if (parent === path) return
  if ((await unlessMissing(stat(path))) === undefined) {
    await makeFolder(parent)
    await mkdir(path, { recursive: true, mode: 0o700 })
  }
  await syncFolder(parent)
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
