import { afterEach, beforeEach, expect, test } from 'vitest'

import { type TestApi, anApi, anEvent, bearer } from '../../test/an-api.ts'
import type { EventPage } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { memoryReads } from '../../test/memory-reads.ts'
import type { Reads } from '../store/reads.ts'

let api: TestApi
let token: string
beforeEach(() => {
  api = anApi()
  token = api.token({ scope: 'read', name: 'ada' })
  for (let n = 0; n < 5; n++) api.events.push(anEvent(n))
})
afterEach(() => api.close())

const get = (url: string, headers: Record<string, string> = {}, to = api) =>
  to.app.inject({ url, headers: { ...bearer(token), ...headers } })
const namesOf = (page: EventPage) => page.events.map(({ user }) => user?.name)

test('lists newest first, page after page, without what came in between', async () => {
  const first = (await get('/v1/events?q=action:delete&limit=2')).json<EventPage>()
  expect(namesOf(first)).toEqual(['user-4', 'user-3'])
  expect(first.asOf).toBe('5')
  api.events.push(anEvent(9))

  const second = (await get(`/v1/events?q=action:delete&limit=2&cursor=${first.next}`)).json<EventPage>()
  expect(namesOf(second)).toEqual(['user-2', 'user-1'])
  expect(second.asOf).toBe('5')
  const last = (await get(`/v1/events?q=action:delete&limit=2&cursor=${second.next}`)).json<EventPage>()
  expect(namesOf(last)).toEqual(['user-0'])
  expect(last.next).toBeUndefined()
})

test('links to the next page', async () => {
  const answer = await get('/v1/events?q=action:delete&limit=2')
  const link = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers.link))?.[1] ?? ''

  expect(namesOf((await get(link)).json())).toEqual(['user-2', 'user-1'])
})

test('refuses a cursor with another query, range, order or caller, and one that was made up', async () => {
  const { next } = (await get('/v1/events?q=action:delete&limit=2')).json<EventPage>()
  const other = api.token({ scope: 'read' })

  const refusals = await Promise.all([
    get(`/v1/events?q=action:create&cursor=${next}`),
    get(`/v1/events?q=action:delete&since=7d&cursor=${next}`),
    get(`/v1/events?q=action:delete&order=oldest&cursor=${next}`),
    get(`/v1/events?q=action:delete&asOf=4&cursor=${next}`),
    get(`/v1/events?q=action:delete&cursor=${next}`, bearer(other)),
    get(`/v1/events?q=action:delete&cursor=${'A'.repeat(82)}`),
    get(`/v1/events?q=action:delete&cursor=x`),
  ])
  expect(refusals.map(({ statusCode }) => statusCode)).toEqual([400, 400, 400, 400, 400, 400, 400])
})

test('answers in lines when asked to', async () => {
  const answer = await get('/v1/events?limit=2', { accept: 'application/x-ndjson' })

  expect(answer.headers['content-type']).toContain('application/x-ndjson')
  const lines = answer.body.trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line).user.name)).toEqual(['user-4', 'user-3'])
})

test('shows a query error at its token, with what would put it right', async () => {
  const answer = await get(`/v1/events?q=${encodeURIComponent('actoin:delete')}`)

  expect(answer.statusCode).toBe(400)
  expect(answer.headers['content-type']).toContain('application/problem+json')
  expect(answer.json()).toMatchObject({ code: 'invalid_query', start: 0, end: 6, suggestion: 'action' })
})

test.each([
  'limit=0',
  'limit=1001',
  'limit=x',
  'limit=',
  'limit=0x10',
  'order=up',
  'since=whenever',
  'zone=Mars',
  'asOf=-1',
  'sinc=7d',
])('refuses %s', async (parameter) => {
  const answer = await get(`/v1/events?${parameter}`)
  expect(answer.json()).toMatchObject({ status: 400, code: 'bad_request' })
})

test('names the parameter that was meant', async () => {
  const answer = await get('/v1/events?sinc=7d')
  expect(answer.json()).toMatchObject({
    errors: [{ path: 'sinc', message: expect.stringContaining('did you mean since?') }],
  })
})

test('a search is one event of the trail, its summary and further pages belong to it', async () => {
  const { next, asOf } = (await get('/v1/events?q=action:delete&limit=2')).json<EventPage>()
  await get(`/v1/events:summary?q=action:delete&asOf=${asOf}`)
  await get(`/v1/events?q=action:delete&limit=2&cursor=${next}`)
  expect(api.trail).toMatchObject([
    { event: { action: 'search' }, user: { name: 'ada' }, audit: { request: { q: 'action:delete' } } },
  ])

  await get(`/v1/events?q=action:create&asOf=${asOf}`)
  expect(api.trail).toHaveLength(2)
})

