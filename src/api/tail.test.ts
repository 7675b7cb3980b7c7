import { afterEach, beforeEach, expect, test } from 'vitest'

import { type TestApi, anApi, anEvent, bearer } from '../../test/an-api.ts'

let api: TestApi
let base: string
let token: string
beforeEach(async () => {
  api = anApi()
  token = api.token({ scope: 'read', name: 'ada' })
  base = await api.app.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(() => api.close())

/** Reads a stream message by message. */
async function openTail(headers: Record<string, string> = {}, query = '?q=action:delete') {
  const answer = await fetch(`${base}/v1/events:tail${query}`, { headers: { ...bearer(token), ...headers } })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let pending = ''
  const next = async (): Promise<string | undefined> => {
    while (!pending.includes('\n\n')) {
      const { done = true, value = '' } = (await reader?.read()) ?? {}
      if (done) return undefined
      pending += value
    }
    const end = pending.indexOf('\n\n')
    const message = pending.slice(0, end)
    pending = pending.slice(end + 2)
    return message
  }
  expect(await next()).toBe(': open')
  return { answer, next, close: () => reader?.cancel() }
}
const dataOf = (message = '') => JSON.parse(/^data: (.*)$/m.exec(message)?.[1] ?? '{}')

test('sends what becomes searchable, from now on', async () => {
  api.events.push(anEvent(0))
  const tail = await openTail()
  expect(tail.answer.headers.get('content-type')).toBe('text/event-stream')
  expect(tail.answer.headers.get('cache-control')).toBe('no-store')

  api.events.push(anEvent(1))
  api.searchable()
  const message = await tail.next()
  expect(message).toMatch(/^id: 2\nevent: events\ndata: /)
  expect(dataOf(message)).toMatchObject({ events: [{ user: { name: 'user-1' } }], feed: '2' })
  await tail.close()
})

test('goes on behind the last message that arrived', async () => {
  for (let n = 0; n < 4; n++) api.events.push(anEvent(n))
  const tail = await openTail({ 'last-event-id': '2' })

  const names = dataOf(await tail.next()).events.map(({ user }: { user: { name: string } }) => user.name)
  expect(names).toEqual(['user-2', 'user-3'])
  await tail.close()
})

test('ends when the token does', async () => {
  const tail = await openTail()
  const [known] = api.auth.listTokens()
  api.auth.revokeToken(known?.id ?? '')
  api.events.push(anEvent(0))
  api.searchable()

  expect(await tail.next()).toContain('"code":"unauthenticated"')
  expect(await tail.next()).toBeUndefined()
})

test('is one event of the trail, also when the connection broke in between', async () => {
  const first = await openTail()
  await first.close()
  const second = await openTail({ 'last-event-id': '0' })
  await second.close()

  expect(api.trail).toMatchObject([{ event: { action: 'watch' }, user: { name: 'ada' } }])
})

test('ends with the server', async () => {
  const tail = await openTail()
  const closing = api.app.close()

  expect(await tail.next()).toBeUndefined()
  await closing
})

test('refuses a bad query and a bad Last-Event-ID before it begins', async () => {
  const refused = (query: string, headers: Record<string, string> = {}) =>
    fetch(`${base}/v1/events:tail?q=${query}`, { headers: { ...bearer(token), ...headers } })

  expect((await refused('actoin:x')).status).toBe(400)
  expect((await refused('action:x', { 'last-event-id': 'x' })).status).toBe(400)
})

test('a caller who cannot see events gets no stream', async () => {
  const answer = await fetch(`${base}/v1/events:tail`, { headers: bearer(api.token({ scope: 'ingest' })) })
  expect(answer.status).toBe(403)
})
