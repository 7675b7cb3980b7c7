import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AuditError } from '../domain/errors.ts'
import { Joining } from '../sources/joined-lines.ts'
import type { DecodedEvent } from './format.ts'
import type { PgauditOptions } from './pgaudit.ts'
import { pgaudit } from './pgaudit.ts'

const NOW = Date.UTC(2026, 10, 20, 14)

function decoded(text: string | Uint8Array, options: PgauditOptions = {}, timezone?: string): DecodedEvent {
  const format = pgaudit.configure?.(options) ?? pgaudit
  const context = { source: 'db', now: NOW, ...(timezone !== undefined && { timezone }) }
  const result = format.decode(typeof text === 'string' ? Buffer.from(text) : text, context)
  if (result.kind === 'reject') throw new Error(`${result.reason}: ${result.message}`)
  const [event] = result.events
  if (event === undefined) throw new Error('no event')
  return event
}

function example(name: string): Buffer {
  return readFileSync(new URL(`../../test/fixtures/formats/pgaudit/${name}.txt`, import.meta.url))
}

/** The records of a log file, as a follower would cut them. */
function recordsOf(file: string, options: PgauditOptions = {}): readonly string[] {
  const format = pgaudit.configure?.(options) ?? pgaudit
  const joining = new Joining(format.joiner?.() ?? { continues: () => false })
  const lines = file.split('\n').map((line) => ({ bytes: Buffer.from(line), start: 0, end: 0 }))
  const whole = lines.map((line) => joining.push(line))
  return [...whole, joining.end()].flatMap((record) => (record === undefined ? [] : [String(record.bytes)]))
}

const AUDIT = 'AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,SELECT 1,<none>'

test('a record of pgAudit says who did what to which relation, and that nobody knows how it ended', () => {
  const { event, naturalId } = decoded(example('csvlog-insert'), { persons: ['dave'] })
  expect(event).toMatchObject({
    '@timestamp': '2026-11-20T09:14:05.120Z',
    event: { action: 'insert', category: ['database'], type: ['creation'], outcome: 'unknown', dataset: 'pgaudit' },
    user: { name: 'dave', kind: 'person' },
    source: { ip: '10.20.0.42', port: 52110 },
    audit: {
      resource: [{ type: 'table', name: 'public.customers', parent: 'shop' }],
      request: { statement: `INSERT INTO customers VALUES (1, 'said "hello"\n, twice')` },
      response: { rows: 1 },
    },
    process: { pid: 812, entity_id: '6b0a11bd.32c', start: '2026-11-20T09:14:05.000Z' },
    labels: { application: 'psql', database: 'shop' },
    pgaudit: { type: 'SESSION', statement_id: 2, substatement_id: 1, class: 'WRITE' },
  })
  expect(event.event.original).toBe(String(example('csvlog-insert')))
  expect(naturalId).toBe('csvlog/6b0a11bd.32c/4')
})

test('an OBJECT record names the role that made it audited', () => {
  const line = `2026-11-20 09:14:05.120 UTC [812] dave@shop LOG:  ${AUDIT.replace('SESSION', 'OBJECT')}`
  expect(decoded(line, { role: 'auditor' }).event.audit?.authz).toEqual({
    policies: [{ type: 'pgaudit.role', name: 'auditor' }],
  })
  expect(decoded(line).event.audit?.authz).toEqual({ policies: [{ type: 'pgaudit.role' }] })
})

test('parameters are values, and what was not logged is nothing', () => {
  const values = decoded(example('jsonlog-function')).event.audit?.request
  expect(values).toEqual({ statement: 'SELECT refund($1)', parameters: ['7', 'a, b'] })
  const nothing = `2026-11-20 09:14:05.120 UTC [1] a@b LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,<not logged>,<not logged>`
  expect(decoded(nothing).event.audit?.request).toBeUndefined()
})

