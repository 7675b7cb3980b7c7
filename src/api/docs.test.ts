import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { anApi } from '../../test/an-api.ts'

const read = (path: string) => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')

test('docs/api.md tells of every route', async () => {
  const api = anApi()
  const docs = read('docs/api.md')
  const isTold = (url: string) => docs.includes(url.replaceAll('::', ':').replaceAll(':id', '{id}'))
  const named = api.routes.map(({ url }) => url).filter((url) => !/^\/(in|log)\//.test(url))

  expect(named.filter((url) => !isTold(url))).toEqual([])
  await api.close()
})

test('docs/operate.md tells of every error code', () => {
  const codes = [...read('src/domain/errors.ts').matchAll(/^ {2}\| '(\w+)'$/gm)].map(([, code]) => code)

  expect(codes.length).toBeGreaterThan(15)
  expect(codes.filter((code) => !read('docs/operate.md').includes(`| \`${code}\` |`))).toEqual([])
})
