import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type TestApi, LOG, anApi, bearer } from '../../test/an-api.ts'
import { TEST_LOG, aSealed, idOf } from '../../test/sealed-events.ts'
import type { AuditEvent } from '../domain/event.ts'
import { createMask } from '../domain/mask.ts'
import type { FieldRule } from '../query/visibility.ts'
import { encodeRows } from '../store/encode.ts'
import { type Store, openStore } from '../store/store.ts'

/** What must never be seen: in the hidden fields of every event, and so in its original. */
const HIDDEN = ['user.email', 'user.name', 'source.ip']
const CANARIES = ['canary-8f3a@example.com', 'canary-name', '203.0.113.77'] as const
const ID = idOf(1)

/** A request for each route that the router knows. One without a case here fails below. */
const CASES = new Map<string, { url: string; payload?: string }>([
  ['GET /healthz', { url: '/healthz' }],
  ['GET /readyz', { url: '/readyz' }],
  ['POST /v1/session', { url: '/v1/session', payload: '{"secret":"wrong"}' }],
  ['DELETE /v1/session', { url: '/v1/session' }],
  ['POST /v1/admin-links', { url: '/v1/admin-links' }],
  ['GET /v1/me', { url: '/v1/me' }],
  ['POST /v1/events', { url: '/v1/events', payload: '{"event":{"action":"a"}}' }],
  ['POST /v1/logs', { url: '/v1/logs', payload: '{"resourceLogs":[]}' }],
  ['GET /v1/events', { url: '/v1/events?q=action:delete&limit=1' }],
  ['GET /v1/events::summary', { url: '/v1/events:summary?q=action:delete' }],
  // One page of a tail is read; it ends with the server.
  ['GET /v1/events::tail', { url: '/v1/events:tail?q=action:delete' }],
  ['GET /v1/events/:id', { url: `/v1/events/${ID}` }],
  ['GET /v1/events/:id/original', { url: `/v1/events/${ID}/original` }],
  ['GET /v1/events/:id/related', { url: `/v1/events/${ID}/related` }],
  ['GET /v1/events/:id/proof', { url: `/v1/events/${ID}/proof?format=json` }],
  ['POST /v1/backups', { url: '/v1/backups', payload: '{"to":"/nowhere"}' }],
  ['GET /v1/backups/:id', { url: '/v1/backups/aaaaaaaaaaaaaaaa' }],
  ['POST /v1/evidence', { url: '/v1/evidence', payload: '{"query":"action:delete"}' }],
  ['GET /v1/evidence/:id', { url: '/v1/evidence/aaaaaaaaaaaaaaaa' }],
  ['GET /v1/evidence/:id/file', { url: '/v1/evidence/aaaaaaaaaaaaaaaa/file' }],
  ['POST /v1/erasures::preview', { url: '/v1/erasures:preview', payload: '{"names":["nobody"]}' }],
  ['POST /v1/erasures', { url: '/v1/erasures', payload: '{"names":["nobody"],"reference":"R-1","basis":"17(1)"}' }],
  ['GET /v1/erasures', { url: '/v1/erasures' }],
  [String.raw`GET /v1/erasures/:id(^[\w-]+)`, { url: '/v1/erasures/a' }],
  [String.raw`POST /v1/erasures/:id(^[\w-]+)::approve`, { url: '/v1/erasures/a:approve', payload: '{"confirm":true}' }],
  [String.raw`POST /v1/erasures/:id(^[\w-]+)::refuse`, { url: '/v1/erasures/a:refuse', payload: '{"reason":"no"}' }],
  [
    String.raw`POST /v1/erasures/:id(^[\w-]+)::hold`,
    { url: '/v1/erasures/a:hold', payload: '{"reason":"no","until":"2027-01-01T00:00:00Z"}' },
  ],
  ['GET /v1/fields', { url: '/v1/fields' }],
  ['GET /v1/formats', { url: '/v1/formats' }],
  ['POST /v1/tokens', { url: '/v1/tokens', payload: '{"scope":"read"}' }],
  ['GET /v1/tokens', { url: '/v1/tokens' }],
  ['DELETE /v1/tokens/:id', { url: '/v1/tokens/aaaaaaaaaaaa' }],
  ['GET /log', { url: '/log' }],
  ['GET /log/:install/:node/:stream/:period/tile/entries/*', { url: `/log/${LOG}/tile/entries/000.p/3` }],
  ['GET /log/*', { url: `/log/${LOG}/checkpoint` }],
  ['GET /v1/ledger/scrub', { url: '/v1/ledger/scrub' }],
  ['POST /v1/ledger/scrub', { url: '/v1/ledger/scrub', payload: '{}' }],
  ['GET /in/:name', { url: '/in/prod-1' }],
  ['POST /in/:name', { url: '/in/prod-1', payload: '{}' }],
  ['PUT /in/:name', { url: '/in/prod-1', payload: '{}' }],
  ['GET /in/:name/*', { url: '/in/prod-1/_bulk' }],
  ['POST /in/:name/*', { url: '/in/prod-1/_bulk', payload: '{}' }],
  ['PUT /in/:name/*', { url: '/in/prod-1/_bulk', payload: '{}' }],
  ['GET /v1/sources', { url: '/v1/sources' }],
  ['GET /v1/sources/:name', { url: '/v1/sources/prod-1' }],
  ['GET /v1/sources/:name/accounting', { url: '/v1/sources/prod-1/accounting' }],
  ['POST /v1/sources::try', { url: '/v1/sources:try', payload: '{"format":"ecs","records":"{}"}' }],
  ['GET /v1/sources/:name/rejected', { url: '/v1/sources/prod-1/rejected' }],
  ['GET /v1/sources/:name/rejected/:id', { url: '/v1/sources/prod-1/rejected/1' }],
  ['POST /v1/sources/:name/rejected::replay', { url: '/v1/sources/prod-1/rejected:replay', payload: '{"all":true}' }],
  ['POST /v1/sources/:name/rejected::discard', { url: '/v1/sources/prod-1/rejected:discard', payload: '{"all":true}' }],
  ['POST /v1/sources/:name/events::reread', { url: '/v1/sources/prod-1/events:reread', payload: '{"force":true}' }],
  ['GET /accessaudits', { url: '/accessaudits' }],
  ['GET /accessaudits/:name', { url: '/accessaudits/audit-1' }],
  ['PUT /accessaudits/:name', { url: '/accessaudits/audit-1', payload: '{}' }],
  ['DELETE /accessaudits/:name', { url: '/accessaudits/audit-1' }],
  ['GET /v1/rules', { url: '/v1/rules' }],
  ['GET /v1/rules/versions', { url: '/v1/rules/versions' }],
  ['GET /v1/rules/waiting', { url: '/v1/rules/waiting' }],
  ['PUT /v1/rules/:name', { url: '/v1/rules/a', payload: '{"match":"action:a","drop":true}' }],
  ['DELETE /v1/rules/:name', { url: '/v1/rules/a' }],
  [String.raw`POST /v1/rules/waiting/:id(^[\w-]+)::confirm`, { url: '/v1/rules/waiting/a:confirm' }],
  [
    String.raw`POST /v1/rules/waiting/:id(^[\w-]+)::refuse`,
    { url: '/v1/rules/waiting/a:refuse', payload: '{"reason":"no"}' },
  ],
  ['POST /v1/rules::check', { url: '/v1/rules:check', payload: '{"rules":[{"name":"a","drop":true}]}' }],
  ['GET /v1/rules::audited', { url: '/v1/rules:audited' }],
  ['GET /v1/rules::document', { url: '/v1/rules:document?name=rule/a' }],
  ['POST /v1/rules::lint', { url: '/v1/rules:lint', payload: '{"documents":[]}' }],
  ['POST /v1/rules::try', { url: '/v1/rules:try', payload: '{"records":"{}"}' }],
  ['GET /v1/streams', { url: '/v1/streams' }],
  ['PUT /v1/streams/:name', { url: '/v1/streams/a', payload: '{"keepDays":3}' }],
  ['POST /v1/streams::prune', { url: '/v1/streams:prune', payload: '{}' }],
  [String.raw`POST /v1/streams/waiting/:id(^[\w-]+)::confirm`, { url: '/v1/streams/waiting/a:confirm' }],
  [
    String.raw`POST /v1/streams/waiting/:id(^[\w-]+)::refuse`,
    { url: '/v1/streams/waiting/a:refuse', payload: '{"reason":"no"}' },
  ],
  ['GET /v1/holds', { url: '/v1/holds' }],
  ['POST /v1/holds', { url: '/v1/holds', payload: '{"stream":"a","reason":"b"}' }],
  [String.raw`POST /v1/holds/:id(^[\w-]+)::release`, { url: '/v1/holds/a:release', payload: '{"reason":"no"}' }],
  ['GET /', { url: '/' }],
  ['GET /assets/*', { url: '/assets/index.js' }],
  ['GET /:file', { url: '/mark.svg' }],
])

