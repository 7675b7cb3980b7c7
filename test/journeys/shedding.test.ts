import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AccountingAnswer, Receipt } from '../../src/domain/answers.ts'
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
