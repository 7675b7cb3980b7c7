import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'

import { type TestApi, LOG, anApi, bearer } from '../../test/an-api.ts'
import type { ApiDeps } from './deps.ts'

let api: TestApi
afterEach(() => api.close())

const ledger: ApiDeps['ledger'] = {
  logs: () => [{ origin: LOG, vkey: 'key', size: 3, stream: 'default', period: '2026-11', state: 'open' }],
  checkpoint: () => undefined,
  proof: () => Promise.resolve(undefined),
  async serve(_log, path) {
    if (path === 'checkpoint')
      return { body: Buffer.from('note'), contentType: 'text/plain', cache: 'short', gzip: false }
    if (path === 'tile/0/000')
      return { body: Buffer.alloc(32), contentType: 'application/octet-stream', cache: 'immutable', gzip: false }
    if (path !== 'tile/entries/000') return undefined
    return { body: gzipSync('leaf'), contentType: 'application/octet-stream', cache: 'immutable', gzip: true }
  },
}

async function statuses(token?: string): Promise<readonly number[]> {
  const headers = token === undefined ? {} : bearer(token)
  const paths = ['/log', `/log/${LOG}/checkpoint`, `/log/${LOG}/tile/0/000`, `/log/${LOG}/tile/entries/000`]
  const answers = await Promise.all(paths.map((url) => api.app.inject({ url, headers })))
  return answers.map(({ statusCode }) => statusCode)
}

test('serves the logs to who may read the ledger, and says what may be kept', async () => {
  api = anApi({ ledger })
  const headers = bearer(api.token({ scope: 'read' }))
  const get = (path: string) => api.app.inject({ url: `/log/${LOG}/${path}`, headers })

  expect((await get('checkpoint')).headers['cache-control']).toBe('private, max-age=1')
  expect((await get('tile/0/000')).headers['cache-control']).toContain('immutable')
  expect((await get('tile/entries/000')).headers['content-encoding']).toBe('gzip')
  expect((await get('tile/0/001')).statusCode).toBe(404)
  expect((await api.app.inject({ url: '/log/acme/n1/other/2026-11/checkpoint', headers })).statusCode).toBe(404)
})

test('what has not changed is not sent again', async () => {
  api = anApi({ ledger, publicLedger: 'entries' })
  const get = (path: string, known?: string) =>
    api.app.inject({ url: `/log/${LOG}/${path}`, headers: known === undefined ? {} : { 'if-none-match': known } })

  const tags = await Promise.all(
    ['checkpoint', 'tile/0/000', 'tile/entries/000'].map(async (path) => {
      const { etag } = (await get(path)).headers
      for (const known of [`${etag}`, `W/${etag}`, `"other", ${etag}`, '*'])
        expect(await get(path, known)).toMatchObject({ statusCode: 304, body: '', headers: { etag } })
      for (const known of ['"other"', `${etag}x`, '', ','.repeat(1000) + `${etag}`])
        expect((await get(path, known)).statusCode).toBe(200)
      return etag
    }),
  )
  expect(new Set(tags).size).toBe(3)
  // A cache that asks again is told how long it may keep it from now on.
  expect((await get('tile/0/000', '*')).headers['cache-control']).toBe('public, max-age=31536000, immutable')
  expect((await get('tile/0/001', '*')).statusCode).toBe(404)
})

test('HEAD says all that GET says, and sends nothing', async () => {
  api = anApi({ ledger, publicLedger: 'entries' })
  for (const path of ['checkpoint', 'tile/0/000', 'tile/entries/000']) {
    const url = `/log/${LOG}/${path}`
    const [head, get] = [await api.app.inject({ method: 'HEAD', url }), await api.app.inject({ url })]
    expect([head.statusCode, head.body]).toEqual([200, ''])
    const { date: _, ...said } = head.headers
    expect(get.headers).toMatchObject(said)
    expect(said['content-length']).toBe(String(get.rawPayload.length))
  }
  expect((await api.app.inject({ method: 'HEAD', url: `/log/${LOG}/tile/0/001` })).statusCode).toBe(404)
})

test('HEAD opens no more than GET does', async () => {
  api = anApi({ ledger, publicLedger: 'tiles' })
  const head = async (path: string) => (await api.app.inject({ method: 'HEAD', url: `/log/${LOG}/${path}` })).statusCode

  expect(await head('tile/0/000')).toBe(200)
  expect(await head('tile/entries/000')).toBe(401)
})

test.each([
  ['none', 'private', 'private'],
  ['tiles', 'public', 'private'],
  ['entries', 'public', 'public'],
] as const)('with ledger.public: %s caches and pages of others get tiles %s, entries %s', async (...row) => {
  const [publicLedger, tiles, entries] = row
  api = anApi({ ledger, publicLedger })
  const headers = { ...bearer(api.token({ scope: 'read' })), origin: 'https://auditor.example' }
  const expected = [
    ['/log', tiles],
    [`/log/${LOG}/checkpoint`, tiles],
    [`/log/${LOG}/tile/0/000`, tiles],
    [`/log/${LOG}/tile/entries/000`, entries],
  ] as const
  for (const [url, kept] of expected) {
    const said = (await api.app.inject({ url, headers })).headers
    expect(said['cache-control']).toMatch(new RegExp(`^${kept}, max-age=`))
    expect([url, said['access-control-allow-origin']]).toEqual([url, kept === 'public' ? '*' : undefined])
    expect(said['cross-origin-resource-policy']).toBe(kept === 'public' ? 'cross-origin' : 'same-origin')
    expect(said['access-control-allow-credentials']).toBeUndefined()
  }
})

test.each([
  ['none', [401, 401, 401, 401]],
  ['tiles', [200, 200, 200, 401]],
  ['entries', [200, 200, 200, 200]],
] as const)('ledger.public: %s opens exactly what it says', async (publicLedger, expected) => {
  api = anApi({ ledger, publicLedger })

  expect(await statuses()).toEqual(expected)
  expect(await statuses(api.token({ scope: 'read' }))).toEqual([200, 200, 200, 200])
})

test.each([
  'tile%2Fentries%2F000',
  'tile/%65ntries/000',
  'tile//entries/000',
  './tile/entries/000',
  'tile/0/../entries/000',
])('entries cannot be had by another spelling of their path: %s', async (path) => {
  api = anApi({ ledger, publicLedger: 'tiles' })
  const answer = await api.app.inject({ url: `/log/${LOG}/${path}` })

  expect([401, 404]).toContain(answer.statusCode)
})
