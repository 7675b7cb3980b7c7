import { expect, test } from 'vitest'
import { parseSearch, queryOf, searchUrlOf, stringifySearch } from './search-url.ts'

const read = (text: string): unknown => searchUrlOf(parseSearch(text))

test('reads an address that people write by hand', () => {
  expect(read('?q=actor:alice+-outcome:success&from=now-7d&id=01J&tab=proof&live=1')).toEqual({
    q: 'actor:alice -outcome:success',
    from: 'now-7d',
    id: '01J',
    tab: 'proof',
    live: true,
  })
})

test('leaves defaults out and comes back to the same address', () => {
  const url = searchUrlOf(parseSearch('?q=(actor:alice,bob)+"a b"%26c&from=now-24h&tab=summary'))
  expect(stringifySearch({ ...url })).toBe('?q=(actor:alice,bob)+%22a+b%22%26c')
  expect(searchUrlOf(parseSearch(stringifySearch({ ...url })))).toEqual(url)
})

test('tells no query from an empty one', () => {
  expect(queryOf(searchUrlOf({}))).toBe('-stream:whodid')
  expect(queryOf(searchUrlOf(parseSearch('?q=')))).toBe('')
})

test('falls back where a parameter is not one', () => {
  expect(read('?tab=nonsense&live=maybe&to=now')).toEqual({})
})
