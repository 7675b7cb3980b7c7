import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64, toBase64, toHex } from './base64.ts'
import { proveConsistency, verifyConsistency } from './consistency.ts'
import { createEdge } from './edge.ts'
import { VerifyError } from './errors.ts'
import { emptyRoot, leafHash, nodeHash } from './hash.ts'
import { proveInclusion, verifyInclusion } from './inclusion.ts'
import type { HashReader } from './tree.ts'
import { largestPower, subtrees, treeRoot } from './tree.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

/** RFC 6962 section 2.1, copied: slow and obvious. */
function mth(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array(0))
  if (leaves.length === 1) return sha256(Uint8Array.of(0, ...leaves[0]!))
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return sha256(Uint8Array.of(1, ...mth(leaves.slice(0, k)), ...mth(leaves.slice(k))))
}

/** Reads complete subtrees from rows of hashes that are all there. */
function readerOf(leaves: readonly Uint8Array[]): HashReader {
  const rows = [leaves.map((leaf) => leafHash(sha256, leaf))]
  for (let row = rows[0]!; row.length > 1; row = rows.at(-1)!) {
    rows.push(
      Array.from({ length: Math.floor(row.length / 2) }, (_, i) => nodeHash(sha256, row[2 * i]!, row[2 * i + 1]!)),
    )
  }
  return async (nodes) => nodes.map((node) => rows[node.level]![node.index]!)
}

const entry = (i: number): Uint8Array => new TextEncoder().encode(`{"v":1,"i":${i},"e":"login"}`)
const entries = (n: number): readonly Uint8Array[] => Array.from({ length: n }, (_, i) => entry(i))

test('gives the published roots of RFC 6962 trees of 1 to 8 leaves', async () => {
  const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
  const leaves = inputs.map((text) => Buffer.from(text, 'hex'))
  const roots = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]
  for (const [i, root] of roots.entries()) {
    const first = leaves.slice(0, i + 1)
    expect(toHex(await treeRoot(sha256, i + 1, readerOf(first)))).toBe(root)
    const edge = createEdge(sha256)
    for (const leaf of first) edge.push(leafHash(sha256, leaf))
    expect(toHex(edge.root())).toBe(root)
  }
  expect(toBase64(emptyRoot(sha256))).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=')
})

test('gives the roots and proofs that golang.org/x/mod gave for 70,000 entries', async () => {
  const roots = new Map([
    [1, '7phYRBd3ubfsOQ/oA6c5WOz4AcuvEXAfwY+NJZiOPrE='],
    [2, 'Unu98tgGc9ITjaBm9CDozhMnQ2k6OX8jboiTKtqL338='],
    [255, 'DaxJOS8xdK1wzH+j71J1Tnu0kiieZTap3dJjWwazsYY='],
    [256, 'lqbV10p1modCgCFgFINu3xqp2PRL4IG3VmMcE4HMOvo='],
    [257, 'l9+WNsuGGg+l1y161vtb5t7oEOlRLcUXYTmjxDRoQo8='],
    [1000, 'te20i6tCoWv4FTW5RfXj+U/bRluBCO/Z366jjf2gusA='],
    [12345, '8kMcPs8UCo/EaXKZPa7G/cvJvKNW///pvavQZEBNZG8='],
    [70000, 'FiA/FG/pCGsq7Woiq7CM189YG4ekJJC0v9IRrul5JUE='],
  ])
  const edge = createEdge(sha256)
  for (let i = 0; i < 70_000; i++) {
    edge.push(leafHash(sha256, entry(i)))
    const root = roots.get(i + 1)
    if (root !== undefined) expect(toBase64(edge.root())).toBe(root)
  }
  const read = readerOf(entries(70_000))
  const root = fromBase64(roots.get(70_000)!)
  const path = await proveInclusion(sha256, 41_234, 70_000, read)
  expect(path).toHaveLength(17)
  expect(toBase64(path[0]!)).toBe('DRzWFN0qTdhe1x0sWsCSKIGLk7t6fF0pGFwx9YknSRY=')
  expect(toBase64(path.at(-1)!)).toBe('1AvleSnO4jnfCBOo9jGKFL7KpkR+ycL37lAOE90i2co=')
  verifyInclusion(sha256, leafHash(sha256, entry(41_234)), 41_234, 70_000, path, root)
  const proof = await proveConsistency(sha256, 12_345, 70_000, read)
  expect(proof).toHaveLength(18)
  verifyConsistency(sha256, { size: 12_345, root: fromBase64(roots.get(12_345)!) }, { size: 70_000, root }, proof)
})

