import { expect, test } from 'vitest'
import { recordText } from './original.ts'

test('keeps a record of UTF-8 as text, byte for byte', () => {
  const bytes = Buffer.from('\ufeffså här\tnul \0')
  expect(recordText(bytes)).toEqual({ text: bytes.toString(), original: { original: bytes.toString() }, kept: {} })
})

test('keeps the bytes of a record that is not UTF-8, and reads the rest of it', () => {
  const bytes = Buffer.from([0x61, 0xff, 0x62])
  expect(recordText(bytes)).toEqual({
    text: 'a\ufffdb',
    original: {},
    kept: { originalBase64: bytes.toString('base64') },
  })
})

test('cuts what is longer than a record may be between two characters, and says so', () => {
  const bytes = Buffer.from(`x${'å'.repeat(600_000)}`)
  const { text, original, kept } = recordText(bytes)
  expect(original).toEqual({ original: text })
  expect(text).toBe(`x${'å'.repeat((2 ** 20 - 2) / 2)}`)
  expect(kept).toEqual({ truncated: [{ path: 'event.original', bytes: 1_200_001, reason: 'record_limit' }] })
})
