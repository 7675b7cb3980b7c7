import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { fromBase64Url, toBase64Url, toHex } from './base64.ts'
import { blockHash, blockSalt, commitBlocks, commitment } from './blocks.ts'
import { leafHash } from './hash.ts'
import type { Leaf } from './leaf.ts'
import { formatLeaf, isLeafTime, isLeafWord, parseLeaf } from './leaf.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
const key = Uint8Array.from({ length: 32 }, (_, i) => i)
const id = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i)
const ACTOR = '{"user":{"id":"u_1","email":"ada@example.com"}}'
const PLACE = '{"source":{"ip":"203.0.113.45"}}'
const ORIGINAL = String.raw`{"event":{"original":"{\"a\":1}"}}`
const LEAF: Leaf = {
  t: '2026-09-21T14:13:19.965Z',
  r: '2026-09-21T14:13:20.005Z',
  s: 'billing-api',
  e: 3,
  n: 100_000,
  d: 'app.billing',
  y: 'invoice-approve',
  o: 'success',
  id: 'oKGio6SlpqeoqaqrrK2urw',
  c: 'xGpb-YxZsbF38QwRejf0J4fRMBrrkyivvJGKEJm8e1M',
}

test('salts, hashes and commits blocks to the published values', () => {
  const salts = [0, 1].map((b) => blockSalt(sha256, key, id, b))
  expect(salts.map(toHex)).toEqual([
    '44ee184ad1d07e185ef320eaab7e256fa17df88444b728c7294105fb5cea44ae',
    '5426198fd565d318bcd6c7cf01bde1a72fe6ce269b1bc40ca96b758a858b35f7',
  ])
  const actor = blockHash(sha256, salts[0]!, ACTOR)
  const place = blockHash(sha256, salts[1]!, PLACE)
  expect(toBase64Url(actor)).toBe('PH2G42BPCDX6d2ByBZWLo7zcmq6IabmnDocd7z6b2dc')
  expect(toBase64Url(place)).toBe('gxKvMvryKXDfopUKnBh2EMx7yp9NpxYt_M64OeNndGk')
  const none = undefined
  expect(toBase64Url(commitment(sha256, [actor, place, none, none, none]))).toBe(LEAF.c)
  const original = blockHash(sha256, blockSalt(sha256, key, id, 4), ORIGINAL)
  expect(toBase64Url(original)).toBe('GodaSaSvSbY_eSOtN2DAHRkmydh7IApKrXOS0QEaPTY')
  expect(toBase64Url(commitment(sha256, [actor, place, none, none, original]))).toBe(
    'xVw4y6TV7lNR11r7OxhcxGjDx5L7CzWamcfO9lPjNd0',
  )
})

test('commits all blocks at once, the target with its own key', () => {
  const none = undefined
  const two = commitBlocks(sha256, id, { actor: key, target: none }, [ACTOR, PLACE, none, none, none])
  expect(toBase64Url(two.commitment)).toBe(LEAF.c)
  const other = key.toReversed()
  const three = commitBlocks(sha256, id, { actor: key, target: other }, [ACTOR, none, ACTOR, none, none])
  expect(three.hashes[2]).toEqual(blockHash(sha256, blockSalt(sha256, other, id, 2), ACTOR))
  expect(() => commitBlocks(sha256, id, { actor: key, target: none }, [ACTOR, none, ACTOR, none, none])).toThrow(
    /target/,
  )
})

test('hashes texts of any length as their UTF-8', () => {
  const salt = new Uint8Array(32)
  for (const text of ['', 'é'.repeat(5000), '𝒳'.repeat(3000), 'x'.repeat(6_000_000), 'short again']) {
    const expected = sha256(Buffer.concat([Uint8Array.of(0x11), salt, Buffer.from(text)]))
    expect(toHex(blockHash(sha256, salt, text))).toBe(toHex(expected))
  }
})

