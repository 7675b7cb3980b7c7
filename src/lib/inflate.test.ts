import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { inflateBounded } from './inflate.ts'

const limits = { maxBytes: 1 << 20, maxRatio: 200 }
const text = Buffer.from('a plain text, a bit repeated, a bit repeated')
const bomb = Buffer.alloc(64 << 20)

test('inflates gzip, also of several members, and zstd, and passes on what is not compressed', async () => {
  expect(await inflateBounded(gzipSync(text), 'gzip', limits)).toEqual(text)
  expect(await inflateBounded(Buffer.concat([gzipSync('a'), gzipSync('b')]), 'GZIP', limits)).toEqual(Buffer.from('ab'))
  expect(await inflateBounded(zstdCompressSync(text), 'zstd', limits)).toEqual(text)
  expect(await inflateBounded(text, 'identity', limits)).toBe(text)
})

test.each([
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const)('stops a %s bomb at the limit and names it', async (encoding, compress) => {
  const small = compress(bomb)
  await expect(inflateBounded(small, encoding, limits)).rejects.toMatchObject({
    code: 'too_large',
    message: expect.stringMatching(/200 times its size|1048576 bytes/) as string,
  })
  const random = Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * n * 31) >> 3))
  await expect(inflateBounded(compress(random), encoding, { maxBytes: 1000, maxRatio: 200 })).rejects.toMatchObject({
    code: 'too_large',
    message: 'the body is larger than 1000 bytes, inflated',
  })
})

test('a body that is not compressed has the same limit', async () => {
  await expect(inflateBounded(Buffer.alloc(11), 'identity', { maxBytes: 10, maxRatio: 200 })).rejects.toMatchObject({
    code: 'too_large',
  })
})

test.each([
  ['gzip', gzipSync(text)],
  ['zstd', zstdCompressSync(text)],
])('refuses %s that is broken, cut short, empty or followed by other bytes', async (encoding, whole) => {
  const cases = [text, whole.subarray(0, -1), whole.subarray(0, 5), new Uint8Array(), Buffer.concat([whole, text])]
  for (const bytes of cases) {
    await expect(inflateBounded(bytes, encoding, limits)).rejects.toMatchObject({ code: 'bad_request' })
  }
})

test('refuses zstd that asks for a huge window of memory', async () => {
  const greedy = zstdCompressSync(Buffer.alloc(32 << 20, 'ab'), { params: { [constants.ZSTD_c_windowLog]: 27 } })
  await expect(inflateBounded(greedy, 'zstd', { maxBytes: 1 << 30, maxRatio: 1e9 })).rejects.toMatchObject({
    code: 'bad_request',
  })
})

test('refuses an encoding it does not know by name', async () => {
  await expect(inflateBounded(text, 'br', limits)).rejects.toMatchObject({
    code: 'unsupported',
    message: 'content-encoding "br" is not known',
  })
})
