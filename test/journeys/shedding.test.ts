import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AccountingAnswer, Receipt } from '../../src/domain/answers.ts'
import { NOTHING } from '../../src/domain/accounting.ts'
import { hourOf } from '../../src/ingest/hours.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { openState } from '../../src/state/state.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { aFolder, aServer } from '../a-server.ts'

const RECORD = '{"event":{"action":"read","outcome":"success"},"user":{"name":"ada"}}'
const SECRET = 'sixteen-letters-or-more'

function noisy() {
  const token = join(aFolder(), 'token')
  writeFileSync(token, SECRET)
  const limits = { recordsPerSecond: 1, overflow: 'shed' }
  return parseSource({ name: 'noisy', kind: 'http', token: { file: token }, limits })
}

test('what a source sends beyond its limits is given up, counted by the hour, told, and still known after a restart', async () => {
  const data = aFolder()
  const config = { sources: [noisy()] }
  const before = await aServer({ data, config })
  const send = async (count: number) => {
    const body = `[${Array.from({ length: count }, () => RECORD).join()}]`
    const headers = { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' }
    const answer = await fetch(`${before.server.url}/in/noisy`, { method: 'POST', body, headers })
    return { status: answer.status, receipt: (await answer.json()) as Receipt }
  }
  // The first one is taken whole, and a minute's worth of it must be made up for.
  expect(await send(60)).toMatchObject({ status: 200, receipt: { kept: 60 } })
  expect(await send(3)).toMatchObject({ status: 200, receipt: { kept: 0, shed: 3 } })
  expect(before.lines.join('\n')).toContain('source noisy has records given up: it sends more than 1 records a second')
  await before.server.close()

  const after = await aServer({ data, config })
  const answer = await after.call('GET', '/v1/sources/noisy/accounting')
  expect(answer.json<AccountingAnswer>().total).toMatchObject({ received: 63, kept: 60, shed: 3 })
  const [told] = await after.find('dataset:whodid.intake action:shed', 1)
  expect(told?.message).toContain('3 records')
})

test('hours that were saved and the one that grows are read together, by whole hours', async () => {
  const data = aFolder()
  const now = Date.UTC(2026, 10, 20, 13, 30)
  const clock = { ...systemClock, now: () => now }
  const state = openState({ folder: data, install: 'acme', clock })
  const accounting = { ...NOTHING, received: 1, kept: 1, events: 1 }
  state.hourAccounts.save([{ source: 'api', hour: hourOf(now) - 3, accounting }])
  state.close()
  const { call, send } = await aServer({ data, clock })
  await send([JSON.parse(RECORD), JSON.parse(RECORD)])
  const read = async (range: string) =>
    (await call('GET', `/v1/sources/api/accounting?${range}`)).json<AccountingAnswer>()
  const hours = async (range: string) =>
    (await read(range)).hours.map((each) => [each.from.slice(0, 13), each.accounting.kept])

  expect(await hours('')).toEqual([
    ['2026-11-20T10', 1],
    ['2026-11-20T13', 2],
  ])
  expect(await hours('since=2026-11-20T13:59:00Z&until=2026-11-20T14:30:00Z')).toEqual([['2026-11-20T13', 2]])
  expect(await hours('until=2026-11-20T13:00:00Z')).toEqual([['2026-11-20T10', 1]])
  expect((await read('since=2026-11-01&until=2026-11-02')).total.received).toBe(0)
  expect((await call('GET', '/v1/sources/none/accounting')).status).toBe(404)
  expect((await call('GET', '/v1/sources/api/accounting?since=soon')).status).toBe(400)
})
