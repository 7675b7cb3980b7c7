import { hash } from 'node:crypto'
import { expect, test } from 'vitest'

import { type ErasedBlock, erasureLine, erasureRoot, proveErasure, toHex, verifyErasure } from './index.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
const covered: readonly ErasedBlock[] = [9, 10, 100].flatMap((index) => [
  { log: 'acme/n1/default/2026-11', index, block: 'actor' },
  { log: 'acme/n1/default/2026-11', index, block: 'original' },
])

test('the root is that of the tree over the sorted lines, whatever order they came in', () => {
  const sorted = [10, 100, 9].flatMap((index) =>
    ['actor', 'original'].map((block) => `acme/n1/default/2026-11\u0000${index}\u0000${block}`),
  )
  const leaf = (line: string) => sha256(Buffer.from(`\0${line}`))
  const node = (a: Uint8Array, b: Uint8Array) => sha256(Buffer.concat([Buffer.of(1), a, b]))
  const [a, b, c, d, e, f] = sorted.map(leaf)
  const expected = node(node(node(a!, b!), node(c!, d!)), node(e!, f!))

  expect(toHex(erasureRoot(sha256, covered))).toBe(toHex(expected))
  expect(toHex(erasureRoot(sha256, covered.toReversed()))).toBe(toHex(expected))
  expect(toHex(expected)).toBe('dbd09b52329aba9343fbe6d3a16aeed6e9e5b41c0cabf8c6dcc6884f470864a9')
})

test('each block that is covered can be proved, and no other', async () => {
  const root = erasureRoot(sha256, covered)
  for (const block of covered) {
    const proof = await proveErasure(sha256, covered, block)
    expect(() => verifyErasure(sha256, block, proof, covered.length, root)).not.toThrow()
    expect(() => verifyErasure(sha256, { ...block, block: 'place' }, proof, covered.length, root)).toThrow()
  }
  const other = { ...covered[0]!, index: 11 }
  await expect(proveErasure(sha256, covered, other)).rejects.toThrow('does not cover actor of leaf 11')
})

test('a block cannot be erased twice by one record', () => {
  expect(() => erasureRoot(sha256, [covered[0]!, covered[0]!])).toThrow('is erased twice')
  expect(erasureLine(covered[0]!)).toBe('acme/n1/default/2026-11\u00009\u0000actor')
})
