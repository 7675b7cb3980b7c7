import { expect, test } from 'vitest'
import { choicesAt } from './completions.ts'

const facets = [
  { field: 'actor', distinct: 3, values: ['alice', 'ann lee', 'bob'].map((value, at) => ({ value, count: 9 - at })) },
]

test('offers fields by their first letters and leaves the caret behind the colon', () => {
  const choice = choicesAt('act', 3, facets).find((each) => each.text === 'actor:')
  expect(choice).toMatchObject({ query: 'actor:', caret: 6 })
})

test('offers counted values of the field, quoted where they must be, and a space behind them', () => {
  const choices = choicesAt('actor:a -action:watch', 7, facets)
  expect(choices.map((each) => each.text)).toEqual(['alice', '"ann lee"'])
  expect(choices[1]).toMatchObject({ query: 'actor:"ann lee" -action:watch', caret: 15, description: '8' })
})

test('does not offer what is there already', () => {
  expect(choicesAt('actor:bob', 9, facets)).toEqual([])
})

test('offers each word once', () => {
  const words = choicesAt('a', 1, facets).map((each) => each.text)
  expect(new Set(words).size).toBe(words.length)
})
