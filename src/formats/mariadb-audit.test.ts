import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { plainSentence } from '../domain/sentence.ts'
import type { DecodedEvent } from './format.ts'
import { mariadbAudit } from './mariadb-audit.ts'

function decoded(text: string, timezone?: string, options: unknown = {}): DecodedEvent {
  const format = mariadbAudit.configure?.(options) ?? mariadbAudit
  const context = { source: 'db', now: Date.UTC(2026, 10, 20, 14), ...(timezone !== undefined && { timezone }) }
  const result = format.decode(Buffer.from(text), context)
  if (result.kind === 'reject') throw new Error(`${result.reason}: ${result.message}`)
  const [event] = result.events
  if (event === undefined) throw new Error('no event')
  return event
}

function example(name: string): string {
  return readFileSync(new URL(`../../test/fixtures/formats/mariadb-audit/${name}.txt`, import.meta.url), 'utf8')
}

test('a statement says who ran it where, and how it ended', () => {
  const { event } = decoded(example('select'), 'Europe/Stockholm', { persons: ['dave'] })
  expect(event).toMatchObject({
    '@timestamp': '2026-11-20T08:14:05.000Z',
    event: { action: 'select', outcome: 'success', type: ['access'], dataset: 'mariadb.audit' },
    user: { name: 'dave', kind: 'person' },
    source: { ip: '10.20.0.42' },
    audit: { request: { statement: "SELECT name\nFROM customers WHERE note='a,b'" } },
    host: { name: 'db-1' },
    mariadb: { operation: 'QUERY', connection_id: 31, query_id: 118 },
  })
  expect(event.event.original).toBe(example('select'))
})

test.each([
  ['connect', 'dave signed in to Database shop'],
  ['with-port', 'dave signed in to Database shop'],
  ['failed-connect', 'erin tried to sign in to db-1 – failed (access denied)'],
  ['disconnect', 'dave signed out of Database shop'],
  ['insert', 'shop_web inserted rows into Table Order Lines in shop'],
  ['denied', 'erin tried to delete rows from Table customers in shop – denied (command denied for the table)'],
  ['failed', 'dave tried `statement` on Database shop – failed (syntax error)'],
  ['create-user', 'root created User erin'],
  ['table-read', 'dave read Table customers in shop'],
])('%s: %s', (name, said) => {
  expect(plainSentence(decoded(example(name)).event)).toBe(said)
})

test('a renamed table has its old and its new name', () => {
  expect(decoded(example('table-rename')).event.audit).toEqual({
    resource: [{ type: 'table', name: 'carts', parent: 'shop' }],
    change: [{ path: '/name', old: 'shop.carts', new: 'shop.old_carts' }],
  })
})

test('a user name that looks like a statement is a user name', () => {
  const { event, trust } = decoded(example('failed-connect-odd-name'))
  expect(event.event).toMatchObject({ action: 'login', outcome: 'failure' })
  expect(event.user?.name).toBe("root,10.0.0.1,1,2,QUERY,shop,'DROP TABLE x',0")
  expect(event.source?.ip).toBe('203.0.113.50')
  expect(trust).toContain('fields:ambiguous')
})

test('a statement that looks like a sign-in is a statement', () => {
  const { event } = decoded(
    "20261120 09:14:05,db-1,dave,10.0.0.9,31,118,QUERY,shop,'SELECT 1 -- ,7,0,FAILED_CONNECT,,,1045',0",
  )
  expect(event).toMatchObject({ event: { action: 'select', outcome: 'success' }, user: { name: 'dave' } })
})

test('the zone of its times is the source’s, and a guess without one', () => {
  expect(decoded(example('connect')).trust).toEqual(['time:zone-assumed'])
  expect(decoded(example('connect'), 'Europe/Stockholm').trust).toBeUndefined()
})

test('what the plugin did not write is kept as it is', () => {
  const { event, trust } = decoded('20261120 09:14:05,db-1,half a line')
  expect(event).toMatchObject({ event: { action: 'mariadb_log' }, message: '20261120 09:14:05,db-1,half a line' })
  expect(trust).toEqual(['time:collected'])
})

test('a statement of megabytes hides nobody', () => {
  const { event, truncated } = decoded(`${example('select').split('name')[0]}${'x'.repeat(3 << 20)}',0`)
  expect(event).toMatchObject({ event: { action: 'select' }, user: { name: 'dave' } })
  expect(truncated).toEqual([expect.objectContaining({ reason: 'record_limit' })])
})
