import { expect, test } from 'vitest'
import { Intake, receiptFor } from '../../test/contract/source.ts'
import type { RecordResult } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { type BulkConfig, createBulk } from './bulk.ts'
import { parseSource } from './kinds.ts'
import type { Emit, ReceiverRequest, ReceiverResponse } from './source.ts'

const DOCUMENT = '{"event":{"action":"read"},  "user":{"name":"ada"}}'
const PLAIN: BulkConfig = { name: 'shippers', kind: 'bulk' }

function ask(
  request: Partial<Omit<ReceiverRequest, 'body'>> & { readonly body?: string | Uint8Array },
  emit: Emit = new Intake().emit,
  config = PLAIN,
): Promise<ReceiverResponse> {
  const { body = '', ...more } = request
  const whole = { method: 'GET', path: '', query: '', headers: new Map<string, string>(), ...more }
  return createBulk(config).handle({ ...whole, body: Buffer.from(body) }, emit, new AbortController().signal)
}

const post = (body: string | Uint8Array, emit?: Emit, config?: BulkConfig, path = '/_bulk') =>
  ask({ method: 'POST', path, body }, emit, config)

function answering(results: readonly RecordResult[]): Emit {
  return async (records) => ({ ...receiptFor(records.length), results })
}

/** Status and kind of error of each item. */
function outcomes({ body }: ReceiverResponse): readonly unknown[] {
  // What `take` answers.
  const { items } = body as { items: readonly Record<string, { status: number; error?: { type: string } }>[] }
  return items.flatMap((item) => Object.values(item).map(({ status, error }) => [status, error?.type]))
}

const PLACE = { id: 'an-id', log: 'acme/n1/default/2026-11', index: 7 }

test('cuts documents out verbatim, and names those that have an id by index and id', async () => {
  const intake = new Intake()
  const body = `{"create":{"_index":"audit-2026","_id":"d-1"}}\n${DOCUMENT}\n{"index":{}}\r\n${DOCUMENT}\r\n`
  const answer = await post(body, intake.emit, PLAIN, '/shop/_bulk')
  expect(answer.status).toBe(200)
  expect(intake.texts).toEqual([DOCUMENT, DOCUMENT])
  expect(intake.records.map(({ format, fallbackId, naturalId }) => [format, fallbackId, naturalId])).toEqual([
    ['ecs', 'audit-2026/d-1', undefined],
    ['ecs', undefined, undefined],
  ])
})

test('the name of the index chooses the format, the first that matches', async () => {
  const config = parseSource({
    name: 'shippers',
    kind: 'bulk',
    indices: [
      { match: 'kube*audit-*', format: 'kubernetes-audit' },
      { match: 'kubeaudit', format: 'kubernetes-audit' },
    ],
  })
  if (config.kind !== 'bulk') throw new Error('another kind')
  const intake = new Intake()
  const names = ['kubeaudit', 'kubeaudit-2026.11.24', 'kube-audit-audit-1', 'kubeaudi', 'xkubeaudit-1', 'shop', '']
  const pairs = names.map((name) => `{"create":{"_index":"${name}"}}\n${DOCUMENT}\n`)
  await post(pairs.join(''), intake.emit, config)
  const isKubernetes = intake.records.map(({ format }) => format === 'kubernetes-audit')
  expect(isKubernetes).toEqual([true, true, true, false, false, false, false])
  const wrong = { name: 'a', kind: 'bulk', indices: [{ match: 'x', format: 'kubernetes-adit' }] }
  expect(() => parseSource(wrong)).toThrow(/did you mean kubernetes-audit/)
  const options = { name: 'a', kind: 'bulk', indices: [{ match: 'x', format: 'ecs', options: { no: 'such' } }] }
  expect(() => parseSource(options)).toThrow(/source a/)
})

