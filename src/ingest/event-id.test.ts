import { createHmac, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createEventIds } from './event-id.ts'

test('is the first 16 bytes of the HMAC of source and natural id', () => {
  const key = randomBytes(32)
  const ids = createEventIds(key)

  for (const [source, natural] of [
    ['prod-1', '3b87c7c0/ResponseComplete'],
    ['bücher', ''],
    ['a', 'x'.repeat(5000)],
  ] as const) {
    const expected = createHmac('sha256', key).update(`${source}\0${natural}`).digest().subarray(0, 16)
    expect(ids.natural(source, natural)).toEqual(expected)
  }
})

test('fresh ids are 16 bytes, in order, and never the same', () => {
  const ids = createEventIds(randomBytes(32))
  const made = Array.from({ length: 1000 }, () => Buffer.from(ids.fresh()).toString('hex'))

  expect(new Set(made).size).toBe(1000)
  expect(made.toSorted()).toEqual(made)
  expect(made[0]).toHaveLength(32)
})
