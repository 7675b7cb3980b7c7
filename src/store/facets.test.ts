import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aSealed } from '../../test/sealed-events.ts'
import { judgedVisibility } from '../query/visibility.ts'
import { runCondition } from './condition.ts'
import { createConnection } from './connection.ts'
import type { Connection } from './connection.ts'
import { encodeRows, EVENT_COLUMNS } from './encode.ts'
import { startEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import { countFacets } from './facets.ts'
import { FACET_FIELDS } from './reads.ts'
import { migrate } from './schema.ts'

const ALL = judgedVisibility(undefined, new Map())

let folder: string
let engine: Engine
let connection: Connection

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'facets-'))
  engine = startEngine({ folder, log: () => undefined })
  connection = createConnection({ engine }, 'whodid')
  await migrate(connection)
  const events = Array.from({ length: 60 }, (_, feed) =>
    aSealed(
      {
        event: { action: `action-${feed % 3}`, category: feed % 2 === 0 ? ['iam', 'iam', 'api'] : [] },
        user: { name: `user-${feed % 12}` },
        source: { ip: `10.0.0.${feed % 5}` },
        audit: {
          resource: [
            { type: 'pod', name: `pod-${feed}` },
            { type: 'secret', name: 'shared' },
          ],
          authz: { ...(feed < 10 && { decision: 'deny' }), policies: [{ name: 'p' }, { name: `p-${feed % 2}` }] },
        },
      },
      { feed, source: feed < 40 ? 'one' : 'two' },
    ),
  )
  await connection.insert({
    table: 'whodid.events',
    columns: EVENT_COLUMNS,
    blocks: [encodeRows(events)],
    token: 'facets',
  })
})

afterAll(async () => {
  await connection.close()
  await engine.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function facetsOf(matches: number) {
  const condition = runCondition({ query: undefined, asOf: 1000 }, ALL)
  const { facets } = await countFacets(connection, { condition, matches, wanted: undefined }, ALL, undefined)
  return new Map(facets.map((facet) => [facet.field, facet]))
}

test('counts each value once an event, the most frequent first, and how many values there are', async () => {
  const facets = await facetsOf(60)

  expect([...facets.keys()]).toEqual(FACET_FIELDS)
  expect(facets.get('category')).toEqual({
    field: 'category',
    values: [
      { value: 'api', count: 30 },
      { value: 'iam', count: 30 },
    ],
    distinct: 2,
  })
  expect(facets.get('source')?.values).toEqual([
    { value: 'one', count: 40 },
    { value: 'two', count: 20 },
  ])
  expect(facets.get('decision')?.values).toEqual([{ value: 'deny', count: 10 }])
  expect(facets.get('resource')?.values[0]).toEqual({ value: 'shared', count: 60 })
  expect(facets.get('resource')?.values).toHaveLength(8)
  expect(facets.get('resource')?.distinct).toBe(61)
  expect(facets.get('actor')?.distinct).toBe(12)
})

test('counts many events another way, to the same end', async () => {
  expect(await facetsOf(1_000_000)).toEqual(await facetsOf(60))
})
