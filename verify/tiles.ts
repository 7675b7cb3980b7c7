import { VerifyError } from './errors.ts'
import type { Sha256 } from './hash.ts'
import { HASH_BYTES, nodeHash } from './hash.ts'
import type { HashReader, TreeNode } from './tree.ts'

// C2SP tlog-tiles v0.1.0 (C2SP/C2SP@5ba5ee8): tiles of height 8.
export const TILE_HEIGHT = 8
export const TILE_WIDTH = 256

/** A tile of hashes (`level` 0 and up), or a bundle of entries. `width` 1..256; below 256 it is partial. */
export interface Tile {
  readonly level: number | 'entries'
  readonly index: number
  readonly width: number
}

/** `tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last with an `x` before them. */
export function tilePath(tile: Tile): string {
  let index = String(tile.index % 1000).padStart(3, '0')
  for (let left = Math.floor(tile.index / 1000); left > 0; left = Math.floor(left / 1000)) {
    index = `x${String(left % 1000).padStart(3, '0')}/${index}`
  }
  return `tile/${tile.level}/${index}${tile.width === TILE_WIDTH ? '' : `.p/${tile.width}`}`
}

const PATH = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/

/** The tile that a path names; undefined for all that `tilePath` does not write. */
export function parseTilePath(path: string): Tile | undefined {
  const match = PATH.exec(path)
  if (match === null) return undefined
  const index = Number(match[2]!.replaceAll(/[x/]/g, ''))
  const level: Tile['level'] = match[1] === 'entries' ? 'entries' : Number(match[1])
  const width = match[3] === undefined ? TILE_WIDTH : Number(match[3])
  if (!Number.isSafeInteger(index) || width > TILE_WIDTH || (level !== 'entries' && level > 63)) return undefined
  const tile: Tile = { level, index, width }
  // Refuses leading zero groups and `.p/256`: one tile has one path.
  return tilePath(tile) === path ? tile : undefined
}

/** How many hashes a level of tiles holds in a tree of `size` leaves. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level)
}

/** Width of a tile in a tree of `size` leaves: 256, less at the right edge, 0 beyond it. */
export function tileWidth(level: number | 'entries', index: number, size: number): number {
  const left = hashesAt(level === 'entries' ? 0 : level, size) - index * TILE_WIDTH
  return Math.max(0, Math.min(TILE_WIDTH, left))
}

/** Number of levels that have a tile in a tree of `size` leaves. */
export function tileLevels(size: number): number {
  let levels = 0
  while (hashesAt(levels, size) > 0) levels++
  return levels
}

/** Reads a tile as bytes: `width` hashes of 32 bytes. */
export type ReadTile = (tile: Tile) => Promise<Uint8Array>

/** Reads complete subtrees of a tree of `size` leaves from its tiles; each tile is read once per call. */
export function tileHashReader(sha256: Sha256, size: number, readTile: ReadTile): HashReader {
  return async (nodes) => {
    const tiles = new Map<string, Promise<Uint8Array>>()
    const read = (tile: Tile): Promise<Uint8Array> => {
      const path = tilePath(tile)
      const known = tiles.get(path) ?? readTile(tile).then((bytes) => checkedTile(tile, bytes))
      tiles.set(path, known)
      return known
    }
    return Promise.all(nodes.map((node) => nodeFromTile(sha256, size, node, read)))
  }
}

/** Hash over `count` hashes (a power of two) that stand in `hashes` from `first` on. */
export function foldHashes(sha256: Sha256, hashes: Uint8Array, first: number, count: number): Uint8Array {
  let row = Array.from({ length: count }, (_, i) => hashAt(hashes, first + i))
  while (row.length > 1) {
    row = Array.from({ length: row.length / 2 }, (_, i) => nodeHash(sha256, row[2 * i]!, row[2 * i + 1]!))
  }
  return row[0]!
}

async function nodeFromTile(sha256: Sha256, size: number, node: TreeNode, read: ReadTile): Promise<Uint8Array> {
  const level = Math.floor(node.level / TILE_HEIGHT)
  const count = 2 ** (node.level % TILE_HEIGHT)
  const first = node.index * count
  const index = Math.floor(first / TILE_WIDTH)
  const width = tileWidth(level, index, size)
  const offset = first - index * TILE_WIDTH
  if (offset + count > width) throw new RangeError(`node ${node.level}/${node.index} is beyond ${size} leaves`)
  return foldHashes(sha256, await read({ level, index, width }), offset, count)
}

function checkedTile(tile: Tile, bytes: Uint8Array): Uint8Array {
  if (bytes.length === tile.width * HASH_BYTES) return bytes
  throw new VerifyError('malformed', `${tilePath(tile)} has ${bytes.length} bytes, not ${tile.width * HASH_BYTES}`)
}

function hashAt(hashes: Uint8Array, index: number): Uint8Array {
  return hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
}
