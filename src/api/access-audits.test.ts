import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { anApi, bearer, type TestApi } from '../../test/an-api.ts'
import { manualClock } from '../../test/manual-clock.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { RuleCheck } from '../domain/rule-answers.ts'
import { createAccessAuditDesk } from '../ingest/access-audit-desk.ts'
import { createRuleDesk } from '../ingest/rule-desk.ts'
import { createRulesInForce, type RulesInForce } from '../ingest/rules-in-force.ts'
import { compileRules } from '../rules/compile.ts'
import { NO_RULES } from '../rules/rule-set.ts'
import { openState, type State } from '../state/state.ts'

const NOTHING = { kept: 0, dropped: 0, changed: 0, bytes: 0 }
const NO_EFFECT: RuleCheck = {
  since: '2026-11-23T12:00:00.000Z',
  read: 0,
  isPart: false,
  now: NOTHING,
  candidate: NOTHING,
  newlyDropped: 0,
  newlyKept: 0,
  ownTrail: 0,
  rules: [],
  neverMatched: [],
  sources: [],
  examples: [],
  decidedBy: {},
}

interface Bench {
  readonly api: TestApi
  readonly inForce: RulesInForce
  readonly trail: AuditEvent[]
  close(): Promise<void>
}

let folder: string
let bench: Bench
/** What the dry run of the next change says. */
let effect: RuleCheck

/** The API over a real desk of rules and its state. */
function open(): Bench {
  const clock = manualClock()
  const state: State = openState({ folder, install: 'acme', clock })
  const inForce = createRulesInForce()
  const trail: AuditEvent[] = []
  const desk = createRuleDesk({
    inForce,
    versions: state.ruleVersions,
    approvals: state.approvals,
    approvalRule: 'single',
    compile: compileRules,
    check: async () => effect,
    trail: (event) => void trail.push(event),
    log: () => undefined,
    clock,
  })
  const ofFile = { name: 'of-file', rules: [{ types: ['Mesh'], access: ['CREATE' as const] }] }
  const origins = { 'access-audit/of-file': 'resources/audit.yaml:1:1' }
  desk.start({ set: { ...NO_RULES, accessAudits: [ofFile] }, origins, warnings: [] })
  const api = anApi({ accessAudits: createAccessAuditDesk(desk, clock) })
  return {
    api,
    inForce,
    trail,
    async close() {
      await api.close()
      state.close()
    },
  }
}

async function ask(method: 'GET' | 'PUT' | 'DELETE', url: string, body?: unknown, scope: 'admin' | 'read' = 'admin') {
  const headers = bearer(bench.api.token({ scope }))
  const payload = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await bench.api.app.inject({ method, url, headers, ...(body !== undefined && { payload }) })
  return { status: answer.statusCode, body: answer.body === '' ? undefined : answer.json<Record<string, unknown>>() }
}

const audit = (name: string) => ({
  type: 'AccessAudit',
  name,
  rules: [{ types: ['MeshTimeout'], mesh: 'default', access: ['CREATE', 'UPDATE'] }],
})

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-access-audits-'))
  effect = NO_EFFECT
  bench = open()
})