test('the published leaf, with and without a sequence', () => {
  const bytes = Buffer.from(formatLeaf(LEAF))
  expect(bytes.length).toBe(238)
  expect(toHex(leafHash(sha256, bytes))).toBe('89d2f73ac73684e1c481fead6d612ab8d38df7fc9fc838b14328862da4393067')
  const { e: _, n: __, ...unnumbered } = LEAF
  const without = Buffer.from(formatLeaf(unnumbered))
  expect(without.length).toBe(221)
  expect(toHex(leafHash(sha256, without))).toBe('a68429c57fd8a44a9d2fc268acc22fe681c2159032db5b8f993968ab77f70fb4')
  expect(parseLeaf(bytes.toString())).toEqual(LEAF)
  expect(parseLeaf(without.toString())).toEqual(unnumbered)
})

test.each([
  ['white space', (line: string) => line.replace(',"r"', ', "r"')],
  ['keys in another order', (line: string) => line.replace(/("t":"[^"]*"),("r":"[^"]*")/, '$2,$1')],
  ['a key twice', (line: string) => line.replace('"d":', '"d":"x","d":')],
  ['a key more', (line: string) => line.replace('}', ',"x":1}')],
  ['a key less', (line: string) => line.replace('"o":"success",', '')],
  ['a number without its epoch', (line: string) => line.replace('"e":3,', '')],
  ['another version', (line: string) => line.replace('"v":1', '"v":2')],
  ['a day that is not', (line: string) => line.replace('2026-09-21T14:13:19', '2026-09-31T14:13:19')],
  ['another zone', (line: string) => line.replace('965Z', '965+')],
  ['a year beyond 2199', (line: string) => line.replace('2026', '2200')],
  ['an action outside the grammar', (line: string) => line.replace('invoice-approve', 'Invoice approve')],
  ['an escape', (line: string) => line.replace('billing-api', String.raw`billing-\u0061pi`)],
  ['a leading zero', (line: string) => line.replace('"e":3', '"e":03')],
  ['a number beyond exactness', (line: string) => line.replace('100000', '9999999999999999')],
  ['an id with bits left over', (line: string) => line.replace('K2urw', 'K2urx')],
  ['a commitment with bits left over', (line: string) => line.replace('m8e1M', 'm8e1N')],
  ['a newline after it', (line: string) => `${line}\n`],
  ['nothing in it', () => ''],
])('refuses a leaf with %s', (_, change) => {
  const line = formatLeaf(LEAF)
  const changed = change(line)
  expect(changed).not.toBe(line)
  expect(() => parseLeaf(changed)).toThrow(/leaf/)
})

test('writes no leaf that it would refuse to read', () => {
  for (const wrong of [{ s: 'Ada Lovelace' }, { d: '' }, { y: '"' }, { t: '2026-02-29T00:00:00.000Z' }, { id: 'x' }]) {
    expect(() => formatLeaf({ ...LEAF, ...wrong }), JSON.stringify(wrong)).toThrow(/wrong/)
  }
  expect(formatLeaf({ ...LEAF, s: '_log' })).toContain('"s":"_log"')
})

test('knows words and moments', () => {
  expect(isLeafWord('k8s:get.list-1_x')).toBe(true)
  expect(['', 'A', '-a', 'a b', 'a'.repeat(65)].some(isLeafWord)).toBe(false)
  expect(isLeafTime('2024-02-29T23:59:59.999Z')).toBe(true)
  expect(['2023-02-29T00:00:00.000Z', '2023-04-31T00:00:00.000Z', '1969-12-31T23:59:59.999Z'].some(isLeafTime)).toBe(
    false,
  )
  expect(['2023-01-01T24:00:00.000Z', '2023-01-01T00:00:60.000Z', '2023-01-01T00:00:00Z'].some(isLeafTime)).toBe(false)
})

test('ids and commitments are base64url of 16 and 32 bytes', () => {
  expect(fromBase64Url(LEAF.id)).toEqual(id)
  expect(fromBase64Url(LEAF.c)).toHaveLength(32)
})
