import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'

import { anApi, anEvent, bearer, type TestApi } from '../../test/an-api.ts'
import { AuditError } from '../domain/errors.ts'
import type { RulesAnswer } from '../domain/rule-answers.ts'

let api: TestApi
let admin: Record<string, string>
beforeEach(() => {
  api = anApi()
  admin = bearer(api.token({ scope: 'admin' }))
})
afterEach(() => api.close())

async function call(method: 'GET' | 'PUT' | 'POST' | 'DELETE', url: string, payload?: object, headers = admin) {
  const answer = await api.app.inject({ method, url, headers, ...(payload && { payload }) })
  const body: unknown = answer.body === '' ? {} : answer.json()
  return { status: answer.statusCode, body, text: answer.body }
}

/** Of a change that waits. */
function idOf(body: unknown): string {
  return z.object({ kind: z.literal('waiting'), id: z.string() }).parse(body).id
}

// The route's own contract.
const rulesNow = async () => (await call('GET', '/v1/rules')).body as RulesAnswer

test('a rule that drops nothing that is stored applies at once, and is gone when it is removed', async () => {
  const before = await rulesNow()
  const put = await call('PUT', '/v1/rules/no-watch', { match: 'action:watch', drop: true })
  expect(put).toMatchObject({ status: 200, body: { kind: 'applied', changes: [{ path: 'rule/no-watch' }] } })

  const now = await rulesNow()
  expect(now).toMatchObject({
    revision: before.revision + 1,
    rules: [{ name: 'rule/no-watch', family: 'expression', origin: 'api', at: '2026-11-24T12:00:00.000Z' }],
  })
  expect(now.rules[0]?.by).toMatch(/^token:/)
  expect(now.hash).not.toBe(before.hash)
  expect((await call('PUT', '/v1/rules/no-watch', { match: 'action:watch', drop: true })).body).toMatchObject({
    kind: 'same',
  })
  expect((await call('DELETE', '/v1/rules/no-watch')).body).toMatchObject({ kind: 'applied' })
  expect((await rulesNow()).hash).toBe(before.hash)
  const versions = await call('GET', '/v1/rules/versions?limit=2')
  expect(versions.body).toMatchObject({ versions: [{ revision: 3 }, { revision: 2 }] })
})

test('a rule that would have dropped much waits, and applies when it is confirmed', async () => {
  api.events.push(...[1, 2, 3].map((n) => anEvent(n)))
  const put = await call('PUT', '/v1/rules/none', { match: 'action:delete', drop: true })
  expect(put).toMatchObject({ status: 202, body: { kind: 'waiting' } })
  expect(put.text).toContain('3 of 3 events')
  expect(await rulesNow()).toMatchObject({ revision: 1, rules: [], waiting: [{ id: idOf(put.body) }] })

  const confirmed = await call('POST', `/v1/rules/waiting/${idOf(put.body)}:confirm`)
  expect(confirmed).toMatchObject({ status: 200, body: { kind: 'applied', revision: 2 } })
  expect(await rulesNow()).toMatchObject({ waiting: [], rules: [{ name: 'rule/none' }] })
  expect(await call('POST', `/v1/rules/waiting/${idOf(put.body)}:confirm`)).toMatchObject({ status: 409 })
})

test('what waits can be refused, with a reason', async () => {
  api.events.push(anEvent(1))
  const { body } = await call('PUT', '/v1/rules/none', { drop: true })
  expect((await call('POST', `/v1/rules/waiting/${idOf(body)}:refuse`, {})).status).toBe(400)
  expect((await call('POST', `/v1/rules/waiting/${idOf(body)}:refuse`, { reason: 'too much' })).status).toBe(200)
  expect(await rulesNow()).toMatchObject({ rules: [], waiting: [] })
  expect((await call('POST', `/v1/rules/waiting/${idOf(body)}:confirm`)).status).toBe(409)
  expect((await call('POST', '/v1/rules/waiting/nobody:confirm')).status).toBe(404)
})

test('a dry run says what a candidate would do, with examples, and changes nothing', async () => {
  api.events.push(anEvent(1), anEvent(2, { event: { action: 'create', id: 'AQIDBAUGBwgJCgsMDQ4PEA' } }))
  const rules = [
    { name: 'no-create', match: 'action:create', drop: true },
    { name: 'never', match: 'action:x', drop: true },
  ]
  const { body } = await call('POST', '/v1/rules:check', { rules })
  expect(body).toMatchObject({
    read: 2,
    isPart: false,
    now: { kept: 2, dropped: 0 },
    candidate: { kept: 1, dropped: 1 },
    newlyDropped: 1,
    neverMatched: ['rule/never'],
    rules: [{ name: 'rule/no-create', matched: 1, dropped: 1 }],
    examples: [{ event: { action: 'create' } }],
    cannotKnow: [expect.stringContaining('were not stored')],
  })
  expect(await rulesNow()).toMatchObject({ revision: 1, rules: [] })
})

