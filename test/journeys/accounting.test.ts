import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NOTHING } from '../../src/domain/accounting.ts'
import type { AccountingAnswer } from '../../src/domain/answers.ts'
import { hourOf } from '../../src/ingest/hours.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { loadConfig } from '../../src/server/config.ts'
import { openState } from '../../src/state/state.ts'
import { ran } from '../a-command.ts'
import { aFolder, aServer, until } from '../a-server.ts'

const NOW = Date.UTC(2026, 10, 24, 10, 30)
const TOKEN = 'a-token-of-the-shop-system'

function record(action: string, more: object = {}): object {
  return { event: { action, outcome: 'success', ...more }, user: { name: 'ada' } }
}

/** A server of a source `shop`, with what the configuration says beside it. */
async function aShop(said: string) {
  const folder = aFolder()
  const [file, data] = [join(folder, 'whodid.yaml'), join(folder, 'data')]
  writeFileSync(join(folder, 'token'), TOKEN)
  writeFileSync(file, `${said}\nsources:\n  - { name: shop, kind: http, token: { file: token } }\n`)
  const config = loadConfig({ file, data })
  const clock = { ...systemClock, now: () => NOW }
  const server = await aServer({ data, clock, config: { ...config, install: 'acme', listen: '127.0.0.1:0' } })
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  return { ...server, post: (body: string) => server.call('POST', '/in/shop', body, headers) }
}

test('the account names the rule that dropped a record, as docs/rules/accounting.md shows it', async () => {
  const { data, post } = await aShop('excludedCategories: [iam]')
  const dropped = JSON.stringify(record('role-created', { category: ['iam'] }))
  const answer = await post(`[${[dropped, dropped, JSON.stringify(record('read'))].join()}]`)
  expect(answer.json()).toMatchObject({ kept: 1, dropped: 2, results: [{ dropped: 'category/iam' }, {}, {}] })

  const { out } = await ran(['sources', 'accounting', 'shop', '--data', data])
  const page = readFileSync(join(import.meta.dirname, '../../docs/rules/accounting.md'), 'utf8')
  const [, example = ''] = /^ +\$ whodid sources accounting shop\n([^`]+)/m.exec(page) ?? []
  expect(out.trim().split('\n')).toEqual(
    example
      .trim()
      .split('\n')
      .map((line) => line.trim()),
  )
})

test('seal threads send events to another stream by a rule, where they are found and known again', async () => {
  const server = await aShop('rules:\n  - { name: deletes, match: "action:delete", route: deletions }')
  const [read, deleted] = ['read', 'delete'].map((action) => JSON.stringify(record(action, { id: `the-${action}` })))
  const first = (await server.post(`[${read},${deleted}]`)).json<{
    results: readonly { log: string; index: number }[]
  }>()
  expect(first.results.map(({ log }) => log)).toEqual(['acme/n1/default/2026-11', 'acme/n1/deletions/2026-11'])

  const [event] = await server.find('action:delete', 1)
  expect(event?.whodid).toMatchObject({ source: 'shop', stream: 'deletions', index: first.results[1]?.index })
  const again = await server.post(`[${deleted}]`)
  expect(again.json()).toMatchObject({ duplicate: 1, results: [{ log: first.results[1]?.log }] })
  const { total } = (await server.call('GET', '/v1/sources/shop/accounting')).json<AccountingAnswer>()
  expect(total).toMatchObject({ received: 3, kept: 2, events: 2, duplicate: 1, acted: { 'rule/deletes': 2 } })
  const proof = await until(async () => {
    const answer = await server.call('GET', `/v1/events/${event?.event.id}/proof?format=json`)
    return answer.status === 200 && answer
  })
  expect(proof.json()).toMatchObject({ log: 'acme/n1/deletions/2026-11' })
})

test('hours that were saved and the one that grows are read together, by whole hours', async () => {
  const data = aFolder()
  const now = Date.UTC(2026, 10, 20, 13, 30)
  const clock = { ...systemClock, now: () => now }
  const state = openState({ folder: data, install: 'acme', clock })
  const accounting = { ...NOTHING, received: 1, kept: 1, events: 1 }
  state.hourAccounts.save([{ source: 'api', hour: hourOf(now) - 3, accounting }])
  state.close()
  const server = await aServer({ data, clock })
  await server.send([record('read'), record('read')])
  const read = async (range: string) =>
    (await server.call('GET', `/v1/sources/api/accounting?${range}`)).json<AccountingAnswer>()
  const hours = async (range: string) =>
    (await read(range)).hours.map((each) => [each.from.slice(0, 13), each.accounting.kept])

  expect(await hours('')).toEqual([
    ['2026-11-20T10', 1],
    ['2026-11-20T13', 2],
  ])
  expect(await hours('since=2026-11-20T13:59:00Z&until=2026-11-20T14:30:00Z')).toEqual([['2026-11-20T13', 2]])
  expect(await hours('until=2026-11-20T13:00:00Z')).toEqual([['2026-11-20T10', 1]])
  expect((await read('since=2026-11-01&until=2026-11-02')).total.received).toBe(0)
  expect((await server.call('GET', '/v1/sources/none/accounting')).status).toBe(404)
  expect((await server.call('GET', '/v1/sources/api/accounting?since=soon')).status).toBe(400)
})