let api: TestApi
/** What rules mask for every reader. */
let masks: ReadonlyMap<string, FieldRule> = new Map()
let store: Store
let base: string
let folder: string
const anonymous = {}
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-leak-'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html>')
  store = openStore({ folder: join(folder, 'engine'), log: () => {} })
  await store.ready
  await store.inserts.insert(threeEvents())
  api = anApi({ readMasks: () => masks, uiFolder: folder, reads: store.reads, asOf: () => 3, acked: () => 3 })
  base = await api.app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await api.close()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

function threeEvents() {
  const [email, name, ip] = CANARIES
  const event = { action: 'delete', outcome: 'success', original: JSON.stringify({ email, name, ip }) } as const
  const made = [1, 2, 3].map((feed) =>
    aSealed({ event, user: { name, email, id: 'u-1' }, source: { ip } }, { feed, index: feed - 1 }),
  )
  const events = () => Promise.resolve(made)
  return { log: TEST_LOG, first: 0, last: 2, blocks: [encodeRows(made)], events, onRefused: () => expect.unreachable() }
}

function expectNoCanary(body: string): void {
  for (const canary of CANARIES) expect(body).not.toContain(canary)
}

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
    expectNoCanary(answer.body)
  })

  test('tells nothing to a caller who lacks its permission', async () => {
    const needs = route()?.needs ?? []
    if (isPublic(needs) || needs.includes('SIGNED_IN')) return
    const scope = needs.includes('EVENT_WRITE') ? 'read' : 'ingest'
    const answer = await call(name, bearer(api.token({ scope })))
    // A receiver's credential is its own: another token is nobody there.
    expect(answer.status).toBe(name.includes('/in/') ? 401 : 403)
    expectNoCanary(answer.body)
  })

  test('shows hidden fields to nobody from whom they are hidden', async () => {
    const answer = await call(name, bearer(api.token({ scope: 'read', hide: HIDDEN })))
    expectNoCanary(answer.body)
    for (const path of HIDDEN) expect(answer.body).not.toContain(`"${path}"`)
  })
})

