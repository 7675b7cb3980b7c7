import { afterAll, beforeAll, expect, test } from 'vitest'
import { plainSentence } from '../../src/domain/sentence.ts'
import { parseSource } from '../../src/sources/kinds.ts'
import { type AServer, aFolder, aServer } from '../a-server.ts'
import { type Mariadb, startMariadb } from './mariadb.ts'

let mariadb: Mariadb

beforeAll(async () => {
  mariadb = await startMariadb()
  const made = await mariadb.sql(
    'root',
    '',
    undefined,
    `CREATE DATABASE app; CREATE USER alice@'127.0.0.1' IDENTIFIED BY 'alice-pw';
     CREATE USER bob@'127.0.0.1' IDENTIFIED BY 'bob-pw'; GRANT ALL ON app.* TO alice@'127.0.0.1';
     GRANT SELECT ON app.* TO bob@'127.0.0.1'`,
  )
  expect(made).toBe(0)
})

afterAll(async () => mariadb?.stop())

function serverOn(data: string): Promise<AServer> {
  const database = parseSource({
    name: 'db',
    kind: 'file',
    paths: [mariadb.log],
    format: 'mariadb-audit',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    options: { persons: ['alice', 'bob'] },
  })
  return aServer({ data, config: { sources: [database] } })
}

test('finds what two users did, one of them refused, line by line, also what was done while whodid was stopped', async () => {
  const data = aFolder()
  const alice = (statements: string): Promise<number> => mariadb.sql('alice', 'alice-pw', 'app', statements)
  const first = await serverOn(data)
  expect(
    await alice('CREATE TABLE notes(id int, note text); INSERT INTO notes VALUES (1, \'one, "two"\n\tthree\')'),
  ).toBe(0)
  expect(await mariadb.sql('bob', 'bob-pw', 'app', 'DELETE FROM notes')).not.toBe(0)
  await first.find('actor:bob decision:deny', 1)
  await first.server.close()

  expect(
    await alice(Array.from({ length: 20 }, (_, n) => `INSERT INTO notes VALUES (${n + 2}, 'away')`).join(';')),
  ).toBe(0)
  expect(await mariadb.sql('bob', 'wrong', 'app', 'SELECT 1')).not.toBe(0)

  const second = await serverOn(data)
  await second.find('actor:bob action:login outcome:failure', 1)
  expect(await alice('SELECT note FROM notes')).toBe(0)
  await second.find('actor:alice action:logout', 3)

  const lines = mariadb.lines()
  const events = await second.find('source:db', lines.length)
  // Nothing is missing and nothing is there twice: each line is one event, whose original it is.
  expect(events.map(({ event }) => event.original ?? '').toSorted()).toEqual(lines.toSorted())
  expect(new Set(events.map(({ event }) => event.id)).size).toBe(events.length)

  const told = async (query: string): Promise<readonly string[]> =>
    (await second.find(`source:db ${query}`, 1)).toReversed().map(plainSentence)
  const host = events[0]?.['host']
  const server = typeof host === 'object' && host !== null && 'name' in host ? host.name : ''
  expect(await told('actor:bob outcome:failure')).toEqual([
    'bob tried to delete rows from Table notes in app – denied (command denied for the table)',
    `bob tried to sign in to ${String(server)} – failed (access denied)`,
  ])
  expect((await told('actor:alice action:insert')).length).toBe(21)
  expect(await told('actor:alice action:select')).toEqual(['alice read Database app'])
  const [table] = await second.find('source:db actor:alice action:read resource:notes', 1)
  expect(table).toMatchObject({ audit: { resource: [{ type: 'table', name: 'notes', parent: 'app' }] } })
  expect(table?.user).toEqual({ name: 'alice', kind: 'person' })
  expect(table?.source?.ip).toBe('127.0.0.1')
  await second.server.close()
})
