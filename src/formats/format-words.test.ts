import { expect, test } from 'vitest'
import { FORMATS_IN_WORDS } from './format-words.ts'

test('says of every format what it reads', () => {
  expect(FORMATS_IN_WORDS.length).toBeGreaterThan(10)
  expect(FORMATS_IN_WORDS.filter(({ name, words }) => words === name)).toEqual([])
})
