import { expect, test } from 'vitest'
import type { EventPage, Receipt } from '../../src/domain/answers.ts'
import { aServer } from '../a-server.ts'

const CANARY = 'canary-5e1f'
const GOOD = JSON.stringify({ event: { action: 'good', outcome: 'success' }, user: { name: 'ada' } })
const ESCAPES = JSON.stringify({ event: { action: 'good', reason: '\u0000\u001b]0;owned\u0007\u202e' } })
const recordWith = (more: string) => `{"event":{"action":"a","reason":"${CANARY}"},${more}}`

/** What is wrong with a record, and the code of its rejection. */
const BAD: readonly (readonly [string | Buffer, string])[] = [
  [`{"event":{"action":"${CANARY}"`, 'not_json'],
  [CANARY, 'not_json'],
  [`["${CANARY}"]`, 'wrong_type'],
  [recordWith(`"user":{"name":7}`), 'wrong_type'],
  [recordWith(`"message":"${'x'.repeat(20 * 1024 * 1024)}"`), 'too_large'],
  [recordWith(`"x":${'['.repeat(65)}${']'.repeat(65)}`), 'too_deep'],
  [recordWith(`"x":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`), 'too_deep'],
  [
    Buffer.concat([Buffer.from(recordWith(`"message":"`).slice(0, -1)), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    'not_utf8',
  ],
  [recordWith(`"__proto__":{"polluted":true}`), 'wrong_type'],
  [recordWith(`"labels":{"constructor":{"prototype":{"polluted":true}}}`), 'wrong_type'],
  [recordWith(`"whodid":{"source":"forged"}`), 'claims_whodid'],
  [`{"event":{"action":"a","dataset":"whodid.trail"}}`, 'claims_whodid'],
  [`{"event":{"outcome":"success"}}`, 'missing_field'],
]

test('whatever is wrong with records, each says so for itself, those beside them are kept, and nothing else is harmed', async () => {
  const whodid = await aServer()
  const lines = [GOOD, ...BAD.map(([line]) => line), ESCAPES]
  const body = Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')]))
  const answer = await whodid.call('POST', '/v1/events', body, { 'content-type': 'application/x-ndjson' })

  const receipt = answer.json<Receipt>()
  expect(receipt).toMatchObject({ received: lines.length, kept: 2, rejected: BAD.length })
  const codes = receipt.results.map((each) => ('rejected' in each ? each.rejected.code : 'kept'))
  expect(codes).toEqual(['kept', ...BAD.map(([, code]) => code), 'kept'])
  // Neither who sent it nor the operator's log gets back what was in it.
  expect(answer.text).not.toContain(CANARY)
  expect(whodid.lines.join('\n')).not.toContain(CANARY)
  expect(Reflect.get({}, 'polluted')).toBeUndefined()

  const found = await whodid.find('action:good', 2)
  expect(found.map(({ event }) => event.reason)).toContain('\u0000\u001b]0;owned\u0007\u202e')
  expect((await whodid.find('source:api', 2)).length).toBe(2)
})

test('a batch of which nothing can be taken is 422, and a query with a typo says what was meant', async () => {
  const whodid = await aServer()
  expect((await whodid.call('POST', '/v1/events', '{"event":')).status).toBe(422)

  const answer = await whodid.call('GET', '/v1/events?q=actoin:good')
  expect(answer.json<EventPage>()).toMatchObject({ code: 'invalid_query', start: 0, end: 6, suggestion: 'action' })
})
