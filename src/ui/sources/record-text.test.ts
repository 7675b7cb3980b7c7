import { expect, test } from 'vitest'
import { hexLines, textOfBytes } from './record-text.ts'

test('reads text with all that is in it, and no text as none', () => {
  expect(textOfBytes(new TextEncoder().encode('\uFEFFä\u0000\n'))).toBe('\uFEFFä\u0000\n')
  expect(textOfBytes(Uint8Array.of(0xff, 0xd8))).toBeUndefined()
})

test('shows bytes as numbers and letters, sixteen a line', () => {
  expect(hexLines(Uint8Array.of(0xff, 0x41, 0x0a))).toEqual([`00000000  ff 41 0a${' '.repeat(39)}  .A.`])
  expect(hexLines(new Uint8Array(17)).map((line) => line.slice(0, 8))).toEqual(['00000000', '00000010'])
  expect(hexLines(new Uint8Array())).toEqual([])
})