afterEach(async () => {
  await bench.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('one', () => {
  test('is created, read, changed and deleted as in Kuma, and is in force at once', async () => {
    expect(await ask('PUT', '/accessaudits/a', audit('a'))).toEqual({ status: 201, body: {} })
    expect(bench.inForce.current().set.accessAudits.map(({ name }) => name)).toEqual(['of-file', 'a'])
    expect(await ask('GET', '/accessaudits/a')).toMatchObject({ status: 200, body: audit('a') })

    const both = { ...audit('a'), rules: [{ access: ['DELETE'], accessAll: true }] }
    const warnings = ['rules[0].access: accessAll is true, so access is not looked at; say one of the two']
    expect(await ask('PUT', '/accessaudits/a', both)).toEqual({ status: 200, body: { warnings } })
    expect(await ask('GET', '/accessaudits/a')).toMatchObject({ body: both })

    expect(await ask('DELETE', '/accessaudits/a')).toEqual({ status: 200, body: {} })
    expect(await ask('GET', '/accessaudits/a')).toMatchObject({ status: 404 })
    expect(bench.inForce.current().set.accessAudits.map(({ name }) => name)).toEqual(['of-file'])
  })

  test('is an event with a diff and who did it', async () => {
    bench.trail.length = 0
    await ask('PUT', '/accessaudits/a', audit('a'))

    expect(bench.trail).toMatchObject([
      {
        event: { action: 'change', outcome: 'success' },
        user: { kind: 'service' },
        audit: { authn: { method: 'token' }, change: [{ path: 'access-audit/a' }] },
      },
    ])
  })

  test('survives a restart', async () => {
    await ask('PUT', '/accessaudits/a', audit('a'))
    await bench.close()
    bench = open()

    expect(await ask('GET', '/accessaudits/a')).toMatchObject({ status: 200, body: audit('a') })
  })

  test('waits where it would drop much, and the answer says what to do', async () => {
    effect = { ...NO_EFFECT, read: 100, now: { ...NOTHING, kept: 100 }, newlyDropped: 90 }

    const { status, body } = await ask('PUT', '/accessaudits/a', audit('a'))

    expect({ status, body }).toMatchObject({ status: 202, body: { waiting: expect.any(String) } })
    expect(String(body?.['warnings'])).toContain(`whodid rules confirm ${String(body?.['waiting'])}`)
    expect(await ask('GET', '/accessaudits/a')).toMatchObject({ status: 404 })
  })

  test('is shown as on Kubernetes', async () => {
    const { name, rules } = audit('a')
    await ask('PUT', '/accessaudits/a', audit('a'))

    expect((await ask('GET', '/accessaudits/a?format=k8s')).body).toEqual({
      apiVersion: 'kuma.io/v1alpha1',
      kind: 'AccessAudit',
      metadata: { name },
      spec: { rules },
    })
    expect(await ask('GET', '/accessaudits/a?format=xml')).toMatchObject({ status: 400, body: { type: '/std-errors' } })
  })

  test('of a file can only be read', async () => {
    expect(await ask('GET', '/accessaudits/of-file')).toMatchObject({ status: 200 })
    for (const method of ['PUT', 'DELETE'] as const) {
      expect(await ask(method, '/accessaudits/of-file', audit('of-file'))).toMatchObject({
        status: 405,
        body: { title: 'Method not Allowed', detail: expect.stringContaining('resources/audit.yaml:1:1') },
      })
    }
  })
})

describe('errors', () => {
  test('have Kuma’s shape, also with the names that it had before', async () => {
    const reason = 'name from the URL has to be the same as in body'

    expect(await ask('PUT', '/accessaudits/b', audit('a'))).toEqual({
      status: 400,
      body: {
        type: '/std-errors',
        status: 400,
        title: 'Could not process a resource',
        detail: 'Resource is not valid',
        invalid_parameters: [{ field: 'name', reason }],
        details: 'Resource is not valid',
        causes: [{ field: 'name', message: reason }],
      },
    })
  })

  test('say what is not there', async () => {
    const missing = { type: '/std-errors', status: 404, detail: 'Not found', details: 'Not found' }

    expect(await ask('GET', '/accessaudits/none')).toEqual({
      status: 404,
      body: { ...missing, title: 'Could not retrieve a resource' },
    })
    expect(await ask('DELETE', '/accessaudits/none')).toEqual({
      status: 404,
      body: { ...missing, title: 'Could not delete a resource' },
    })
  })

  test.each<[string, unknown, string]>([
    ['another type', { ...audit('a'), type: 'AccessRole' }, 'type from the URL has to be the same as in body'],
    [
      'an unknown operation',
      { ...audit('a'), rules: [{ access: ['DELTE'] }] },
      'is no operation; did you mean DELETE?',
    ],
    ['an unknown key', { ...audit('a'), rulez: [] }, 'there is no such key; did you mean rules?'],
    ['no object', [], 'the body is no JSON object'],
    ['no JSON', '{', 'the body is no JSON object'],
    [
      'a key that reaches into objects',
      '{"type":"AccessAudit","name":"a","__proto__":{}}',
      'the body is no JSON object',
    ],
  ])('refuse %s', async (_, body, words) => {
    const answer = await ask('PUT', '/accessaudits/a', body)

    expect(answer.status).toBe(400)
    expect(JSON.stringify(answer.body)).toContain(words)
    expect(await ask('GET', '/accessaudits/a')).toMatchObject({ status: 404 })
  })

  test('a caller who may not change rules can read them', async () => {
    expect(await ask('GET', '/accessaudits', undefined, 'read')).toMatchObject({ status: 200 })
    expect(await ask('PUT', '/accessaudits/a', audit('a'), 'read')).toMatchObject({ status: 403 })
    expect(await ask('DELETE', '/accessaudits/of-file', undefined, 'read')).toMatchObject({ status: 403 })
  })
})

describe('the list', () => {
  beforeEach(async () => {
    for (const name of ['b-1', 'a-1', 'a-2', 'a-3']) await ask('PUT', `/accessaudits/${name}`, audit(name))
  })

  const names = ({ body }: Awaited<ReturnType<typeof ask>>) =>
    Array.isArray(body?.['items']) ? body['items'].map((each: { name: string }) => each.name) : []

  test('is by name, with all there are and no next page', async () => {
    const list = await ask('GET', '/accessaudits')

    expect(list).toMatchObject({ status: 200, body: { total: 5, next: null } })
    expect(names(list)).toEqual(['a-1', 'a-2', 'a-3', 'b-1', 'of-file'])
  })

  test('comes in pages, each with the whole address of the next', async () => {
    const first = await ask('GET', '/accessaudits?size=2&name=a-')
    expect(names(first)).toEqual(['a-1', 'a-2'])
    expect(first.body).toMatchObject({ total: 3, next: 'http://localhost:80/accessaudits?name=a-&offset=2&size=2' })

    const second = await ask('GET', new URL(String(first.body?.['next'])).href.replace('http://localhost', ''))
    expect(names(second)).toEqual(['a-3'])
    expect(second.body).toMatchObject({ total: 3, next: null })
  })

  test.each([
    ['size=many', 'Invalid page size', 'invalid format'],
    ['size=1001', 'Invalid page size', 'invalid page size of 1001. Maximum page size is 1000'],
    ['offset=next', 'Invalid offset', 'Invalid format'],
  ])('refuses ?%s as Kuma does', async (query, detail, reason) => {
    const [field] = query.split('=')

    expect(await ask('GET', `/accessaudits?${query}`)).toMatchObject({
      status: 400,
      body: { title: 'Could not retrieve resources', detail, invalid_parameters: [{ field, reason }] },
    })
  })
})
