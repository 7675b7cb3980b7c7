import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { type TestApi, anApi, bearer } from '../../test/an-api.ts'
import { AuditError } from '../domain/errors.ts'
import type { Receiver, ReceiverRequest } from '../sources/source.ts'

let api: TestApi
let seen: ReceiverRequest[]
beforeEach(() => {
  seen = []
  const receiver: Receiver = {
    async handle(request, emit) {
      seen.push(request)
      await emit([{ bytes: request.body, format: 'test' }])
      return { status: 202, headers: { 'x-answer': 'yes' }, body: { taken: 1 } }
    },
  }
  api = anApi({ receiver: (name) => (name === 'prod-1' ? receiver : undefined) })
})
afterEach(() => api.close())

const SECRET = bearer('secret-of-prod-1-webhook')

test('hands a request to the receiver of that name, inflated, and its answer back', async () => {
  const headers = { ...SECRET, 'content-encoding': 'gzip', 'content-type': 'application/json' }
  const url = '/in/prod-1/_bulk?timeout=30s'
  const answer = await api.app.inject({ method: 'POST', url, payload: gzipSync('{"a":1}'), headers })

  expect(answer.statusCode).toBe(202)
  expect(answer.json()).toEqual({ taken: 1 })
  expect(answer.headers['x-answer']).toBe('yes')
  expect(seen).toMatchObject([{ method: 'POST', path: '/_bulk' }])
  expect(Buffer.from(seen[0]?.body ?? []).toString()).toBe('{"a":1}')
  expect(api.emitted).toMatchObject([{ source: 'prod-1' }])
})

test('a bomb never reaches a receiver', async () => {
  const headers = { ...SECRET, 'content-encoding': 'gzip' }
  const payload = gzipSync(Buffer.alloc(64 * 1024 * 1024))
  const answer = await api.app.inject({ method: 'POST', url: '/in/prod-1', payload, headers })

  expect(answer.json()).toMatchObject({ status: 413, code: 'too_large' })
  expect(seen).toEqual([])
})

test('keeps the credential from the receiver', async () => {
  await api.app.inject({ method: 'POST', url: '/in/prod-1', payload: '{}', headers: { ...SECRET, cookie: 'a=b' } })

  expect(seen[0]?.path).toBe('')
  expect([...(seen[0]?.headers.keys() ?? [])]).not.toContain('authorization')
  expect([...(seen[0]?.headers.keys() ?? [])]).not.toContain('cookie')
})

test('a token that writes as this source is as good as its secret, any other is not', async () => {
  const post = (token: string, url = '/in/prod-1') =>
    api.app.inject({ method: 'POST', url, payload: '{}', headers: bearer(token) })

  expect((await post(api.token({ scope: 'ingest', source: 'prod-1' }))).statusCode).toBe(202)
  expect((await post(api.token({ scope: 'ingest', source: 'prod-2' }))).statusCode).toBe(401)
  expect((await post(api.token({ scope: 'admin' }))).statusCode).toBe(401)
  expect((await post(api.token({ scope: 'ingest', source: 'prod-2' }), '/in/prod-2')).statusCode).toBe(404)
})

test('a wrong secret leaves one refusal in the trail', async () => {
  await api.app.inject({ method: 'POST', url: '/in/prod-1', payload: '{}', headers: bearer('wrong') })

  expect(api.trail).toMatchObject([{ event: { action: 'write', outcome: 'failure' }, user: { kind: 'anonymous' } }])
})

test('an error of a receiver is answered like any other', async () => {
  const receiver: Receiver = { handle: () => Promise.reject(new AuditError('disk_full', 'no space left')) }
  const full = anApi({ receiver: () => receiver })
  const answer = await full.app.inject({ method: 'POST', url: '/in/prod-1', payload: '{}', headers: SECRET })

  expect(answer.json()).toMatchObject({ status: 503, code: 'disk_full' })
  await full.close()
})
