import {
  equalBytes,
  foldHashes,
  hashesAt,
  leafHash,
  parseBundle,
  parseLeaf,
  parseWholeEntries,
} from '../../verify/index.ts'
import { createEdge, TILE_WIDTH } from '../../verify/index.ts'
import type { Files } from '../lib/files.ts'
import type { LogFiles } from './log-files.ts'
import { damaged, firstOfTail, INDEX_RECORD_BYTES, TAIL_HEADER_BYTES, tailHeader } from './log-files.ts'
import { sha256 } from './sha256.ts'

export interface RecoveredLog {
  readonly size: number
  /** Open tile of each level, as `createEdge` wants them. */
  readonly open: readonly Uint8Array[]
  /** Leaves of the open bundle. */
  readonly tail: readonly Uint8Array[]
  /** The newest leaf of all; undefined in an empty log. */
  readonly lastLeaf: Uint8Array | undefined
}

/**
 * Cuts what a crash left back to what is known to be synced: the bundles below the tail, and the tail. What goes was never
 * said to be flushed, so the journal has it. Throws `damaged`, naming the file and cutting nothing, when something is
 * missing that was flushed. `signed` is the size of the last signed checkpoint: that many leaves were flushed for sure.
 * `isEntry` knows an entry from zeroes that a crash left.
 */
export async function recoverLog(
  files: Files,
  log: LogFiles,
  signed: number,
  isEntry: (entry: Uint8Array) => boolean = isLeaf,
): Promise<RecoveredLog> {
  // A killed process may have made or renamed a file and never have synced the folder: the disk may not know that name yet.
  await files.syncFolder(log.folder)
  const tail = await readTail(files, log, isEntry)
  const size = tail.first + tail.leaves.length
  if (size < signed) throw damaged(tail.path, `it ends at leaf ${size}, but ${signed} were signed`)
  const levels = await checkSizes(files, log, tail.first)
  // A crash in here leaves less behind the synced part; the next start cuts the rest.
  for (const { path, sizeBytes } of levels) await cut(files, path, sizeBytes)
  // What a killed process wrote and did not sync can be read and still be lost, after a failed sync for ever: so it is
  // written anew before anybody builds on it.
  if (size > signed || tail.torn) await files.replace(tail.path, Buffer.concat([tailHeader(tail.first), tail.framed]))
  const edge = createEdge(sha256, undefined, { size: tail.first, open: await openTiles(log, tail.first) })
  for (const leaf of tail.leaves) edge.push(leafHash(sha256, leaf))
  const open = []
  for (let level = 0; hashesAt(level, edge.size) > 0; level++) open.push(edge.open(level).slice())
  return { size, open, tail: tail.leaves, lastLeaf: tail.leaves.at(-1) ?? (await lastClosedLeaf(log, tail.first)) }
}

/** Which file of a log whose root is wrong does not fit the others; throws `damaged` that names it. */
export async function findDamage(log: LogFiles, size: number): Promise<never> {
  for (let index = 0; index < hashesAt(1, size); index++) {
    const leaves = parseBundle(await log.closedBundle(index), TILE_WIDTH)
    const hashes = Buffer.concat(leaves.map((leaf) => leafHash(sha256, leaf)))
    if (equalBytes(foldHashes(sha256, hashes, 0, TILE_WIDTH), await log.hashes(1, index, 1))) continue
    throw damaged(`${log.folder}/hashes.1`, `hash ${index} is not that of bundle ${index}`)
  }
  for (let level = 2; hashesAt(level, size) > 0; level++) {
    for (let index = 0; index < hashesAt(level, size); index++) {
      const row = await log.hashes(level - 1, index * TILE_WIDTH, TILE_WIDTH)
      if (equalBytes(foldHashes(sha256, row, 0, TILE_WIDTH), await log.hashes(level, index, 1))) continue
      throw damaged(`${log.folder}/hashes.${level}`, `hash ${index} is not that of the tile below it`)
    }
  }
  throw damaged(`${log.folder}/entries.tail`, 'its entries do not lead to the root of the last signed checkpoint')
}

