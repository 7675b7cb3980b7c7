import { expect, test } from 'vitest'
import { createEventIds } from './event-id.ts'
import { IdempotencyKeys } from './idempotency.ts'

const MINUTE = 60_000
const batch = (...texts: string[]) => texts.map((text) => ({ bytes: Buffer.from(text) }))
const ids = createEventIds(new Uint8Array(32))
const used = expect.objectContaining({ code: 'conflict' })

test('a key stands for the bytes it came with, per source', () => {
  const keys = new IdempotencyKeys(ids)
  const mark = keys.enter('api', 'k', batch('a', 'b'), 0)
  expect(keys.enter('api', 'k', batch('a', 'b'), 1)).toEqual(mark)
  expect(() => keys.enter('api', 'k', batch('ab'), 2)).toThrow(used)
  expect(() => keys.enter('api', 'k', batch('b', 'a'), 2)).toThrow(used)
  expect(keys.enter('other', 'k', batch('ab'), 2)?.key).not.toBe(mark?.key)
})

test('without a key there is nothing to remember', () => {
  expect(new IdempotencyKeys(ids).enter('api', undefined, batch('a'), 0)).toBeUndefined()
})

test('a mark says neither the key nor the content', () => {
  const mark = new IdempotencyKeys(ids).enter('api', 'order-4711', batch('ada@example.com'), 0)
  expect(JSON.stringify(mark)).not.toMatch(/4711|ada/)
})

test('a key is free again ten minutes after it was last used', () => {
  const keys = new IdempotencyKeys(ids)
  keys.enter('api', 'k', batch('a'), 0)
  keys.enter('api', 'k', batch('a'), 5 * MINUTE)
  keys.enter('api', 'other', batch('a'), 15 * MINUTE)
  expect(() => keys.enter('api', 'k', batch('b'), 15 * MINUTE)).toThrow(used)
  keys.enter('api', 'third', batch('a'), 15 * MINUTE + 1)
  expect(keys.enter('api', 'k', batch('b'), 15 * MINUTE + 1)).toBeDefined()
})

test('marks of the journal count as if they had just been entered', () => {
  const before = new IdempotencyKeys(ids)
  const mark = before.enter('api', 'k', batch('a'), 0)
  const after = new IdempotencyKeys(ids)
  if (mark !== undefined) after.restore(mark, 0)
  expect(() => after.enter('api', 'k', batch('b'), MINUTE)).toThrow(used)
})
