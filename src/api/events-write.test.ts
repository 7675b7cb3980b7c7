import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { type TestApi, aReceiptWith, anApi, bearer } from '../../test/an-api.ts'
import { AuditError } from '../domain/errors.ts'

let api: TestApi
let token: string
beforeEach(() => {
  api = anApi()
  token = api.token({ scope: 'ingest' })
})
afterEach(() => api.close())

const post = (payload: string | Buffer, headers: Record<string, string> = {}, to = api) =>
  to.app.inject({ method: 'POST', url: '/v1/events', payload, headers: { ...bearer(token), ...headers } })
const sentTexts = () => api.emitted.flatMap(({ records }) => records.map(({ bytes }) => Buffer.from(bytes).toString()))

test('takes one object, an array and lines, verbatim', async () => {
  const one = '{"event":{"action":"a"} }'
  const two = '{"event": {"action":"b"}}'
  expect((await post(one)).json()).toMatchObject({ received: 1, kept: 1 })
  expect((await post(`[${one},\n ${two}]`)).json()).toMatchObject({ received: 2 })
  expect((await post(`${one}\n${two}\n`, { 'content-type': 'application/x-ndjson' })).json()).toMatchObject({
    received: 2,
  })

  expect(sentTexts()).toEqual([one, one, two, one, two])
})

test('takes bodies in gzip and zstd', async () => {
  const one = '{"event":{"action":"a"}}'
  await post(gzipSync(one), { 'content-encoding': 'gzip' })
  await post(zstdCompressSync(one), { 'content-encoding': 'zstd' })

  expect(sentTexts()).toEqual([one, one])
})

test('a gzip bomb is refused by its size', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
  const answer = await post(bomb, { 'content-encoding': 'gzip' })

  expect(answer.statusCode).toBe(413)
  expect(answer.json()).toMatchObject({ code: 'too_large' })
  expect(api.emitted).toEqual([])
})

test('refuses an encoding that it does not know, and broken gzip', async () => {
  expect((await post('x', { 'content-encoding': 'br' })).statusCode).toBe(415)
  expect((await post('x', { 'content-encoding': 'gzip' })).statusCode).toBe(400)
})

test('refuses a body beyond the limit before it is read whole', async () => {
  const small = anApi({ limits: { requestBytes: 1000, inflateRatio: 200, records: 10 } })
  const inSmall = small.token({ scope: 'ingest' })
  const answer = await post('x'.repeat(2000), bearer(inSmall), small)
  expect(answer.statusCode).toBe(413)

  const many = await post(JSON.stringify(Array.from({ length: 11 }, () => ({}))), bearer(inSmall), small)
  expect(many.statusCode).toBe(413)
  await small.close()
})

test('an empty body is refused with what to send', async () => {
  expect((await post('')).json()).toMatchObject({
    status: 400,
    code: 'bad_request',
    hint: expect.stringContaining('JSON'),
  })
  expect((await post('[]')).statusCode).toBe(400)
})

test('writes as the one source of the credential, whatever the record says', async () => {
  const bound = api.token({ scope: 'ingest', source: 'shop' })
  await post('{"event":{"action":"a"}}', bearer(bound))
  await post('{"event":{"action":"a"}}')

  expect(api.emitted.map(({ source }) => source)).toEqual(['shop', 'api'])
})

test('answers 422 when every record was rejected, else 200 with one result each', async () => {
  const rejected = { rejected: { code: 'not_json', message: 'no' } }
  const kept = { id: 'x', log: 'l', index: 0 }
  const all = anApi({ emitFor: () => async () => aReceiptWith([rejected, rejected]) })
  const some = anApi({ emitFor: () => async () => aReceiptWith([kept, rejected]) })

  const answer = await post('[1,2]', bearer(all.token({ scope: 'ingest' })), all)
  expect(answer.statusCode).toBe(422)
  expect(answer.json()).toMatchObject({ received: 2, rejected: 2, results: [rejected, rejected] })
  expect((await post('[1,2]', bearer(some.token({ scope: 'ingest' })), some)).statusCode).toBe(200)
  await all.close()
  await some.close()
})

test('says when to come again when the journal is full', async () => {
  const full = anApi({
    emitFor: () => () => Promise.reject(new AuditError('busy', 'the journal is full', { retryAfterMs: 1500 })),
  })
  const answer = await post('{}', bearer(full.token({ scope: 'ingest' })), full)

  expect(answer.statusCode).toBe(429)
  expect(answer.headers['retry-after']).toBe('2')
  await full.close()
})

test('hands on the idempotency key; one that came with another body is 422', async () => {
  await post('{}', { 'idempotency-key': '"key-1"' })
  expect(api.emitted[0]?.key).toBe('key-1')
  expect((await post('{}', { 'idempotency-key': 'a b' })).statusCode).toBe(400)

  const used = anApi({ emitFor: () => () => Promise.reject(new AuditError('conflict', 'key-1 came with other bytes')) })
  const headers = { ...bearer(used.token({ scope: 'ingest' })), 'idempotency-key': 'key-1' }
  expect((await post('{}', headers, used)).statusCode).toBe(422)
  await used.close()
})

test('refuses unknown parameters', async () => {
  const answer = await api.app.inject({
    method: 'POST',
    url: '/v1/events?source=x',
    payload: '{}',
    headers: bearer(token),
  })
  expect(answer.json()).toMatchObject({ status: 400, errors: [{ path: 'source' }] })
})

test('tells nothing of an error without a name but an id, and logs it once', async () => {
  const broken = anApi({ emitFor: () => () => Promise.reject(new Error('secret detail')) })
  const answer = await post('{}', bearer(broken.token({ scope: 'ingest' })), broken)

  expect(answer.statusCode).toBe(500)
  expect(answer.body).not.toContain('secret detail')
  expect(answer.json()).toMatchObject({
    code: 'internal',
    detail: expect.stringMatching(/^internal error [0-9a-f-]{36}$/),
  })
  expect(broken.errors).toHaveLength(1)
  await broken.close()
})