test('roles are persons or applications as they are configured', () => {
  const kind = (user: string, options: PgauditOptions): string | undefined =>
    decoded(`2026-11-20 09:14:05.120 UTC [1] ${user}@shop LOG:  ${AUDIT}`, options).event.user?.kind
  expect(kind('dave', {})).toBeUndefined()
  expect(kind('dave', { persons: ['da*'] })).toBe('person')
  expect(kind('web', { persons: ['da*'] })).toBe('service')
  expect(kind('dave', { applications: ['web', '*_app'] })).toBe('person')
  expect(kind('shop_app', { applications: ['web', '*_app'] })).toBe('service')
  expect(kind('other', { persons: ['dave'], applications: ['web'] })).toBeUndefined()
})

test.each([
  ['%m [%p] %q%u@%d/%a %h ', '2026-11-20 09:14:05.120 UTC [812] dave@shop/my app 10.0.0.9 '],
  ['%t:%r:%u@%d:[%p]:', '2026-11-20 09:14:05 UTC:10.0.0.9(52110):dave@shop:[812]:'],
  ['%t:%r:%u@%d:[%p]:', '2026-11-20 09:14:05 UTC:fe80::9(52110):dave@shop:[812]:'],
  [
    '%n %p %c:%l %v %x %e %i %b %Q %s|%u|%d|',
    '1795166045.120 812 6b.1f:3 3/17 0 00000 SELECT client backend -77 2026-11-20 09:14:00 UTC|dave|shop|',
  ],
  ['100%% %-10u|%8d|%5p> ', '100% dave      |    shop|  812> '],
  ['%u%d ', 'daveshop '],
])('reads log_line_prefix %j', (logLinePrefix, prefix) => {
  const { event, trust = [] } = decoded(`${prefix}LOG:  ${AUDIT}`, { logLinePrefix })
  expect(event.event.action).toBe('select')
  expect(trust).not.toContain('prefix:unmatched')
  if (!logLinePrefix.startsWith('%u%d')) expect(event).toMatchObject({ user: { name: 'dave' }, process: { pid: 812 } })
})

test('a prefix that has session fields stops at %q in processes of the server', () => {
  const { event } = decoded('2026-11-20 09:14:05.120 UTC [77] LOG:  checkpoint starting: time', {
    logLinePrefix: '%m [%p] %q%u@%d/%a %h ',
  })
  expect(event).toMatchObject({
    event: { action: 'postgresql_log' },
    process: { pid: 77 },
    message: 'checkpoint starting: time',
  })
})

test('refuses a prefix that PostgreSQL would not take', () => {
  const refused = (): unknown => pgaudit.configure?.({ logLinePrefix: '%m %z ' })
  expect(refused).toThrow(AuditError)
  expect(refused).toThrow('logLinePrefix: PostgreSQL has no escape %z')
  expect(() => pgaudit.configure?.({ prefix: '%m' })).toThrow('there is no such key')
})

test('an application that calls itself like the rest of a line is seen', () => {
  const options = { logLinePrefix: '%m [%p] %q%u@%d/%a %h ' }
  const name = `x 10.0.0.9 LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,SELECT 1,`
  const { trust, naturalId } = decoded(
    `2026-11-20 09:14:05.120 UTC [1] dave@shop/${name} 10.0.0.9 LOG:  ${AUDIT}`,
    options,
  )
  expect(trust).toContain('prefix:ambiguous')
  expect(naturalId).toBeUndefined()
  const honest = decoded(
    `2026-11-20 09:14:05.120 UTC [1] dave@shop/x 10.0.0.9 LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,SELECT 'LOG:  AUDIT: ',<none>`,
    options,
  )
  expect(honest.trust).toEqual(['application:claim'])
})

test('a line under another prefix is kept, with what pgAudit says in it', () => {
  const { event, trust } = decoded(`somewhere else ${AUDIT}`)
  expect(event.event.action).toBe('select')
  expect(event.user).toBeUndefined()
  expect(trust).toEqual(['prefix:unmatched', 'time:collected'])
  expect(decoded('pg_ctl: server started').event).toMatchObject({
    event: { action: 'postgresql_log' },
    message: 'pg_ctl: server started',
  })
})