test('answers each document for itself: taken, repeated, rejected, and what changes events', async () => {
  const results: readonly RecordResult[] = [
    PLACE,
    { duplicate: 'an-id', log: PLACE.log, index: 7 },
    { duplicate: 'an-id', log: PLACE.log, index: 7 },
    { rejected: { code: 'missing_field', path: 'event.action', message: 'there is none' } },
    { ...PLACE, conflict: true },
    { dropped: 'a-rule' },
  ]
  const taken = ['create', 'create', 'index', 'index', 'create', 'create'].map((op) => `{"${op}":{}}\n${DOCUMENT}\n`)
  const refused = `{"update":{"_id":"d-1"}}\n{"doc":{}}\n{"delete":{"_id":"d-1"}}\n`
  const answer = await post(`${refused}${taken.join('')}`, answering(results))
  expect(answer.body).toMatchObject({ errors: true })
  expect(outcomes(answer)).toEqual([
    [400, 'illegal_argument_exception'],
    [400, 'illegal_argument_exception'],
    [201, undefined],
    [409, 'version_conflict_engine_exception'],
    [200, undefined],
    [400, 'mapper_parsing_exception'],
    [201, undefined],
    [200, undefined],
  ])
  expect(await post(`{"create":{}}\n${DOCUMENT}\n`, answering([PLACE]))).toMatchObject({
    body: { errors: false, items: [{ create: { _id: 'an-id', status: 201, result: 'created' } }] },
  })
})

test('tells a sender to wait as OpenSearch does, and takes nothing of what it cannot read', async () => {
  const busy: Emit = () => Promise.reject(new AuditError('busy', 'the journal is full', { retryAfterMs: 9500 }))
  expect(await post(`{"create":{}}\n${DOCUMENT}\n`, busy)).toMatchObject({
    status: 429,
    headers: { 'retry-after': '10' },
    body: { status: 429, error: { type: 'rejected_execution_exception', reason: expect.stringContaining('full') } },
  })
  const intake = new Intake()
  const good = `{"create":{}}\n${DOCUMENT}\n`
  for (const bad of [
    '{"create":{}}',
    '{"create":{}}\n',
    'x\ny\n',
    '[1]\n{}\n',
    '{"create":{},"index":{}}\n{}\n',
    '{"upsert":{}}\n{}\n',
    `{"create":{"_index":"${'x'.repeat(20_000)}"}}\n{}\n`,
  ]) {
    expect(await post(`${good}${bad}`, intake.emit)).toMatchObject({
      status: 400,
      body: { error: { type: 'illegal_argument_exception', reason: expect.stringMatching(/line [34]/) } },
    })
  }
  expect(await post(`{"create":{}}\n{}\n`.repeat(10_001), intake.emit)).toMatchObject({ status: 413 })
  expect(intake.batches).toEqual([])
  const failed = new AuditError('io_failed', 'the journal failed')
  await expect(post(good, () => Promise.reject(failed))).rejects.toBe(failed)
})

test('a hostile megabyte costs no more than reading it', async () => {
  const intake = new Intake()
  for (const body of [
    '\n'.repeat(1 << 20),
    '{"create":{}}\n\n'.repeat(10_000),
    `{"create":{"_index":"${'*a'.repeat(4000)}"}}\n{}\n`.repeat(120),
    `{"create":${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}}\n{}\n`.repeat(50),
    `{"create":{"__proto__":{"_index":"x"},"_id":"constructor"}}\n{}\n`,
  ]) {
    expect((await post(body, intake.emit)).status).toBe(200)
  }
  expect(intake.records.at(-1)?.fallbackId).toBe('/constructor')
})

test('answers what shippers ask before they send', async () => {
  expect(await ask({ path: '/' })).toMatchObject({ status: 200, body: { version: { distribution: 'opensearch' } } })
  expect(await ask({ method: 'HEAD' })).toMatchObject({ status: 200 })
  expect(await ask({ path: '/_cluster/health' })).toMatchObject({ status: 200, body: { status: 'green' } })
  for (const path of ['/_index_template/logs', '/_template/logs', '/_ilm/policy/filebeat', '/filebeat-8']) {
    expect(await ask({ method: 'HEAD', path })).toMatchObject({ status: 200 })
    expect(await ask({ method: 'PUT', path, body: '{}' })).toMatchObject({ body: { acknowledged: true } })
  }
  for (const path of ['/_nodes/http', '/_search', '/_cat/indices', '/_cluster/settings']) {
    expect(await ask({ path })).toMatchObject({ status: 404, body: { status: 404 } })
  }
  expect(await ask({ path: '/_bulk' })).toMatchObject({ status: 404 })
  const elastic = { ...PLAIN, speaks: 'elasticsearch' } as const
  expect(await ask({ path: '/' }, undefined, elastic)).toMatchObject({
    headers: { 'x-elastic-product': 'Elasticsearch' },
    body: { tagline: 'You Know, for Search', version: { build_flavor: 'default' } },
  })
  expect(await ask({ path: '/_license' }, undefined, elastic)).toMatchObject({
    body: { license: { status: 'active' } },
  })
})
