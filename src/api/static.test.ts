import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { type TestApi, anApi } from '../../test/an-api.ts'

let folder: string
let api: TestApi
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-ui-'))
  mkdirSync(join(folder, 'ui', 'assets'), { recursive: true })
  writeFileSync(join(folder, 'secret.txt'), 'not for browsers')
  writeFileSync(join(folder, 'ui', 'index.html'), '<!doctype html><title>whodid</title>')
  writeFileSync(join(folder, 'ui', 'mark.svg'), '<svg/>')
  writeFileSync(join(folder, 'ui', 'assets', 'main-1a2b.js'), 'start()')
  api = anApi({ uiFolder: join(folder, 'ui') })
})
afterEach(async () => {
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

const page = { accept: 'text/html,*/*' }

test('a page of the UI is its index, never kept', async () => {
  for (const url of ['/', '/search?q=actor:ada', '/sign-in/with/depth']) {
    const answer = await api.app.inject({ url, headers: page })
    expect(answer.statusCode).toBe(200)
    expect(answer.body).toContain('<title>whodid</title>')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['content-security-policy']).toContain("default-src 'self'")
  }
})

test('assets are kept for ever, other files are not', async () => {
  const asset = await api.app.inject('/assets/main-1a2b.js')
  expect(asset.body).toBe('start()')
  expect(asset.headers['cache-control']).toContain('immutable')
  expect((await api.app.inject('/mark.svg')).headers['content-type']).toContain('image/svg+xml')
})

test('a path of the API is never a page', async () => {
  for (const url of ['/v1/nothing', '/log/nothing', '/assets/nothing.js']) {
    const answer = await api.app.inject({ url, headers: page })
    expect(answer.body).not.toContain('<title>')
    expect([401, 404]).toContain(answer.statusCode)
  }
})

test.each(['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/assets/..%2f..%2fsecret.txt', '/.hidden'])(
  'nothing outside of the folder is served: %s',
  async (url) => {
    const answer = await api.app.inject(url)
    expect(answer.statusCode).toBeGreaterThanOrEqual(400)
    expect(answer.body).not.toContain('not for browsers')
  },
)

test('without a built UI the API stands alone', async () => {
  const alone = anApi({ uiFolder: join(folder, 'nothing') })
  expect((await alone.app.inject({ url: '/', headers: page })).statusCode).toBe(404)
  expect((await alone.app.inject('/healthz')).statusCode).toBe(200)
  await alone.close()
})