describe('what rules mask for every reader', () => {
  const mask = { mask: createMask('remove', 0, String) }
  beforeAll(() => {
    masks = new Map([
      ['user.*', mask],
      ['**.ip', mask],
    ])
  })
  afterAll(() => {
    masks = new Map()
  })

  test.each([...CASES.keys()])('%s shows to nobody', async (name) => {
    const answer = await call(name, bearer(api.token({ scope: 'read' })))
    expectNoCanary(answer.body)
  })

  test('is shown as masked, and can be asked for by nobody', async () => {
    const headers = bearer(api.token({ scope: 'admin' }))
    const { events } = JSON.parse((await call('GET /v1/events', headers)).body) as { events: AuditEvent[] }
    expect(events[0]?.user).toEqual({ name: '[masked]', email: '[masked]', id: '[masked]' })
    expect(events[0]?.source).toBeUndefined()
    for (const path of HIDDEN)
      expect((await fetch(`${base}/v1/events:summary?q=${path}:*`, { headers })).status).toBe(400)
  })
})

test('the canaries are there for who may see them', async () => {
  const headers = bearer(api.token({ scope: 'read' }))
  for (const name of ['', '/:id', '/:id/original', '/:id/related', '/:id/proof', '::tail']) {
    const { body } = await call(`GET /v1/events${name}`, headers)
    for (const canary of CANARIES) expect(body).toContain(canary)
  }
  const { body } = await call('GET /v1/events::summary', headers)
  expect(body).toContain('canary-name')
})

test.each(HIDDEN)('nothing is found, counted or ordered by the hidden %s', async (path) => {
  const headers = bearer(api.token({ scope: 'read', hide: HIDDEN }))
  const refused = await fetch(`${base}/v1/events:summary?q=${path}:*`, { headers })
  expect(refused.status).toBe(400)
  for (const canary of CANARIES) {
    const found = await fetch(`${base}/v1/events:summary?q=${encodeURIComponent(`"${canary}"`)}`, { headers })
    expect(await found.json()).toMatchObject({ total: 0 })
  }
})

test('names of all sources and streams are not for one from whom the field is hidden', async () => {
  const me = async (hide: readonly string[]) => {
    const answer = await fetch(`${base}/v1/me`, { headers: bearer(api.token({ scope: 'read', hide })) })
    return answer.json()
  }
  expect(await me([])).toMatchObject({ sources: ['prod-1'], streams: ['default'] })
  expect(await me(['whodid.source'])).toMatchObject({ sources: [], streams: ['default'] })
  expect(await me(['whodid.stream'])).toMatchObject({ sources: ['prod-1'], streams: [] })
})

test('how sources stand is not for one from whom their names are hidden', async () => {
  const status = async (hide: readonly string[]) => {
    const answer = await fetch(`${base}/v1/sources`, { headers: bearer(api.token({ scope: 'read', hide })) })
    return answer.status
  }
  expect(await status([])).toBe(200)
  expect(await status(['user.email'])).toBe(200)
  expect(await status(['whodid.source'])).toBe(403)
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