test('roots and edges agree with the definition for any size up to 2,000', async () => {
  const all = entries(2000)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2000 }), async (size) => {
      const leaves = all.slice(0, size)
      const expected = mth(leaves)
      const edge = createEdge(sha256)
      for (const leaf of leaves) edge.push(leafHash(sha256, leaf))
      expect(toHex(edge.root())).toBe(toHex(expected))
      expect(toHex(await treeRoot(sha256, size, readerOf(leaves)))).toBe(toHex(expected))
    }),
    { numRuns: 60 },
  )
})

test('an inclusion proof of any leaf is accepted, and refused for another leaf, place, size or path', async () => {
  const all = entries(600)
  const read = readerOf(all)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 600 }), fc.nat(), fc.nat(), async (size, a, b) => {
      const index = a % size
      const root = await treeRoot(sha256, size, read)
      const path = await proveInclusion(sha256, index, size, read)
      const leaf = leafHash(sha256, all[index]!)
      verifyInclusion(sha256, leaf, index, size, path, root)
      const refused = (...args: [Uint8Array, number, number, readonly Uint8Array[], Uint8Array]): void => {
        expect(() => verifyInclusion(sha256, ...args)).toThrow(VerifyError)
      }
      refused(flip(leaf, b), index, size, path, root)
      refused(leaf, index, size, path, flip(root, b))
      refused(leaf, size, size, path, root)
      refused(leaf, index, size, [...path, root], root)
      if (size > 1) refused(leaf, (index + 1 + (b % (size - 1))) % size, size, path, root)
      if (path.length === 0) return
      refused(leaf, index, size, path.slice(1), root)
      refused(leaf, index, size, path.slice(0, -1), root)
      refused(leaf, index, size, path.with(b % path.length, flip(path[b % path.length]!, b)), root)
    }),
    { numRuns: 300 },
  )
})

test('every pair of sizes up to 300 has a consistency proof, and a wrong one is refused', async () => {
  const read = readerOf(entries(300))
  const roots: Uint8Array[] = []
  for (let size = 0; size <= 300; size++) roots.push(await treeRoot(sha256, size, read))
  for (let newer = 0; newer <= 300; newer++) {
    for (let older = 0; older <= newer; older++) {
      const proof = await proveConsistency(sha256, older, newer, read)
      const heads = [
        { size: older, root: roots[older]! },
        { size: newer, root: roots[newer]! },
      ] as const
      verifyConsistency(sha256, ...heads, proof)
      const at = older + newer
      const refused = (...args: [(typeof heads)[0], (typeof heads)[0], readonly Uint8Array[]]): void => {
        expect(() => verifyConsistency(sha256, ...args)).toThrow(VerifyError)
      }
      if (older === 0) continue
      if (older === newer) {
        refused({ ...heads[0], root: flip(heads[0].root, at) }, heads[1], proof)
        refused(heads[0], heads[1], [roots[1]!])
        continue
      }
      // One kind of damage a pair keeps this quick; all kinds come round.
      if (at % 5 === 0) refused({ ...heads[0], root: flip(heads[0].root, at) }, heads[1], proof)
      if (at % 5 === 1) refused(heads[0], { ...heads[1], root: flip(heads[1].root, at) }, proof)
      if (at % 5 === 2) refused(heads[0], heads[1], proof.slice(1))
      if (at % 5 === 3) refused(heads[0], heads[1], [...proof, roots[1]!])
      if (at % 5 === 4) refused(heads[0], heads[1], proof.with(at % proof.length, flip(proof[at % proof.length]!, at)))
    }
  }
  expect(() => verifyConsistency(sha256, { size: 9, root: roots[9]! }, { size: 4, root: roots[4]! }, [])).toThrow(
    /shrink/,
  )
})

test('sizes above 2^32 are taken apart exactly', () => {
  expect(largestPower(2 ** 33 + 1)).toBe(2 ** 33)
  expect(largestPower(2 ** 33)).toBe(2 ** 32)
  expect(largestPower(2 ** 52)).toBe(2 ** 51)
  expect(subtrees({ from: 0, to: 2 ** 40 + 3 })).toEqual([
    { level: 40, index: 0 },
    { level: 1, index: 2 ** 39 },
    { level: 0, index: 2 ** 40 + 2 },
  ])
})

test('a proof in a tree of 2^40 leaves is checked without losing bits', () => {
  // All leaves are equal, so every complete subtree of one height has one hash.
  const heights = [leafHash(sha256, new Uint8Array(0))]
  for (let i = 0; i < 40; i++) heights.push(nodeHash(sha256, heights[i]!, heights[i]!))
  const index = 2 ** 39 + 2 ** 33 + 5
  verifyInclusion(sha256, heights[0]!, index, 2 ** 40, heights.slice(0, 40), heights[40]!)
  expect(() => verifyInclusion(sha256, heights[0]!, index, 2 ** 40, heights.slice(0, 39), heights[40]!)).toThrow(
    /short/,
  )
})

function flip(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at % bytes.length, bytes[at % bytes.length]! ^ (1 << (at % 8)))
}
