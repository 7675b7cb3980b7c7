import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createArena } from './arena.ts'

test('holds every text as UTF-8, however many and long, and is empty after it was taken', () => {
  const arena = createArena()
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 50 }), (texts) => {
      const lengths = texts.map((text) => arena.write(text))

      expect(lengths).toEqual(texts.map((text) => Buffer.byteLength(text)))
      expect(Buffer.from(arena.take())).toEqual(Buffer.concat(texts.map((text) => Buffer.from(text))))
      expect(arena.take()).toHaveLength(0)
    }),
  )
  const long = 'ä'.repeat(6_000_000)
  expect(arena.write(long)).toBe(12_000_000)
  expect(Buffer.from(arena.take()).toString()).toBe(long)
})
