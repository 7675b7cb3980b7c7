import { promisify } from 'node:util'
import { crc32, gunzip } from 'node:zlib'
import { MAX_ENTRY_BYTES, TILE_WIDTH } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import type { DurableFile, Files } from '../lib/files.ts'

/**
 * One log's files (docs/decisions/ledger-files.md):
 *
 * - `entries.gz`: each closed bundle as one gzip member.
 * - `entries.idx`: per closed bundle u64le where its member ends in `entries.gz`, u32le CRC-32 of the member.
 * - `entries.tail`: u64le index of its first entry, then the open bundle as `u16be length || leaf`.
 * - `hashes.1`, `hashes.2` …: nodes over 256, 256² … leaves, 32 bytes each. `hashes.0` is the hash of the entries: not stored.
 */
export interface LogFiles {
  readonly folder: string
  /** Makes a batch durable. After it threw, nobody knows what is on the disk: reopen. */
  write(batch: LogBatch): Promise<void>
  /** Where a closed bundle's member ends in `entries.gz`. */
  endOf(index: number): Promise<number>
  /** A closed bundle's gzip member, checked against its CRC. Throws `damaged`. */
  member(index: number): Promise<Uint8Array>
  /** A closed bundle's bytes. Throws `damaged`. */
  closedBundle(index: number): Promise<Uint8Array>
  /** Bytes of a bundle that was open when the caller looked: as many as are written. Throws `damaged`. */
  openBundle(index: number): Promise<Uint8Array>
  /** `count` hashes of `hashes.<level>`, level 1 and up. Throws `damaged`. */
  hashes(level: number, first: number, count: number): Promise<Uint8Array>
  /** Closes what is open; the next write opens it again. */
  release(): Promise<void>
}

interface LogBatch {
  /** Bundles that this batch closes, as gzip members. */
  readonly members: readonly Uint8Array[]
  /** New hashes by level: the first list goes to `hashes.1`. */
  readonly hashes: readonly (readonly Uint8Array[])[]
  /** Index of the open bundle's first entry. */
  readonly openFirst: number
  /** Framed entries: when the batch closes a bundle, all of the open one; else those to add to it. */
  readonly open: readonly Uint8Array[]
}

export const INDEX_RECORD_BYTES = 12
export const TAIL_HEADER_BYTES = 8
const MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
const inflate = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip)

export function createLogFiles(files: Files, folder: string): LogFiles {
  const opened = new Map<string, DurableFile>()
  const tail = `${folder}/entries.tail`

  async function appending(name: string): Promise<DurableFile> {
    const known = opened.get(name)
    if (known !== undefined) return known
    const path = `${folder}/${name}`
    const exists = (await files.size(path)) !== undefined
    const file = exists ? await files.open(path) : await files.create(path)
    opened.set(name, file)
    // Before anything is promised to stand in it: without its name in the folder the content would be lost with it.
    if (!exists) await files.syncFolder(folder)
    return file
  }

  async function append(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const file = await appending(name)
    await file.append(parts)
    await file.sync()
  }

  async function closeBundles(batch: LogBatch): Promise<void> {
    // The old tail says until the end which bundles are closed: after a crash in here recovery cuts all files to that.
    const records = indexRecords(batch.members, (await appending('entries.gz')).sizeBytes)
    await append('entries.gz', batch.members)
    await append('entries.idx', records)
    for (const [i, hashes] of batch.hashes.entries()) if (hashes.length > 0) await append(`hashes.${i + 1}`, hashes)
    await opened.get('entries.tail')?.close()
    opened.delete('entries.tail')
    // The new tail says that all of the above is synced. A crash leaves the old one or this one.
    await files.replace(tail, Buffer.concat([tailHeader(batch.openFirst), ...batch.open]))
  }

  async function recordOf(index: number): Promise<{ from: number; to: number; crc: number }> {
    const before = index === 0 ? 0 : INDEX_RECORD_BYTES
    const start = index * INDEX_RECORD_BYTES - before
    const bytes = await files.readRange(`${folder}/entries.idx`, start, before + INDEX_RECORD_BYTES)
    if (bytes.length < before + INDEX_RECORD_BYTES) throw damaged(`${folder}/entries.idx`, `it lacks bundle ${index}`)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const from = index === 0 ? 0 : Number(view.getBigUint64(0, true))
    return { from, to: Number(view.getBigUint64(before, true)), crc: view.getUint32(before + 8, true) }
  }

  async function member(index: number): Promise<Uint8Array> {
    const { from, to, crc } = await recordOf(index)
    const sound = Number.isSafeInteger(from) && to > from && to - from <= 2 * MAX_BUNDLE_BYTES
    const bytes = sound ? await files.readRange(`${folder}/entries.gz`, from, to - from) : new Uint8Array(0)
    if (sound && bytes.length === to - from && crc32(bytes) === crc) return bytes
    throw damaged(`${folder}/entries.gz`, `bundle ${index} is not what entries.idx says`)
  }

  async function closedBundle(index: number): Promise<Uint8Array> {
    const bytes = await member(index)
    return inflate(bytes, { maxOutputLength: MAX_BUNDLE_BYTES }).catch((cause: unknown) => {
      throw damaged(`${folder}/entries.gz`, `bundle ${index} cannot be inflated`, cause)
    })
  }

  return {
    folder,
    async write(batch) {
      if (batch.members.length > 0) return closeBundles(batch)
      if (batch.open.length === 0) return
      const isNew = (await files.size(tail)) === undefined
      if (isNew) return files.replace(tail, Buffer.concat([tailHeader(batch.openFirst), ...batch.open]))
      // A crash here leaves some of the new entries, perhaps the last one torn: recovery cuts that one off.
      await append('entries.tail', batch.open)
    },
    endOf: async (index) => (await recordOf(index)).to,
    member,
    closedBundle,
    async openBundle(index) {
      const bytes = await files.read(tail)
      // The tail is replaced after the bundle was closed, so what is not in it any more is in `entries.gz`.
      if (bytes === undefined || bytes.length < TAIL_HEADER_BYTES) return closedBundle(index)
      if (firstOfTail(bytes) !== index * TILE_WIDTH) return closedBundle(index)
      return bytes.subarray(TAIL_HEADER_BYTES)
    },
    async hashes(level, first, count) {
      const path = `${folder}/hashes.${level}`
      const bytes = await files.readRange(path, first * 32, count * 32)
      if (bytes.length === count * 32) return bytes
      throw damaged(path, `it lacks hashes ${first} to ${first + count}`)
    },
    async release() {
      for (const file of opened.values()) await file.close()
      opened.clear()
    },
  }
}

export function tailHeader(first: number): Uint8Array {
  const bytes = Buffer.alloc(TAIL_HEADER_BYTES)
  bytes.writeBigUInt64LE(BigInt(first))
  return bytes
}

/** Index of the first entry in a tail's bytes. */
export function firstOfTail(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
}

export function damaged(path: string, why: string, cause?: unknown): AuditError {
  const hint = 'stop the server and put this log’s folder back from a backup; `whodid verify` names all that is wrong'
  return new AuditError('damaged', `${path} is damaged: ${why}`, cause === undefined ? { hint } : { hint, cause })
}

function indexRecords(members: readonly Uint8Array[], start: number): readonly Uint8Array[] {
  let end = start
  return members.map((bytes) => {
    end += bytes.length
    const record = Buffer.alloc(INDEX_RECORD_BYTES)
    record.writeBigUInt64LE(BigInt(end))
    record.writeUInt32LE(crc32(bytes), 8)
    return record
  })
}
