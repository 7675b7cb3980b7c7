import { request } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { type TestApi, anApi, bearer } from '../../test/an-api.ts'
import { createApi } from './api.ts'

let api: TestApi
beforeEach(() => {
  api = anApi()
})
afterEach(() => api.close())

/** Signs in as a browser does, and gives its cookie. */
async function signedIn(): Promise<string> {
  const secret = api.auth.createAdminLink()
  const headers = { origin: 'http://localhost:80', host: 'localhost:80' }
  const answer = await api.app.inject({ method: 'POST', url: '/v1/session', payload: { secret }, headers })
  expect(answer.statusCode).toBe(200)
  return String(answer.headers['set-cookie']).split(';', 1)[0] ?? ''
}

test('a link signs a browser in, with a cookie that scripts and other sites cannot use', async () => {
  const secret = api.auth.createAdminLink()
  const answer = await api.app.inject({ method: 'POST', url: '/v1/session', payload: { secret } })

  expect(answer.headers['set-cookie']).toMatch(
    /^whodid-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/,
  )
  const cookie = String(answer.headers['set-cookie']).split(';', 1)[0]
  const me = await api.app.inject({ url: '/v1/me', headers: { cookie } })
  expect(me.json()).toMatchObject({ name: 'admin', scopes: ['read', 'ingest', 'admin'], install: 'acme' })
  expect(api.trail).toMatchObject([{ event: { action: 'sign-in', outcome: 'success' }, user: { name: 'admin' } }])
})

test('a used or wrong link is refused, and that is an event', async () => {
  const answer = await api.app.inject({ method: 'POST', url: '/v1/session', payload: { secret: 'wrong' } })

  expect(answer.json()).toMatchObject({
    status: 401,
    code: 'unauthenticated',
    hint: expect.stringContaining('whodid admin-link'),
  })
  expect(api.trail).toMatchObject([{ event: { action: 'sign-in', outcome: 'failure' }, user: { kind: 'anonymous' } }])
})

test('whoever tries many links does not flood the trail', async () => {
  const attempt = () => api.app.inject({ method: 'POST', url: '/v1/session', payload: { secret: 'guess' } })
  for (let n = 0; n < 50; n++) expect((await attempt()).statusCode).toBe(401)
  api.pass(60_000)

  expect(api.trail).toHaveLength(2)
  expect(api.trail[1]?.event).toMatchObject({ action: 'sign-in', reason: expect.stringContaining('49 more times') })
})

test('signing out ends the session', async () => {
  const cookie = await signedIn()
  const headers = { cookie, origin: 'http://localhost:80' }
  const answer = await api.app.inject({ method: 'DELETE', url: '/v1/session', headers })

  expect(answer.statusCode).toBe(204)
  expect((await api.app.inject({ url: '/v1/me', headers: { cookie } })).statusCode).toBe(401)
})

test('what changes something by cookie must come from our own pages', async () => {
  const cookie = await signedIn()
  const change = (headers: Record<string, string>) =>
    api.app.inject({ method: 'POST', url: '/v1/admin-links', headers: { cookie, ...headers } })

  expect((await change({ origin: 'http://localhost:80' })).statusCode).toBe(201)
  expect((await change({ origin: 'http://evil.example' })).statusCode).toBe(403)
  expect((await change({ origin: 'null' })).statusCode).toBe(403)
  expect((await change({})).statusCode).toBe(403)
})

test('another site cannot sign a browser in', async () => {
  const secret = api.auth.createAdminLink()
  const headers = { origin: 'http://evil.example' }
  const answer = await api.app.inject({ method: 'POST', url: '/v1/session', payload: { secret }, headers })

  expect(answer.statusCode).toBe(403)
})

test.each([
  ['localhost:7421', 200],
  ['127.0.0.1:7421', 200],
  ['[::1]:7421', 200],
  ['evil.example', 403],
  ['localhost.evil.example', 403],
  ['127.0.0.1.evil.example', 403],
])('on loopback a request for host %s is answered %i', async (host, status) => {
  expect((await api.app.inject({ url: '/healthz', headers: { host } })).statusCode).toBe(status)
})

test('every answer forbids scripts, frames and sniffing from elsewhere', async () => {
  const token = api.token({ scope: 'read' })
  for (const url of ['/healthz', '/v1/me', '/v1/nothing', '/log']) {
    const { headers } = await api.app.inject({ url, headers: bearer(token) })
    expect(headers['content-security-policy']).toContain("default-src 'self'")
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(headers['x-content-type-options']).toBe('nosniff')
  }
})

test('a wrong bearer is nobody, also with a good session beside it', async () => {
  const cookie = await signedIn()
  const answer = await api.app.inject({ url: '/v1/me', headers: { cookie, authorization: 'Bearer wrong' } })

  expect(answer.statusCode).toBe(401)
  expect(answer.headers['www-authenticate']).toBe('Bearer')
})

