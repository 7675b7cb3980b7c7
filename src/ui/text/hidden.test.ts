import { expect, test } from 'vitest'
import { mixesAlphabets, visible } from './hidden.ts'

const labels = (text: string): readonly string[] =>
  visible(text).pieces.map((piece) => (piece.kind === 'mark' ? `[${piece.label}]` : piece.text))

test('leaves plain text in one piece', () => {
  expect(labels('prod/db-password – größer')).toEqual(['prod/db-password – größer'])
})

test('shows a direction override where it stands', () => {
  expect(labels('invoice\u202Efdp.exe')).toEqual(['invoice', '[U+202E]', 'fdp.exe'])
})

test('shows zero-width characters, so a twin of a name looks different', () => {
  expect(labels('ad\u200Bmin')).toEqual(['ad', '[U+200B]', 'min'])
})

test('shows controls by their names and line ends quietly', () => {
  expect(labels('a\u0000b\u001Bc\nd')).toEqual(['a', '[NUL]', 'b', '[ESC]', 'c', '[⏎]', 'd'])
  expect(visible('a\u0000b\nc').hidden).toBe(1)
})

test('shows a lone surrogate', () => {
  expect(labels('a\uD800b')).toEqual(['a', '[U+D800]', 'b'])
})

test('stops a pile of combining marks after four', () => {
  expect(labels(`Z${'\u0301'.repeat(12)}o`)).toEqual([`Z${'\u0301'.repeat(4)}`, '[+8 marks]', 'o'])
})

test('keeps emoji with joiners and flags whole', () => {
  expect(labels('👩‍💻🇸🇪')).toEqual(['👩‍💻🇸🇪'])
})

test('cuts at the limit and says how much, never through a pair', () => {
  expect(visible('abcdef', 4)).toEqual({ pieces: [{ kind: 'text', text: 'abcd' }], hidden: 0, cut: 2 })
  expect(visible('abc😀', 4).pieces).toEqual([{ kind: 'text', text: 'abc' }])
})

test('tells a name of mixed alphabets', () => {
  expect(mixesAlphabets('\u0430lice')).toBe(true)
  expect(mixesAlphabets('alice')).toBe(false)
  expect(mixesAlphabets('Алиса')).toBe(false)
})
