import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type TestApi, LOG, anApi, anEvent, bearer } from '../../test/an-api.ts'
import { memoryReads } from '../../test/memory-reads.ts'
import type { AuditEvent } from '../domain/event.ts'

/** What must never be seen: stands in the hidden field and in the original of every event. */
const CANARY = 'canary-8f3a@example.com'
const ID = Buffer.alloc(16, 1).toString('base64url')

/** A request for each route that the router knows. One without a case here fails below. */
const CASES = new Map<string, { url: string; payload?: string }>([
  ['GET /healthz', { url: '/healthz' }],
  ['GET /readyz', { url: '/readyz' }],
  ['POST /v1/session', { url: '/v1/session', payload: '{"secret":"wrong"}' }],
  ['DELETE /v1/session', { url: '/v1/session' }],
  ['POST /v1/admin-links', { url: '/v1/admin-links' }],
  ['GET /v1/me', { url: '/v1/me' }],
  ['POST /v1/events', { url: '/v1/events', payload: '{"event":{"action":"a"}}' }],
  ['GET /v1/events', { url: '/v1/events?q=action:delete&limit=1' }],
  ['GET /v1/events::summary', { url: '/v1/events:summary?q=action:delete' }],
  // One page of a tail is read; it ends with the server.
  ['GET /v1/events::tail', { url: '/v1/events:tail?q=action:delete' }],
  ['GET /v1/events/:id', { url: `/v1/events/${ID}` }],
  ['GET /v1/events/:id/original', { url: `/v1/events/${ID}/original` }],
  ['GET /v1/events/:id/proof', { url: `/v1/events/${ID}/proof?format=json` }],
  ['GET /v1/fields', { url: '/v1/fields' }],
  ['POST /v1/tokens', { url: '/v1/tokens', payload: '{"scope":"read"}' }],
  ['GET /v1/tokens', { url: '/v1/tokens' }],
  ['DELETE /v1/tokens/:id', { url: '/v1/tokens/aaaaaaaaaaaa' }],
  ['GET /log', { url: '/log' }],
  ['GET /log/*', { url: `/log/${LOG}/checkpoint` }],
  ['GET /in/:name', { url: '/in/prod-1' }],
  ['POST /in/:name', { url: '/in/prod-1', payload: '{}' }],
  ['PUT /in/:name', { url: '/in/prod-1', payload: '{}' }],
  ['GET /in/:name/*', { url: '/in/prod-1/_bulk' }],
  ['POST /in/:name/*', { url: '/in/prod-1/_bulk', payload: '{}' }],
  ['PUT /in/:name/*', { url: '/in/prod-1/_bulk', payload: '{}' }],
  ['GET /', { url: '/' }],
  ['GET /assets/*', { url: '/assets/index.js' }],
  ['GET /:file', { url: '/mark.svg' }],
])

let api: TestApi
let base: string
let uiFolder: string
const anonymous = {}
beforeAll(async () => {
  uiFolder = mkdtempSync(join(tmpdir(), 'whodid-ui-'))
  writeFileSync(join(uiFolder, 'index.html'), '<!doctype html>')
  const events: AuditEvent[] = []
  api = anApi({ uiFolder, reads: memoryReads(() => events), asOf: () => events.length })
  for (let n = 0; n < 3; n++) {
    const event = anEvent(n)
    const original = JSON.stringify({ mail: CANARY })
    events.push({ ...event, event: { ...event.event, original }, user: { name: 'ada', email: CANARY } })
  }
  base = await api.app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await api.close()
  rmSync(uiFolder, { recursive: true, force: true })
})

const routes = () =>
  api.routes
    .filter(({ method }) => method !== 'HEAD')
    .map((route) => ({ ...route, name: `${route.method} ${route.url}` }))
const isPublic = (needs: readonly string[]) => needs.every((need) => need === 'PUBLIC')

/** Over a real connection; of an endless stream the first message that holds events, or what there is. */
async function call(name: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const { url, payload } = CASES.get(name) ?? { url: '/missing' }
  const method = name.split(' ', 1)[0] ?? ''
  const isTail = url.includes(':tail')
  const ended = new AbortController()
  const sent = { ...headers, ...(isTail && { 'last-event-id': '0' }) }
  const body = payload === undefined ? {} : { body: payload }
  const answer = await fetch(`${base}${url}`, { method, headers: sent, signal: ended.signal, ...body })
  let text = ''
  for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    if (isTail && answer.ok && text.includes('data:')) break
  }
  ended.abort()
  return { status: answer.status, body: text }
}

test('every route that the router has is tried here', () => {
  const missing = routes().filter(({ name }) => !CASES.has(name))
  expect(missing.map(({ name }) => name)).toEqual([])
  const gone = [...CASES.keys()].filter((name) => !routes().some((route) => route.name === name))
  expect(gone).toEqual([])
})

describe.each([...CASES.keys()])('%s', (name) => {
  const route = () => routes().find((each) => each.name === name)

  test('tells nothing to a caller whom nobody knows', async () => {
    const answer = await call(name, anonymous)
    if (!isPublic(route()?.needs ?? [])) expect(answer.status).toBe(401)
    expect(answer.body).not.toContain(CANARY)
    expect(answer.body).not.toContain('ada')
  })

  test('tells nothing to a caller who lacks its permission', async () => {
    const needs = route()?.needs ?? []
    if (isPublic(needs) || needs.includes('SIGNED_IN')) return
    const scope = needs.includes('EVENT_WRITE') ? 'read' : 'ingest'
    const answer = await call(name, bearer(api.token({ scope })))
    // A receiver's credential is its own: another token is nobody there.
    expect(answer.status).toBe(name.includes('/in/') ? 401 : 403)
    expect(answer.body).not.toContain(CANARY)
    expect(answer.body).not.toContain('ada')
  })

  test('shows a hidden field to nobody from whom it is hidden', async () => {
    const answer = await call(name, bearer(api.token({ scope: 'read', hide: ['user.email'] })))
    expect(answer.body).not.toContain(CANARY)
    expect(answer.body).not.toContain('"user.email"')
  })
})

test('the canary is there for who may see it', async () => {
  const headers = bearer(api.token({ scope: 'read' }))
  for (const name of ['', '/:id', '/:id/original', '/:id/proof', '::tail']) {
    expect((await call(`GET /v1/events${name}`, headers)).body).toContain(CANARY)
  }
  expect((await call('GET /v1/fields', headers)).body).toContain('user.email')
})

test('a hidden field and one that never was are the same error', async () => {
  const headers = bearer(api.token({ scope: 'read', hide: ['user.email'] }))
  const about = async (field: string) => {
    const answer = await fetch(`${base}/v1/events?q=${encodeURIComponent(`${field}:x`)}`, { headers })
    // Which name lies nearest is the one thing that depends on how it is written.
    return (await answer.text()).replaceAll(field, 'FIELD').replace(/,"suggestion":"user\.(?!email)\w+"/, '')
  }
  const hidden = await about('user.email')
  expect(hidden).toContain('There is no field FIELD')
  expect(hidden).toBe(await about('user.enail'))
})
