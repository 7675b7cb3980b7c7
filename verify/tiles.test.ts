import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from './base64.ts'
import { formatBundle, parseBundle } from './bundle.ts'
import { createEdge } from './edge.ts'
import { leafHash } from './hash.ts'
import { proveInclusion, verifyInclusion } from './inclusion.ts'
import { hashesAt, parseTilePath, tileHashReader, tileLevels, tilePath, tileWidth } from './tiles.ts'
import { treeRoot } from './tree.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

test('writes and reads the paths of tlog-tiles', () => {
  expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067')
  expect(tilePath({ level: 'entries', index: 0, width: 5 })).toBe('tile/entries/000.p/5')
  expect(parseTilePath('tile/0/x001/x234/067')).toEqual({ level: 0, index: 1_234_067, width: 256 })
  expect(parseTilePath('tile/63/999.p/255')).toEqual({ level: 63, index: 999, width: 255 })
})

test('a path read is the path written, for any tile', () => {
  const tile = fc.record({
    level: fc.oneof(fc.constant('entries' as const), fc.integer({ min: 0, max: 63 })),
    index: fc.integer({ min: 0, max: 10 ** 15 }),
    width: fc.integer({ min: 1, max: 256 }),
  })
  fc.assert(
    fc.property(tile, (each) => {
      expect(parseTilePath(tilePath(each))).toEqual(each)
    }),
  )
})

test.each([
  'tile/0/0',
  'tile/0/0000',
  'tile/00/000',
  'tile/64/000',
  'tile/0/x000/001',
  'tile/0/001/002',
  'tile/0/000.p/256',
  'tile/0/000.p/0',
  'tile/0/000.p/01',
  'tile/-1/000',
  'tile/entries/000/',
  'tile/data/000',
  '../tile/0/000',
  'tile/0/x999/x999/x999/x999/x999/x999/999',
])('no tile is called %s', (path) => {
  expect(parseTilePath(path)).toBeUndefined()
})

test('a tree of 70,000 leaves has 273 full tiles and one of 112, one full and one of 17, and one of 1', () => {
  expect([273, 274].map((index) => tileWidth(0, index, 70_000))).toEqual([112, 0])
  expect([0, 1].map((index) => tileWidth(1, index, 70_000))).toEqual([256, 17])
  expect(tileWidth(2, 0, 70_000)).toBe(1)
  expect(tileLevels(70_000)).toBe(3)
  expect(tileLevels(256)).toBe(2)
  expect(tileWidth('entries', 273, 70_000)).toBe(112)
  expect(hashesAt(1, 2 ** 40 + 255)).toBe(2 ** 32)
})

test('proofs from tiles are those of the tree, and an edge goes on from its open tiles', async () => {
  const size = 66_300
  const rows: Uint8Array[] = [new Uint8Array(32 * size), new Uint8Array(32 * 300), new Uint8Array(32)]
  const edge = createEdge(sha256, (level, index, hashes) => rows[level]!.set(hashes, index * 8192))
  const leaf = (i: number): Uint8Array => leafHash(sha256, new TextEncoder().encode(`${i}`))
  for (let i = 0; i < size; i++) edge.push(leaf(i))
  const open = [0, 1, 2].map((level) => edge.open(level).slice())
  open.forEach((hashes, level) => rows[level]!.set(hashes, Math.floor(hashesAt(level, size) / 256) * 8192))
  const read = tileHashReader(sha256, size, async (tile) =>
    rows[Number(tile.level)]!.subarray(tile.index * 8192, tile.index * 8192 + tile.width * 32),
  )

  expect(toHex(await treeRoot(sha256, size, read))).toBe(toHex(edge.root()))
  for (const index of [0, 255, 256, 65_535, 65_536, size - 1]) {
    verifyInclusion(sha256, leaf(index), index, size, await proveInclusion(sha256, index, size, read), edge.root())
  }
  const again = createEdge(sha256, undefined, { size, open })
  edge.push(leaf(size))
  again.push(leaf(size))
  expect(toHex(again.root())).toBe(toHex(edge.root()))
  await expect(tileHashReader(sha256, size, async () => new Uint8Array(3))([{ level: 0, index: 1 }])).rejects.toThrow(
    /3 bytes/,
  )
})

test('a bundle is exactly its entries', () => {
  const entries = [new Uint8Array(0), new Uint8Array(300).fill(7), Uint8Array.of(1)]
  const bytes = formatBundle(entries)
  expect(parseBundle(bytes, 3)).toEqual(entries)
  expect(() => parseBundle(bytes, 2)).toThrow(/after/)
  expect(() => parseBundle(bytes, 4)).toThrow(/3 entries/)
  expect(() => parseBundle(bytes.subarray(0, -1), 3)).toThrow(/short/)
  expect(() => formatBundle([new Uint8Array(65_536)])).toThrow(/65536/)
})
