import { randomInt } from 'node:crypto'
import { basename, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { AuditError } from '../domain/errors.ts'
import type { Files } from '../lib/files.ts'

/** One file of the journal, as the process knows it. */
export interface JournalFile {
  readonly path: string
  readonly firstFrame: number
  readonly firstFeed: number
  /** Milliseconds since 1970 when it was begun: no frame of the file before it is younger. */
  readonly createdMs: number
  /**
   * Random, begins every frame of this file. Nobody outside knows it, so no text that somebody sends us can pass for a
   * frame when recovery looks for frames behind a bad one.
   */
  readonly mark: number
  readonly headerBytes: number
  /** Bytes of it that are synced, and may be read. */
  durableBytes: number
}

export type FileStart = Pick<JournalFile, 'firstFrame' | 'firstFeed' | 'createdMs'>

/**
 * Makes a file that holds only its header: `WDJ1 | version u32 | first frame u64 | first feed u64 | created u64 | mark u32 |
 * bytes of install u32 | install | crc32 u32`. It is there whole or not at all, so a broken header is always damage.
 */
export async function createJournalFile(
  files: Files,
  folder: string,
  install: string,
  start: FileStart,
): Promise<JournalFile> {
  const path = join(folder, nameOf(start.firstFrame))
  const mark = randomInt(1, 2 ** 32)
  const header = encodeHeader(install, { ...start, mark })
  await files.replace(path, header)
  return { ...start, path, mark, headerBytes: header.length, durableBytes: header.length }
}

/**
 * Reads a file's header. Throws `damaged`, `unsupported_version`, or `invalid_config` for the journal of another install.
 * `durableBytes` is the file's size: true for all files but the last.
 */
export async function openJournalFile(files: Files, path: string, install: string): Promise<JournalFile> {
  const bytes = Buffer.from(await files.readRange(path, 0, MAX_HEADER_BYTES))
  if (bytes.length < FIXED_BYTES + 4 || bytes.toString('latin1', 0, 4) !== MAGIC) throw damaged(path)
  checkVersion(path, bytes.readUInt32LE(4))
  const end = FIXED_BYTES + bytes.readUInt32LE(36)
  if (end + 4 > bytes.length || crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) throw damaged(path)
  const owner = bytes.toString('utf8', FIXED_BYTES, end)
  if (owner !== install) throw foreign(path, owner, install)
  const firstFrame = Number(bytes.readBigUInt64LE(8))
  if (nameOf(firstFrame) !== basename(path)) throw damaged(path)
  return {
    path,
    firstFrame,
    firstFeed: Number(bytes.readBigUInt64LE(16)),
    createdMs: Number(bytes.readBigUInt64LE(24)),
    mark: bytes.readUInt32LE(32),
    headerBytes: end + 4,
    durableBytes: (await files.size(path)) ?? 0,
  }
}

export const FILE_NAME = /^[0-9a-f]{16}\.wdj$/

const MAGIC = 'WDJ1'
const VERSION = 1
const FIXED_BYTES = 40
const MAX_HEADER_BYTES = 1024

function nameOf(firstFrame: number): string {
  return `${firstFrame.toString(16).padStart(16, '0')}.wdj`
}

function encodeHeader(install: string, start: FileStart & { readonly mark: number }): Uint8Array {
  const name = Buffer.from(install)
  const end = FIXED_BYTES + name.length
  const header = Buffer.alloc(end + 4)
  header.write(MAGIC, 0, 'latin1')
  header.writeUInt32LE(VERSION, 4)
  header.writeBigUInt64LE(BigInt(start.firstFrame), 8)
  header.writeBigUInt64LE(BigInt(start.firstFeed), 16)
  header.writeBigUInt64LE(BigInt(start.createdMs), 24)
  header.writeUInt32LE(start.mark, 32)
  header.writeUInt32LE(name.length, 36)
  name.copy(header, FIXED_BYTES)
  header.writeUInt32LE(crc32(header.subarray(0, end)), end)
  return header
}

function checkVersion(path: string, version: number): void {
  if (version === VERSION) return
  const hint = `start the whodid that wrote it, or a newer one; this one reads version ${VERSION}`
  throw new AuditError('unsupported_version', `journal file ${path} is of version ${version}`, { hint })
}

function damaged(path: string): AuditError {
  const hint = 'restore this file from a backup; keep a copy of the damaged one'
  return new AuditError('damaged', `journal file ${path} is damaged at byte 0: its header is broken`, { hint })
}

function foreign(path: string, owner: string, install: string): AuditError {
  const hint = `set install: ${owner}, or name another data folder`
  return new AuditError('invalid_config', `journal file ${path} belongs to install ${owner}, not ${install}`, { hint })
}
