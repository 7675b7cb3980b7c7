import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { declaredField, fieldNames } from '../domain/fields.ts'
import { parseQuery } from './parse.ts'

const PAGE = readFileSync(new URL('../../docs/query.md', import.meta.url), 'utf8')

test('every example of the page is a query', () => {
  const examples = [...PAGE.matchAll(/```query\n([^`]*)```/g)].map(([, text = '']) => text.trim())

  expect(examples.length).toBeGreaterThan(5)
  for (const text of examples) expect(() => parseQuery(text, { now: 0 }), text).not.toThrow()
})

test('the page has every short name, and says what it stands for', () => {
  const cells = [...PAGE.matchAll(/\| ((?:`[\w.-]+` ?)+) \| (`[^|]+?) (?=\|)/g)]
  const said = new Map(
    cells.flatMap(([, names = '', field = '']) => words(names).map((name) => [name, words(field)[0]])),
  )

  for (const name of fieldNames()) {
    const path = declaredField(name)?.path
    if (path !== name) expect(said.get(name), name).toBe(path)
  }
})

function words(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
}
