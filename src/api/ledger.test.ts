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
