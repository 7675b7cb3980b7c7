import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { anApi } from '../../test/an-api.ts'

const read = (path: string) => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')

test('docs/api.md has a section for every route', async () => {
  const api = anApi()
  const headings = [...read('docs/api.md').matchAll(/^### (.+)$/gm)].map(([, heading]) => heading).join(' ')
  const named = api.routes.filter(({ method }) => method !== 'HEAD').map(({ method, url }) => `${method} ${told(url)}`)
  // A receiver says itself which methods it takes.
  const wanted = named.filter((route) => !/^(GET|PUT) \/in\//.test(route))

  expect(wanted.length).toBeGreaterThan(15)
  expect(wanted.filter((route) => !headings.includes(`\`${route}\``))).toEqual([])
  await api.close()
})

/** A route as the page writes it. */
function told(url: string): string {
  const plain = url
    .replaceAll(/\(\^[^)]*\)/g, '')
    .replaceAll('::', ':')
    .replaceAll(':id', '{id}')
  return plain
    .replace(/^\/in\/.*/, '/in/NAME')
    .replace(/^\/log\/.*/, '/log/ORIGIN/…')
    .replaceAll(':name', '{name}')
}

test('docs/operate.md tells of every error code', () => {
  const codes = [...read('src/domain/errors.ts').matchAll(/^ {2}\| '(\w+)'$/gm)].map(([, code]) => code)

  expect(codes.length).toBeGreaterThan(15)
  expect(codes.filter((code) => !read('docs/operate.md').includes(`| \`${code}\` |`))).toEqual([])
})
