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
import type { Newest } from './facets.ts'
import { FACET_FIELDS } from './reads.ts'
import { migrate } from './schema.ts'

const ALL = judgedVisibility(undefined, new Map())

/** Of every event here. */
const WHEN = '2026-11-20T09:59:59.000Z'

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

async function facetsOf(newest?: Newest) {
  const condition = runCondition({ query: undefined, asOf: 1000 }, ALL)
  const { facets } = await countFacets(
    connection,
    { condition, matches: 60, wanted: undefined, ...(newest && { newest }) },
    ALL,
    undefined,
  )
  return new Map(facets.map((facet) => [facet.field, facet]))
}

test('counts each value once an event, the most frequent first, and how many values there are', async () => {
  const facets = await facetsOf()

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

test('counts fields with many values over the newest events where it is told to, and says so', async () => {
  const sinceMs = Date.parse(WHEN)
  const all = await facetsOf()
  const facets = await facetsOf({ events: 60, sinceMs })
  for (const [field, { newest, ...counted }] of facets) {
    expect(counted, field).toEqual(all.get(field))
    const isFew = ['decision', 'action', 'source', 'stream'].includes(field)
    expect(newest, field).toEqual(isFew ? undefined : { events: 60, since: WHEN })
  }
  const later = await facetsOf({ events: 0, sinceMs: sinceMs + 86_400_000 })
  expect(later.get('actor')?.values).toEqual([])
  expect(later.get('source')).toEqual(all.get('source'))
})