test('a dry run tells how far it is, in lines', async () => {
  api.events.push(anEvent(1))
  const headers = { ...admin, accept: 'application/x-ndjson' }
  const { body } = await api.app.inject({ method: 'POST', url: '/v1/rules:check', headers, payload: { rules: [] } })
  const lines = body.trim().split('\n')
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ read: 1, newlyDropped: 0 })
})

test('what goes wrong on the way is the last line', async () => {
  await api.close()
  const check = () => Promise.reject(new AuditError('engine_unavailable', 'the engine is starting'))
  api = anApi()
  const failing = anApi({ rules: { ...api.deps.rules, check } })
  const headers = { ...bearer(failing.token({ scope: 'admin' })), accept: 'application/x-ndjson' }
  const { body } = await failing.app.inject({ method: 'POST', url: '/v1/rules:check', headers, payload: { rules: [] } })
  expect(JSON.parse(body)).toEqual({ problem: { code: 'engine_unavailable', detail: 'the engine is starting' } })
  await failing.close()
})

test('rules are tried on stored events only by those from whom nothing is hidden', async () => {
  const hidden = bearer(api.token({ scope: 'admin', hide: ['user.email'] }))
  expect((await call('POST', '/v1/rules:check', { rules: [] }, hidden)).status).toBe(403)
})

test('one event is tried against rules, and the one that decides is said with what it says', async () => {
  const rules = [
    { name: 'seen', match: 'action:delete', shadow: true, drop: true },
    { name: 'no-delete', match: 'action:delete', drop: true },
  ]
  const records = JSON.stringify({ event: { action: 'delete' } })
  const { body } = await call('POST', '/v1/rules:try', { rules, records })
  expect(body).toMatchObject({
    records: [
      {
        events: [
          {
            becomes: 'dropped',
            by: 'rule/no-delete',
            acted: [
              { rule: 'rule/seen', shadow: true },
              { rule: 'rule/no-delete', did: 'drop', says: expect.stringContaining('action:delete') },
            ],
          },
        ],
      },
    ],
  })
})

describe('what is wrong is refused with where and what was meant', () => {
  test.each([
    ['PUT', '/v1/rules/a', { match: 'actoin:x', drop: true }, /action/],
    ['PUT', '/v1/rules/a', { match: 'action:x' }, /does nothing/],
    ['PUT', '/v1/rules/a', { name: 'b', drop: true }, /not the one in the address/],
    ['PUT', '/v1/rules/A%20B', { drop: true }, /name has 1 to 63/],
    ['PUT', '/v1/rules/a', { drop: true, keep: true }, /one thing/],
    ['DELETE', '/v1/rules/a', undefined, /there is no rule\/a/],
    [
      'POST',
      '/v1/rules:check',
      { documents: [{ name: 'x.yaml', text: 'kind: Polcy' }] },
      /x\.yaml:1:1: .*did you mean Policy/,
    ],
    ['POST', '/v1/rules:check', { documents: [{ name: 'x.yaml', text: 'a: [' }] }, /x\.yaml:1:\d+: is no YAML/],
    ['POST', '/v1/rules:check', { excludedCategories: ['iams'] }, /did you mean iam/],
    ['POST', '/v1/rules:check', { masksOff: ['jwtt'] }, /did you mean secret\/jwt/],
    ['POST', '/v1/rules:check', { rule: [] }, /did you mean rules/],
    ['POST', '/v1/rules:try', { records: '{}', format: 'esc' }, /did you mean ecs/],
  ] as const)('%s %s %j', async (method, url, payload, message) => {
    const answer = await call(method, url, payload)
    expect([400, 404]).toContain(answer.status)
    expect(answer.text).toMatch(message)
    expect(await rulesNow()).toMatchObject({ rules: [], waiting: [] })
  })
})

test('who may not edit rules changes none, and sees them all the same', async () => {
  const reader = bearer(api.token({ scope: 'read' }))
  expect((await call('GET', '/v1/rules', undefined, reader)).status).toBe(200)
  expect((await call('PUT', '/v1/rules/a', { drop: true }, reader)).status).toBe(403)
  expect((await call('POST', '/v1/rules:check', { rules: [] }, reader)).status).toBe(403)
})
