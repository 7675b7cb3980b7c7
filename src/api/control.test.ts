import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { type TestApi, anApi } from '../../test/an-api.ts'
import { type ControlSocket, listenControl } from './control.ts'

let api: TestApi
let control: ControlSocket
beforeEach(() => {
  api = anApi()
})
afterEach(async () => {
  await control.close()
  await api.close()
})

function get(socketPath: string, path: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers: { host: 'whodid' } }, (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(body) }), reject)
    })
      .on('error', reject)
      .end()
  })
}

test('whoever can open the socket is the local operator', async () => {
  control = await listenControl(api.app, api.folder)

  expect(statSync(control.path).mode & 0o777).toBe(0o600)
  const me = await get(control.path, '/v1/me')
  expect(me).toMatchObject({
    status: 200,
    body: { name: `local:${process.getuid?.()}`, scopes: ['read', 'ingest', 'admin'] },
  })
  expect(await get(control.path, '/v1/tokens')).toMatchObject({ status: 200, body: { tokens: [] } })
})

test('takes the place of a socket that a dead process left', async () => {
  writeFileSync(join(api.folder, 'control.sock'), '')
  control = await listenControl(api.app, api.folder)

  expect((await get(control.path, '/healthz')).status).toBe(200)
})

test('lies elsewhere when the path of the data folder is too long for a socket', async () => {
  const deep = join(api.folder, 'd'.repeat(120))
  mkdirSync(deep)
  control = await listenControl(api.app, deep)

  expect(Buffer.byteLength(control.path)).toBeLessThanOrEqual(100)
  expect((await get(control.path, '/healthz')).status).toBe(200)
})
