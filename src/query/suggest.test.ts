import { expect, test } from 'vitest'
import { parseQuery } from './parse.ts'
import { suggest } from './suggest.ts'

/** The caret stands at the bar. */
function at(text: string) {
  const caret = text.indexOf('|')
  const completion = suggest(text.replace('|', ''), caret)
  return { ...completion, texts: completion.items.map((item) => item.text) }
}

test('offers fields where a term begins, short names first', () => {
  expect(at('actor:alice res|')).toMatchObject({ start: 12, end: 15, typed: 'res' })
  expect(at('actor:alice res|').texts.slice(0, 2)).toEqual(['resource:', 'resource.name:'])
  expect(at('-(dec|').texts).toEqual(['decision:', 'audit.authz.decision:'])
  expect(at('|').texts).toContain('actor:')
})

test('offers values where a value is next', () => {
  expect(at('outcome:|').texts).toEqual(['success', 'failure', 'unknown'])
  expect(at('outcome:success,|').texts).toEqual(['success', 'failure', 'unknown'])
  expect(at('outcome:(success OR f|').texts).toEqual(['failure'])
  expect(at('since:|').texts).toContain('7d')
  expect(at('missing:pol|').texts).toContain('policy')
})

test('names the field whose values only events know', () => {
  expect(at('actor:al| x')).toMatchObject({ field: 'actor', typed: 'al', start: 6, end: 8, items: [] })
  expect(at('actor:"al|')).toMatchObject({ field: 'actor', typed: 'al', start: 6, end: 9 })
})

test('offers operators behind a term only', () => {
  expect(at('actor:a o|').texts[0]).toBe('OR')
  expect(at('o|').texts).not.toContain('OR')
})

test('offers nothing within free text in quotes', () => {
  expect(at('"res|').texts).toEqual([])
  expect(at('"res"|').texts).toEqual([])
})

test('offers no hidden field', () => {
  const texts = suggest('user.em', 7, new Map([['user.email', 'hide']])).items.map((item) => item.text)

  expect(texts).not.toContain('user.email:')
})

test('offers fields that can be asked for', () => {
  for (const { text } of at('us|').items) {
    expect(() => parseQuery(`has:${text.slice(0, -1)}`, { now: 0 }), text).not.toThrow()
  }
})
