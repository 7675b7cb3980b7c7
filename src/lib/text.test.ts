import { expect, test } from 'vitest'
import { escapeTerminal } from './text.ts'

test('makes visible what would move the cursor, turn the reading direction or hide', () => {
  expect(escapeTerminal('a\u001b[31mred\u0007\u009b2J\u007f')).toBe('a\\x1b[31mred\\x07\\x9b2J\\x7f')
  expect(escapeTerminal('bob\u202etxt.exe\u2066 \u200b\ufeff')).toBe('bob\\u202etxt.exe\\u2066 \\u200b\\ufeff')
  expect(escapeTerminal('one\r\ntwo\tthree\u2028four')).toBe('one\\r\\ntwo\\tthree\\u2028four')
  expect(escapeTerminal('\ud800 \u{e0041}')).toBe('\\ud800 \\u{e0041}')
})

test('leaves names of people as they are', () => {
  for (const name of ['Åsa Öberg', '李小龙', 'عبد الله', '🙂', "O'Neil <root>"]) expect(escapeTerminal(name)).toBe(name)
})