interface Tail {
  readonly path: string
  /** Index of its first entry: all below it is closed and synced. */
  readonly first: number
  readonly leaves: readonly Uint8Array[]
  /** The same as they stand in the file. */
  readonly framed: Uint8Array
  /** Whether the file holds more than whole leaves. */
  readonly torn: boolean
}

async function readTail(files: Files, log: LogFiles, isEntry: (entry: Uint8Array) => boolean): Promise<Tail> {
  const path = `${log.folder}/entries.tail`
  const bytes = await files.read(path)
  if (bytes === undefined) return { path, first: 0, leaves: [], framed: new Uint8Array(0), torn: false }
  // It is only ever replaced as a whole, so a crash cannot take its header.
  const first = bytes.length < TAIL_HEADER_BYTES ? -1 : firstOfTail(bytes)
  if (!Number.isSafeInteger(first) || first < 0 || first % TILE_WIDTH !== 0) throw damaged(path, 'its header is wrong')
  const { entries } = parseWholeEntries(bytes.subarray(TAIL_HEADER_BYTES))
  // A crash may also leave zeroes where bytes were not synced: only leaves count.
  const strange = entries.findIndex((entry) => !isEntry(entry))
  const leaves = (strange < 0 ? entries : entries.slice(0, strange)).slice(0, TILE_WIDTH - 1)
  const end = leaves.reduce((sum, each) => sum + 2 + each.length, TAIL_HEADER_BYTES)
  return { path, first, leaves, framed: bytes.subarray(TAIL_HEADER_BYTES, end), torn: end < bytes.length }
}

function isLeaf(entry: Uint8Array): boolean {
  try {
    parseLeaf(Buffer.from(entry).toString('latin1'))
    return true
  } catch {
    return false
  }
}

/** How long each file is that holds closed bundles or hashes over them. Throws `damaged` for one that is shorter. */
async function checkSizes(
  files: Files,
  log: LogFiles,
  first: number,
): Promise<readonly { readonly path: string; readonly sizeBytes: number }[]> {
  const bundles = hashesAt(1, first)
  const index = { path: `${log.folder}/entries.idx`, sizeBytes: bundles * INDEX_RECORD_BYTES }
  await checkSize(files, index)
  const entries = { path: `${log.folder}/entries.gz`, sizeBytes: bundles === 0 ? 0 : await log.endOf(bundles - 1) }
  await checkSize(files, entries)
  // The last bundle must be whole: a wrong end in the index would have good ones cut off.
  if (bundles > 0) await log.member(bundles - 1)
  const all = [index, entries]
  for (let level = 1; ; level++) {
    const hashes = { path: `${log.folder}/hashes.${level}`, sizeBytes: hashesAt(level, first) * 32 }
    if (hashes.sizeBytes === 0 && (await files.size(hashes.path)) === undefined) return all
    await checkSize(files, hashes)
    all.push(hashes)
  }
}

async function checkSize(files: Files, { path, sizeBytes }: { path: string; sizeBytes: number }): Promise<void> {
  const size = (await files.size(path)) ?? 0
  if (size < sizeBytes) throw damaged(path, `it has ${size} bytes of ${sizeBytes}`)
}

async function openTiles(log: LogFiles, first: number): Promise<readonly Uint8Array[]> {
  const open: Uint8Array[] = [new Uint8Array(0)]
  for (let level = 1; hashesAt(level, first) > 0; level++) {
    const count = hashesAt(level, first)
    const width = count % TILE_WIDTH
    open.push(await log.hashes(level, count - width, width))
  }
  return open
}

async function lastClosedLeaf(log: LogFiles, first: number): Promise<Uint8Array | undefined> {
  if (first === 0) return undefined
  return parseBundle(await log.closedBundle(hashesAt(1, first) - 1), TILE_WIDTH).at(-1)
}

/** Cuts a file that is longer, durably. */
async function cut(files: Files, path: string, sizeBytes: number): Promise<void> {
  if (((await files.size(path)) ?? 0) <= sizeBytes) return
  const file = await files.open(path)
  try {
    await file.truncate(sizeBytes)
    await file.sync()
  } finally {
    await file.close()
  }
}