test('a query that was refused is no search', async () => {
  await get('/v1/events?q=actoin:delete')
  await get('/v1/events:summary?q=actoin:delete')

  expect(api.trail).toEqual([])
})

test('what a caller no longer waits for is ended in the store', async () => {
  const ended = Promise.withResolvers<unknown>()
  const list: Reads['list'] = (_request, _visibility, signal) =>
    new Promise((_, reject) => {
      signal?.addEventListener('abort', () => {
        reject(signal.reason)
        ended.resolve(signal.reason)
      })
      asked.resolve()
    })
  const asked = Promise.withResolvers<void>()
  const slow = anApi({ reads: { ...memoryReads(() => []), list } })
  const base = await slow.app.listen({ host: '127.0.0.1', port: 0 })
  const gone = new AbortController()
  const headers = bearer(slow.token({ scope: 'read' }))
  const answer = fetch(`${base}/v1/events`, { headers, signal: gone.signal }).catch((error: unknown) => error)
  await asked.promise

  gone.abort()

  expect(await ended.promise).toMatchObject({ name: 'AbortError' })
  await answer
  expect(slow.errors).toEqual([])
  await slow.close()
})

test('nobody sees further than what is searchable', async () => {
  expect((await get('/v1/events?asOf=999')).json<EventPage>().asOf).toBe('5')
})

test('a summary says what is not searchable yet, and where the record begins', async () => {
  const behind = anApi({
    asOf: () => 5,
    acked: () => 8,
    reads: memoryReads(() => api.events),
  })
  const headers = bearer(behind.token({ scope: 'read' }))
  const answer = await behind.app.inject({ url: '/v1/events:summary?since=2026-11-01&until=2026-12-01', headers })

  expect(answer.json()).toMatchObject({
    total: 5,
    counts: { success: 5 },
    completeness: { behind: 3, recordedSince: '2026-11-24T11:00:00.000Z' },
    asOf: '5',
  })
  await behind.close()
})

test('gives one event and its original, as bytes that no browser runs', async () => {
  const id = api.events[1]?.event.id
  const one = await get(`/v1/events/${id}`)
  const original = await get(`/v1/events/${id}/original`)

  expect(one.json()).toMatchObject({ user: { name: 'user-1' } })
  expect(original.body).toBe('{"n":1}')
  expect(original.headers).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  })
  expect((await get(`/v1/events/${'A'.repeat(20)}zz`)).statusCode).toBe(404)
  expect((await get('/v1/events/x')).statusCode).toBe(404)
})

test('a place is named whole or not at all', async () => {
  const path = `/v1/events/${api.events[1]?.event.id}`

  expect((await get(`${path}?log=acme/n1/default/2026-11`)).json()).toMatchObject({ status: 400, code: 'bad_request' })
  expect((await get(`${path}/proof?index=1`)).json()).toMatchObject({ status: 400, code: 'bad_request' })
  expect((await get(`${path}?log=acme/n1/default/2026-11&index=`)).json()).toMatchObject({
    errors: [{ path: 'index' }],
  })
})

test('a proof is text for tools, and JSON with what a browser needs', async () => {
  const id = api.events[2]?.event.id
  const text = await get(`/v1/events/${id}/proof`)
  const json = await get(`/v1/events/${id}/proof?format=json`)

  expect(text.body).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 2\n/)
  const answer = json.json()
  expect(answer).toMatchObject({ log: 'acme/n1/default/2026-11', index: 2, proof: text.body })
  expect(answer.commitments).toHaveLength(5)
  expect(answer.blocks.map(({ block }: { block: string }) => block)).toEqual(['actor', 'original'])
})

test('asks to come again while no checkpoint covers an event', async () => {
  const answer = await get(`/v1/events/${api.events[4]?.event.id}/proof`)

  expect(answer.statusCode).toBe(409)
  expect(answer.headers['retry-after']).toBe('1')
})

test('says that the engine is not ready, and when to come again', async () => {
  const unready = new AuditError('engine_unavailable', 'the engine starts', { retryAfterMs: 2000 })
  const waiting = anApi({ reads: { ...memoryReads(() => []), list: () => Promise.reject(unready) } })
  const answer = await get('/v1/events', bearer(waiting.token({ scope: 'read' })), waiting)

  expect(answer.statusCode).toBe(503)
  expect(answer.headers['retry-after']).toBe('2')
  await waiting.close()
})