test('a refusal is an event; its repeats within a minute are counted in one more', async () => {
  const headers = bearer(api.token({ scope: 'ingest', name: 'shop' }))
  for (let n = 0; n < 5; n++) await api.app.inject({ url: '/v1/events', headers })
  expect(api.trail).toMatchObject([
    {
      event: { action: 'read', type: ['denied'], outcome: 'failure' },
      user: { name: 'shop' },
      audit: { authz: { decision: 'deny', permission: 'EVENT_READ' } },
    },
  ])

  api.pass(60_000)
  expect(api.trail).toHaveLength(2)
  expect(api.trail[1]?.event.reason).toContain('4 more times')
})

test('a browser that is not signed in yet leaves no trace', async () => {
  await api.app.inject({ url: '/v1/me' })
  await api.app.inject({ url: '/v1/events' })

  expect(api.trail).toEqual([])
})

test('a route that names no permission does not start', () => {
  const { app } = createApi({ ...api.deps })
  expect(() => app.get('/v1/forgotten', () => 'everything')).toThrow(/names no permission/)
})

test('an unknown path and a broken request are problems too', async () => {
  expect((await api.app.inject({ url: '/v1/nothing' })).json()).toMatchObject({ status: 404, code: 'not_found' })
  const answer = await api.app.inject({ method: 'POST', url: '/v1/session', payload: '{"secret":' })
  expect(answer.json()).toMatchObject({ status: 400, code: 'bad_request', detail: 'the body is no JSON' })
})

test.each(['/v1/events/%ff', `/v1/events/${'a'.repeat(600)}`])(
  'an address that nobody can read is a problem too',
  async (url) => {
    const answer = await api.app.inject({ url })

    expect(answer.json()).toMatchObject({ status: 400, code: 'bad_request', hint: expect.stringContaining('UTF-8') })
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
  },
)

test('behind a proxy the public address is ours too', async () => {
  const shown = anApi({ publicUrl: 'https://audit.example.com' })
  const secret = shown.auth.createAdminLink()
  const signIn = (host: string, origin: string) =>
    shown.app.inject({ method: 'POST', url: '/v1/session', payload: { secret }, headers: { host, origin } })

  expect((await signIn('audit.example.org', 'https://audit.example.org')).statusCode).toBe(403)
  const answered = await signIn('127.0.0.1:7421', 'https://audit.example.com')
  expect(answered.statusCode).toBe(200)
  // The browser came by https: its cookie goes no other way.
  expect(answered.headers['set-cookie']).toMatch(/^__Host-whodid=.*; Secure$/)
  const cookie = String(answered.headers['set-cookie']).split(';', 1)[0] ?? ''
  const me = await shown.app.inject({ url: '/v1/me', headers: { cookie, host: '127.0.0.1:7421' } })
  expect(me.statusCode).toBe(200)
  await shown.close()
})

test('request bodies take no more memory together than is allowed, and free it when they are answered', async () => {
  const waiting = Promise.withResolvers<void>()
  const emitFor = () => async () => {
    await waiting.promise
    return { received: 1, kept: 1, dropped: 0, duplicate: 0, rejected: 0, shed: 0, results: [] }
  }
  const small = anApi({ emitFor, limits: { requestBytes: 100, inflateRatio: 200, records: 10 } })
  const base = await small.app.listen({ host: '127.0.0.1', port: 0 })
  const headers = bearer(small.token({ scope: 'ingest' }))
  const answers: number[] = []
  const send = async () => {
    const answer = await fetch(`${base}/v1/events`, { method: 'POST', body: 'x'.repeat(90), headers })
    answers.push(answer.status)
  }
  const sent = Promise.all(Array.from({ length: 20 }, send))
  await expect.poll(() => answers).toEqual(Array.from({ length: 12 }, () => 429))
  waiting.resolve()
  await sent
  expect(answers.slice(12)).toEqual(Array.from({ length: 8 }, () => 200))

  await send()
  expect(answers.at(-1)).toBe(200)
  await small.close()
})

test('whoever nobody knows has no more read of them than a small body, and takes no room from senders', async () => {
  const base = await api.app.listen({ host: '127.0.0.1', port: 0 })
  const headers = bearer(api.token({ scope: 'ingest' }))
  // Bodies without a length that never end: eight of them would be all that batches may take together.
  const knocking = ['/v1/session', '/v1/nothing'].flatMap((path) =>
    Array.from({ length: 10 }, () => request(`${base}${path}`, { method: 'POST' }).on('error', () => undefined)),
  )
  const arrived = knocking.map((each) => new Promise<void>((resolve) => void each.write('{', () => resolve())))
  await Promise.all(arrived)

  const sent = await fetch(`${base}/v1/events`, { method: 'POST', body: '{"event":{"action":"a"}}', headers })
  expect(sent.status).toBe(200)
  for (const each of knocking) each.destroy()

  const payload = `{"secret":"${'x'.repeat(70_000)}"}`
  for (const url of ['/v1/session', '/v1/nothing']) {
    expect((await api.app.inject({ method: 'POST', url, payload })).json()).toMatchObject({
      status: 413,
      code: 'too_large',
    })
  }
})