test('sign-ins say by which method and rule, and how they were secured', () => {
  expect(decoded(example('jsonlog-authenticated')).event.audit).toEqual({
    resource: [{ type: 'database', name: 'shop' }],
    authn: { method: 'scram-sha-256' },
    authz: { policies: [{ type: 'pg_hba', name: 'pg_hba.conf:97', effect: 'allow' }] },
  })
  expect(decoded(example('jsonlog-login')).event).toMatchObject({
    event: { action: 'login', category: ['authentication', 'session'], outcome: 'success' },
    tls: { version: '1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
    labels: { application: 'psql' },
  })
  expect(decoded(example('jsonlog-logout')).event.event).toMatchObject({ action: 'logout', duration: 131_350_000_000 })
})

test.each([
  ['password authentication failed for user "erin"', ['start']],
  ['LDAP authentication failed for user "erin"', ['start']],
  ['certificate authentication failed for user "erin"', ['start']],
  ['no pg_hba.conf entry for host "10.0.0.9", user "erin", database "shop", no encryption', ['start', 'denied']],
  [
    'no pg_hba.conf entry for replication connection from host "10.0.0.9", user "erin", SSL encryption',
    ['start', 'denied'],
  ],
  [
    'pg_hba.conf rejects connection for host "10.0.0.9", user "erin", database "shop", no encryption',
    ['start', 'denied'],
  ],
  ['role "erin" does not exist', ['start']],
  ['role "erin" is not permitted to log in', ['start', 'denied']],
  ['database "shop" does not exist', ['start']],
  ['permission denied for database "shop"', ['start', 'denied']],
  ['sorry, too many clients already', ['start']],
  ['too many connections for role "erin"', ['start']],
])('a refused sign-in: %s', (message, type) => {
  const { event } = decoded(`2026-11-20 09:14:05.120 UTC [9] FATAL:  ${message}`)
  expect(event.event).toMatchObject({ action: 'login', outcome: 'failure', type, reason: message })
  if (message.includes('erin') && !message.startsWith('too')) expect(event.user?.name).toBe('erin')
})

test('a statement that failed is an event of its own, refused ones with what was refused', () => {
  const { event } = decoded(example('stderr-denied'), { logLinePrefix: '%m [%p] %q%u@%d/%a %h ' })
  expect(event).toMatchObject({
    event: {
      action: 'delete',
      outcome: 'failure',
      type: ['deletion', 'denied'],
      reason: 'permission denied for table customers',
    },
    user: { name: 'erin' },
    audit: {
      resource: [{ type: 'table', name: 'customers', parent: 'shop' }],
      authz: { decision: 'deny' },
      request: { statement: 'DELETE FROM customers\nWHERE id = 1' },
    },
  })
  expect(decoded(example('csvlog-failed')).event.event).toMatchObject({
    action: 'insert',
    outcome: 'failure',
    code: '23505',
  })
})

test('times in zones that have a name are moved, and a guess is said', () => {
  const at = (zone: string, timezone?: string): readonly unknown[] => {
    const { event, trust = [] } = decoded(`2026-07-20 09:14:05.120 ${zone} [9] LOG:  x`, {}, timezone)
    return [event['@timestamp'], trust.includes('time:zone-assumed')]
  }
  expect(at('CEST')).toEqual(['2026-07-20T07:14:05.120Z', false])
  expect(at('-0330')).toEqual(['2026-07-20T12:44:05.120Z', false])
  expect(at('IST', 'Asia/Kolkata')).toEqual(['2026-07-20T03:44:05.120Z', false])
  expect(at('IST')).toEqual(['2026-07-20T09:14:05.120Z', true])
})

test('joins the lines of csvlog by their quotes, whatever a statement holds', () => {
  const trap = `INSERT INTO t VALUES ('\n\n2026-11-20 09:14:05.120 UTC,"root","shop",1,,x.1,1,"",,,0,LOG,00000,"no"\n\tx')`
  const quoted = `"AUDIT: SESSION,1,1,WRITE,INSERT,TABLE,t,""${trap.replaceAll('"', '""""')}"",<none>"`
  const record = `2026-11-20 09:14:05.120 UTC,"dave","shop",812,"10.20.0.42:52110",6b.32c,4,"INSERT",2026-11-20 09:14:05 UTC,3/17,0,LOG,00000,${quoted},,,,,,,,,"psql","client backend",,0`
  const next = String(example('csvlog-role'))
  expect(recordsOf(`${record}\n${next}\n`)).toEqual([record, next])
  expect(decoded(record).event.audit?.request).toEqual({ statement: trap })
})

test('joins the lines of stderr: those with a tab, and DETAIL, HINT and STATEMENT under the same prefix', () => {
  const options = { logLinePrefix: '%m [%p] %q%u@%d/%a %h ' }
  const select = String(example('stderr-select'))
  const denied = String(example('stderr-denied'))
  const server = String(example('stderr-server'))
  expect(recordsOf(`${select}\n${denied}\n${server}\n`, options)).toEqual([select, denied, server])
  const request = { statement: 'SELECT name, email\nFROM customers\n\nWHERE id = $1', parameters: ['4711'] }
  expect(decoded(select, options).event.audit?.request).toEqual(request)
})

test('jsonlog is a record a line', () => {
  const one = String(example('jsonlog-login'))
  expect(recordsOf(`${one}\n${one}\n`)).toEqual([one, one])
})

test('a file that was cut within a record costs that record, not all that follow', () => {
  const record = String(example('csvlog-role'))
  const broken = record.slice(0, record.indexOf('CREATE ROLE erin'))
  const found = recordsOf(`${broken}${`${record}\n`.repeat(10_000)}`)
  expect(found.length).toBeGreaterThan(4000)
  expect(found.at(-1)).toBe(record)
})

test.each(['csvlog-insert', 'jsonlog-function', 'cloudnativepg-audit', 'stderr-rds'])(
  'a statement of megabytes hides nobody: %s',
  (name) => {
    const text = String(example(name))
    const at = text.search(/INSERT INTO|SELECT refund|DELETE FROM|CREATE TABLE notes/)
    const long = Buffer.from(`${text.slice(0, at)}${'/* a */ '.repeat(700_000)}${text.slice(at)}`)
    for (const bytes of [long, long.subarray(0, (4 << 20) + 1)]) {
      const { event, truncated } = decoded(bytes)
      expect(event.user?.name).toMatch(/dave|app/)
      expect(event.event.action).toMatch(/insert|execute|delete|create table/)
      expect(truncated?.[0]).toMatchObject({ path: 'event.original', reason: 'record_limit' })
      expect(Buffer.byteLength(event.event.original ?? '')).toBeLessThanOrEqual(1 << 20)
    }
  },
)

test('bytes that are no UTF-8 are kept as they are', () => {
  const bytes = Buffer.concat([
    Buffer.from('2026-11-20 09:14:05.120 UTC [9] a@b LOG:  '),
    Buffer.from('AUDIT: SESSION,1,1,READ,SELECT,,,"SELECT \'\xe9\'",<none>', 'latin1'),
  ])
  const { event, originalBase64 } = decoded(bytes)
  expect(event.event.original).toBeUndefined()
  expect(Buffer.from(originalBase64 ?? '', 'base64')).toEqual(bytes)
  expect(event.user?.name).toBe('a')
})

test('pods that start in one second have the same sessions, so the pod is part of a name', () => {
  const text = String(example('cloudnativepg-audit'))
  const pod = /"logging_pod":"([^"]+)"/.exec(text)?.[1] ?? ''
  const [one, other] = [decoded(text), decoded(text.replaceAll(pod, `${pod}0`))]
  expect(one.event.host).toEqual({ name: pod })
  expect(one.naturalId).not.toBe(other.naturalId)
  expect(one.naturalId).toBe(decoded(text).naturalId)
})

test.each([
  ['CREATE USER MAPPING', 'FOR erin SERVER shop'],
  ['ALTER DEFAULT PRIVILEGES', 'GRANT ALL ON TABLES TO erin'],
])('%s is about something that has no name of its own', (command, rest) => {
  const line = `2026-11-20 09:14:05.120 UTC [1] dave@shop LOG:  AUDIT: SESSION,1,1,DDL,${command},,,${command} ${rest},<none>`
  const type = command.toLowerCase().split(' ').slice(1).join(' ')
  expect(decoded(line).event.audit?.resource).toEqual([{ type, parent: 'shop' }])
})
