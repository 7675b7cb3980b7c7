import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import {
  createEdge,
  formatBundle,
  HASH_BYTES,
  leafHash,
  parseBundle,
  parseLeaf,
  parseWholeEntries,
  TILE_WIDTH,
  tileHashReader,
  tilePath,
  treeRoot,
} from '../../verify/index.ts'
import type { HashReader, Tile } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import type { LogFiles } from './log-files.ts'
import { damaged } from './log-files.ts'
import type { RecoveredLog } from './recover-log.ts'
import { sha256 } from './sha256.ts'

/** One Merkle log: what is in its files, and what waits to be written to them. */
export interface Log {
  readonly origin: string
  /** Leaves appended, written or not. */
  readonly size: number
  /** Leaves whose files are synced. */
  readonly flushed: number
  /** Its last leaf is `log.closed`. */
  readonly closed: boolean
  /** Entries before that one are gone: 0, or the size of a log that was pruned (docs/retention.md). */
  readonly minimumIndex: number
  /** See `Ledger.append`. */
  append(first: number, leaves: readonly Uint8Array[]): void
  /** Writes what waits. Calls must not overlap. */
  flush(): Promise<void>
  /** Root of the first `size` leaves, at most the flushed ones. */
  root(size: number): Promise<Uint8Array>
  /** Hashes of the tree of `size` leaves, from the files. */
  reader(size: number): HashReader
  /** A tile of hashes, from the files. It must lie within the flushed leaves. */
  tile(tile: Tile): Promise<Uint8Array>
  /** The first `width` entries of a bundle, from the files. They must be flushed. */
  bundle(index: number, width: number): Promise<Uint8Array>
  /** A closed bundle as it is stored. */
  member(index: number): Promise<Uint8Array>
  close(): Promise<void>
}

interface Waiting {
  /** `u16be length || leaf` */
  readonly framed: Uint8Array
  readonly hash: Uint8Array
}

const CACHED_TILES = 64
const compress = promisify<Uint8Array, Buffer>(gzip)

export function createLog(origin: string, files: LogFiles, recovered: RecoveredLog): Log {
  let newNodes: Uint8Array[][] = []
  const edge = createEdge(sha256, (level, _, __, root) => (newNodes[level] ??= []).push(root), recovered)
  let openBundle = recovered.tail.map((leaf) => formatBundle([leaf]))
  let waiting: Waiting[] = []
  let size = recovered.size
  let flushed = recovered.size
  let closed = recovered.lastLeaf !== undefined && closesLog(recovered.lastLeaf)
  const cache = new Map<string, Uint8Array>()

  async function leafTile({ index, width }: Tile): Promise<Uint8Array> {
    const path = tilePath({ level: 0, index, width })
    const known = cache.get(path)
    if (known !== undefined) return known
    const entries = parseBundle(await bundle(index, width), width)
    const hashes = new Uint8Array(width * HASH_BYTES)
    for (const [i, entry] of entries.entries()) hashes.set(leafHash(sha256, entry), i * HASH_BYTES)
    if (cache.size >= CACHED_TILES) cache.delete(cache.keys().next().value ?? '')
    if (width === TILE_WIDTH) cache.set(path, hashes)
    return hashes
  }

  async function bundle(index: number, width: number): Promise<Uint8Array> {
    const isClosed = (index + 1) * TILE_WIDTH <= flushed
    const bytes = isClosed ? await files.closedBundle(index) : await files.openBundle(index)
    const { entries, end } = parseWholeEntries(bytes)
    if (entries.length < width) throw damaged(files.folder, `bundle ${index} has ${entries.length} entries of ${width}`)
    if (entries.length === width) return bytes.subarray(0, end)
    return formatBundle(entries.slice(0, width))
  }

  async function tile(each: Tile): Promise<Uint8Array> {
    if (each.level === 'entries') throw new RangeError('a bundle is no tile of hashes')
    return each.level === 0 ? leafTile(each) : files.hashes(each.level, each.index * TILE_WIDTH, each.width)
  }

  const reader = (upTo: number): HashReader => tileHashReader(sha256, upTo, tile)

  return {
    origin,
    get size() {
      return size
    },
    get flushed() {
      return flushed
    },
    get closed() {
      return closed
    },
    minimumIndex: 0,
    append(first, leaves) {
      if (first > size) throw gap(origin, size, first)
      const fresh = leaves.slice(size - first)
      if (fresh.length === 0) return
      if (closed) throw new AuditError('internal', `log ${origin} is closed: nothing can be appended to it`)
      for (const each of frameAndHash(fresh)) waiting.push(each)
      size += fresh.length
      closed = closesLog(fresh.at(-1)!)
    },
    async flush() {
      const batch = waiting
      if (batch.length === 0) return
      waiting = []
      const openFirst = Math.floor(edge.size / TILE_WIDTH) * TILE_WIDTH
      const members: Uint8Array[] = []
      let added: Uint8Array[] = []
      for (const { framed, hash } of batch) {
        edge.push(hash)
        openBundle.push(framed)
        added.push(framed)
        if (openBundle.length < TILE_WIDTH) continue
        // Off the event loop: this is what keeps a long batch from holding it up.
        members.push(await compress(Buffer.concat(openBundle)))
        openBundle = []
        added = []
      }
      const hashes = newNodes
      newNodes = []
      await files.write({ members, hashes, openFirst: openFirst + members.length * TILE_WIDTH, open: added })
      flushed += batch.length
    },
    root: (upTo) => (upTo === edge.size ? Promise.resolve(edge.root()) : treeRoot(sha256, upTo, reader(upTo))),
    reader,
    tile,
    bundle,
    member: (index) => files.member(index),
    close: () => files.release(),
  }
}

/** Frames leaves into one buffer and hashes each in place: its length's second byte stands in for the prefix 0x00. */
function frameAndHash(leaves: readonly Uint8Array[]): readonly Waiting[] {
  const bytes = formatBundle(leaves)
  let at = 0
  return leaves.map((leaf) => {
    const end = at + 2 + leaf.length
    const length = bytes[at + 1]!
    bytes[at + 1] = 0
    const hash = sha256(bytes.subarray(at + 1, end))
    bytes[at + 1] = length
    const framed = bytes.subarray(at, end)
    at = end
    return { framed, hash }
  })
}

function closesLog(leaf: Uint8Array): boolean {
  const line = Buffer.from(leaf).toString('latin1')
  if (!line.includes('"y":"log.closed"')) return false
  const { s, y } = parseLeaf(line)
  return s === '_log' && y === 'log.closed'
}

function gap(origin: string, size: number, first: number): AuditError {
  const hint = 'the journal begins behind the ledger: put the ledger’s folder back from a backup'
  return new AuditError('damaged', `log ${origin} has ${size} leaves, but the journal goes on with leaf ${first}`, {
    hint,
  })
}
