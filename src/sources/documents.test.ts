import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { KINDS, parseSource } from './kinds.ts'

const HEADINGS = [
  'What it takes',
  'Configure',
  'What it becomes',
  'What the far side does when told to wait',
  'Limits',
  'Errors',
]

function pageOf(kind: string): string {
  return readFileSync(new URL(`../../docs/sources/${kind}.md`, import.meta.url), 'utf8')
}

test.each(KINDS.map(({ kind }) => kind))('%s has a page with the headings of all pages', (kind) => {
  const headings = [...pageOf(kind).matchAll(/^## (.+)$/gm)].map((match) => match[1])
  expect(headings).toEqual(HEADINGS)
})

test.each(KINDS.map(({ kind }) => kind))('the configuration that the page of %s shows is taken', (kind) => {
  const example = /```yaml\n([^`]+)```/.exec(pageOf(kind))?.[1]
  // A page shows a list of sources; what is in them is what is tested.
  const { sources } = parse(example ?? '') as { sources: unknown[] }
  expect(sources.map(parseSource).map((source) => source.kind)).toEqual([kind])
})
