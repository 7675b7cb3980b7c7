import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuditEvent } from '../../src/domain/event.ts'
import { plainSentence } from '../../src/domain/sentence.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aFolder, aServer } from '../a-server.ts'
import { LOG_LINE_PREFIX, type Postgres, startPostgres } from './postgres.ts'

let postgres: Postgres

beforeAll(async () => {
  postgres = await startPostgres()
  const made = await postgres.psql(
    'postgres',
    '',
    'postgres',
    'CREATE ROLE auditor NOLOGIN',
    "CREATE ROLE alice LOGIN PASSWORD 'alice-pw'",
    "CREATE ROLE bob LOGIN PASSWORD 'bob-pw'",
    'CREATE DATABASE app OWNER alice',
  )
  expect(made).toBe(0)
})

afterAll(() => postgres?.stop())

const CARRIERS = ['stderr', 'csvlog', 'jsonlog'] as const

/** The three logs of one server as three sources. */
function serverOn(data: string): Promise<AServer> {
  const persons = { persons: ['alice', 'bob'], role: 'auditor' }
  const sources = CARRIERS.map((carrier) =>
    parseSource({
      name: `db-${carrier}`,
      kind: 'file',
      paths: [postgres.logs[carrier]],
      format: 'pgaudit',
      options: carrier === 'stderr' ? { ...persons, logLinePrefix: LOG_LINE_PREFIX } : persons,
    }),
  )
  return aServer({ data, config: { sources } })
}

const alice = (...statements: readonly string[]): Promise<number> =>
  postgres.psql('alice', 'alice-pw', 'app', ...statements)

test('finds what two users did, one of them refused, in each of the three logs, also what was done while whodid was stopped', async () => {
  const data = aFolder()
  const first = await serverOn(data)
  expect(
    await alice(
      'CREATE TABLE notes(id int PRIMARY KEY, note text)',
      `INSERT INTO notes VALUES (1, 'one, "two"\n\n2026-11-22 09:54:54.687 UTC,"root","app",1,"a",b,1')`,
      'GRANT SELECT ON notes TO auditor',
      'SELECT note FROM notes WHERE id = 1',
    ),
  ).toBe(0)
  expect(await postgres.psql('bob', 'bob-pw', 'app', 'DELETE FROM notes\nWHERE id = 1')).not.toBe(0)
  expect(await postgres.psql('bob', 'wrong', 'app', 'SELECT 1')).not.toBe(0)
  await first.find('source:db-csvlog actor:bob outcome:failure', 2)
  await first.server.close()

  expect(
    await alice(...Array.from({ length: 20 }, (_, n) => `INSERT INTO notes VALUES (${n + 2},\n'while away')`)),
  ).toBe(0)
  expect(await postgres.psql('bob', 'bob-pw', 'postgres', 'SELECT 1')).not.toBe(0)

  const second = await serverOn(data)
  await second.find('source:db-jsonlog action:insert', 21)
  expect(await alice('SELECT count(*) FROM notes')).toBe(0)

  for (const carrier of CARRIERS) await expectAll(second, carrier)
  await second.server.close()
})

async function expectAll(server: AServer, carrier: (typeof CARRIERS)[number]): Promise<void> {
  const of = `source:db-${carrier}`
  await server.find(`${of} action:logout`, 4)
  // Nothing is missing and nothing is there twice: each message of the server is one event.
  const all = await server.find(of, postgres.count())
  expect(new Set(all.map(({ event }) => event.id)).size).toBe(all.length)
  expect(new Set(all.map(({ whodid }) => whodid?.natural_id)).size).toBe(all.length)
  expect(all.filter(({ whodid }) => whodid?.trust?.some((mark) => mark.startsWith('prefix:')) === true)).toEqual([])

  const told = async (query: string): Promise<readonly string[]> =>
    (await server.find(`${of} ${query}`, 1)).toReversed().map(plainSentence)
  expect(await told('actor:alice decision:allow')).toEqual([
    'alice signed in to Database app',
    'alice signed in to Database app',
    'alice signed in to Database app',
  ])
  expect(await told('actor:bob action:login outcome:failure')).toEqual([
    'bob tried to sign in to Database app – failed (password authentication failed for user "bob")',
    'bob tried to sign in to Database postgres – denied (no pg_hba.conf entry for host "127.0.0.1", user "bob", database "postgres", no encryption)',
  ])
  expect(await told('actor:bob action:delete')).toEqual([
    'bob tried to delete rows from Table notes in app – denied (permission denied for table notes)',
  ])
  expect(await told('actor:alice category:database "notes" -action:insert -action:select')).toEqual([
    'alice created Table notes in database app',
    'alice granted Table notes in database app',
  ])
  const inserts = await server.find(`${of} actor:alice action:insert outcome:unknown`, 21)
  expect(inserts.map(statementOf)).toContain(
    `INSERT INTO notes VALUES (1, 'one, "two"\n\n2026-11-22 09:54:54.687 UTC,"root","app",1,"a",b,1')`,
  )
  const [read] = await server.find(`${of} actor:alice policy:auditor`, 1)
  expect(read).toMatchObject({
    event: { action: 'select', outcome: 'unknown' },
    user: { name: 'alice', kind: 'person' },
    source: { ip: '127.0.0.1' },
    audit: {
      resource: [{ type: 'table', name: 'public.notes', parent: 'app' }],
      authz: { policies: [{ type: 'pgaudit.role', name: 'auditor' }] },
    },
  })
}

function statementOf({ audit }: AuditEvent): unknown {
  const request = audit?.request
  return typeof request === 'object' && request !== null && 'statement' in request ? request.statement : undefined
}
