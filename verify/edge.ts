import { HASH_BYTES } from './hash.ts'
import type { Sha256 } from './hash.ts'
import { foldHashes, hashesAt, TILE_WIDTH, tileLevels } from './tiles.ts'
import { foldRight, subtrees } from './tree.ts'

/** Told of each tile when it is full, and of the node over it. `hashes` is valid during the call only. */
export type OnTile = (level: number, index: number, hashes: Uint8Array, root: Uint8Array) => void

/** The right edge of a growing tree: one open tile per level, at most 8 KiB each. Root and growth need nothing else. */
export interface Edge {
  readonly size: number
  /** Appends a leaf's hash. */
  push(leafHash: Uint8Array): void
  root(): Uint8Array
  /** Hashes in the open tile of a level, as a view: 0..255 of 32 bytes. */
  open(level: number): Uint8Array
}

/**
 * Makes an edge, empty or as a tree of `start.size` leaves has it: `start.open` holds the open tile's hashes of each
 * level, exactly as many as that size leaves open there.
 */
export function createEdge(
  sha256: Sha256,
  onTile: OnTile = () => {},
  start: { readonly size: number; readonly open: readonly Uint8Array[] } = { size: 0, open: [] },
): Edge {
  const tiles = start.open.map((hashes, level) => openTile(level, hashes, start.size))
  let size = start.size

  function add(level: number, hash: Uint8Array): void {
    const tile = (tiles[level] ??= new Uint8Array(TILE_WIDTH * HASH_BYTES))
    const count = hashesAt(level, size)
    tile.set(hash, (count % TILE_WIDTH) * HASH_BYTES)
    if (count % TILE_WIDTH !== TILE_WIDTH - 1) return
    const root = foldHashes(sha256, tile, 0, TILE_WIDTH)
    onTile(level, Math.floor(count / TILE_WIDTH), tile, root)
    add(level + 1, root)
  }

  return {
    get size() {
      return size
    },
    push(hash) {
      // `size` is still the old one in there: each level's count is that before this leaf.
      add(0, hash)
      size++
    },
    root: () => edgeRoot(sha256, tiles, size),
    open: (level) => tiles[level]?.subarray(0, (hashesAt(level, size) % TILE_WIDTH) * HASH_BYTES) ?? new Uint8Array(0),
  }
}

function edgeRoot(sha256: Sha256, tiles: readonly Uint8Array[], size: number): Uint8Array {
  const peaks: Uint8Array[] = []
  for (let level = tileLevels(size) - 1; level >= 0; level--) {
    const open = hashesAt(level, size) % TILE_WIDTH
    for (const node of subtrees({ from: 0, to: open })) {
      const count = 2 ** node.level
      peaks.push(foldHashes(sha256, tiles[level]!, node.index * count, count))
    }
  }
  return foldRight(sha256, peaks)
}

function openTile(level: number, hashes: Uint8Array, size: number): Uint8Array {
  const open = hashesAt(level, size) % TILE_WIDTH
  if (hashes.length !== open * HASH_BYTES)
    throw new RangeError(`level ${level} of ${size} leaves has ${open} hashes open`)
  const tile = new Uint8Array(TILE_WIDTH * HASH_BYTES)
  tile.set(hashes)
  return tile
}
