import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cutEvent, mergeEvent } from '../domain/blocks.ts'
import type { AuditEvent } from '../domain/event.ts'
import { parseOrigin } from '../domain/sealed.ts'
import type { SealedEvent } from '../domain/sealed.ts'
import { parseQuery } from '../query/parse.ts'
import { predicate } from '../query/predicate.ts'
import type { FieldRule, Visibility } from '../query/visibility.ts'
import { judgedVisibility } from '../query/visibility.ts'
import { anyEvent, anyQuery } from '../../test/any-queries.ts'
import { createConnection } from './connection.ts'
import type { Connection } from './connection.ts'
import { encodeRows, EVENT_COLUMNS } from './encode.ts'
import type { Engine } from './engine.ts'
import { startEngine } from './engine.ts'
import { leafLine } from './row.ts'
import { migrate } from './schema.ts'
import { whereOf } from './where.ts'

const NOW = Date.UTC(2026, 10, 24, 12)
const ALL = judgedVisibility(undefined, new Map())

let folder: string
let engine: Engine
let connection: Connection

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whodid-where-'))
  engine = startEngine({ folder, log: () => undefined })
  connection = createConnection({ engine }, 'whodid')
  await migrate(connection)
})

afterAll(async () => {
  await connection.close()
  await engine.stop()
  rmSync(folder, { recursive: true })
})

const PAIRS = { events: 60, queries: 200 }

test('says of every event what the predicate says, against the real engine', { timeout: 180_000 }, async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  const stored = await store(fc.sample(anyEvent, { seed, numRuns: PAIRS.events }))
  const queries = fc.sample(anyQuery, { seed: seed + 1, numRuns: PAIRS.queries })

  const answers = await Promise.all(
    chunks(queries, 4).map(async (some) => {
      const found = []
      for (const text of some) found.push({ seed, text, places: await foundBy(text, stored) })
      return found
    }),
  )

  expect(answers.flat()).toEqual(queries.map((text) => ({ seed, text, places: expected(text, stored) })))
})

describe('a visibility', () => {
  test('lets a row filter see what its reader may not', async () => {
    const stored = await store([
      anEvent({ user: { name: 'ada', email: 'ada@example.com' } }),
      anEvent({ user: { name: 'bob', email: 'bob@example.org' } }),
    ])
    const rowFilter = parseQuery('user.email:*@example.com', { now: NOW })
    const visibility = judgedVisibility(rowFilter, new Map<string, FieldRule>([['user.email', 'hide']]))

    expect(await foundBy('actor:*', stored, visibility)).toEqual(['0'])
    expect(await foundBy('actor:bob', stored, visibility)).toEqual([])
    // The e-mail address is no part of who acted any more.
    expect(await foundBy('actor:ada@example.com', stored, visibility)).toEqual([])
  })

  test('makes a hidden field one that does not exist', () => {
    const hidden = judgedVisibility(undefined, new Map<string, FieldRule>([['user.email', 'hide']]))
    const query = parseQuery('user.email:x', { now: NOW })

    const refusal = expect.objectContaining({
      message: 'There is no field user.email',
      details: expect.objectContaining({ start: 0, end: 10 }),
    })
    expect(() => whereOf(query, hidden)).toThrow(refusal)
    expect(() => parseQuery('user.email:x', { now: NOW, hidden: hidden.fields })).toThrow(refusal)
    expect(() => whereOf(parseQuery('user.name:x', { now: NOW }), hidden)).not.toThrow()
  })

  test('keeps free text out of a block with a hidden field, and out of the original', async () => {
    const stored = await store([
      anEvent({ user: { name: 'ada', email: 'ada@example.com' } }),
      anEvent({ user: { name: 'bob' }, event: { action: 'read', original: 'ada was here' } }),
      anEvent({ user: { name: 'bob' }, message: 'ada was here' }),
    ])
    const hidden = judgedVisibility(undefined, new Map<string, FieldRule>([['user.email', { mask: () => 'x' }]]))

    expect(await foundBy('ada', stored)).toEqual(['0', '1', '2'])
    expect(await foundBy('ada', stored, hidden)).toEqual(['2'])
  })

  test('treats a hidden label like one that is not there', async () => {
    const stored = await store([anEvent({ labels: { secret: 'x' } })])
    const hidden = judgedVisibility(undefined, new Map<string, FieldRule>([['labels.secret', 'hide']]))

    expect(await foundBy('labels.secret:x', stored, hidden)).toEqual([])
    expect(await foundBy('missing:labels.secret', stored, hidden)).toEqual(['0'])
  })
})

test('puts what people type into parameters only', () => {
  const typed = `x' OR 1=1 -- {p0:String}`
  const path = `a'b`
  const field = `labels.${path}`.replace("'", String.raw`\'`)
  const open = `audit.request.${path}`.replace("'", String.raw`\'`)
  const query = parseQuery(`actor:"${typed}" ${field}:"${typed}" ${open}:x' "${typed}" id:*'*`, { now: NOW })

  const { sql, params } = whereOf(query, ALL)

  expect(sql).not.toContain('1=1')
  expect(sql).not.toContain(path)
  expect(Object.values(params)).toEqual(expect.arrayContaining([typed.toLowerCase(), path, "x'", "%'%"]))
})

test('refuses what the engine could not read in time', () => {
  const words = parseQuery('many words '.repeat(100), { now: NOW })

  expect(() => whereOf(words, ALL)).toThrow('The query asks for too much at once')
})

test('takes a path as deep as an event can be', async () => {
  const deep = (levels: number) => `audit.request${'.a'.repeat(levels)}:x`

  expect(await foundBy(deep(62), await store([anEvent()]))).toEqual([])
  expect(() => parseQuery(deep(63), { now: NOW })).toThrow('There is no field')
})

interface Stored {
  readonly firstFeed: number
  readonly events: readonly AuditEvent[]
}

let feed = 1

async function store(events: readonly AuditEvent[]): Promise<Stored> {
  const firstFeed = feed
  const sealed = events.map((event, index) => sealedEvent(event, index))
  const token = `where:${firstFeed}`
  await connection.insert({
    table: 'whodid.events',
    columns: EVENT_COLUMNS,
    blocks: [encodeRows(sealed.map((each) => each.sealed))],
    token,
  })
  return { firstFeed, events: sealed.map((each) => each.event) }
}

const SOURCES = ['prod-1', 'billing-api', 'secret']
const LOG = 'acme/n1/sample/2026-11'
const RECEIVED = '2026-11-22T08:00:00.250Z'

/** The event as it is sealed, and as it is read back. */
function sealedEvent(given: AuditEvent, index: number): { sealed: SealedEvent; event: AuditEvent } {
  const { header, blocks } = cutEvent(given, RECEIVED)
  const id = Buffer.from(String(feed).padStart(16, '~')).toString('base64url')
  const leaf = { ...header, r: RECEIVED, s: SOURCES[index % SOURCES.length] ?? '', id, c: 'A'.repeat(43) }
  const conflict = index % 7 === 0
  const standing = { log: LOG, index, stream: parseOrigin(LOG).stream, conflict }
  const place = { feed: feed++, log: LOG, index, actorKey: 0, targetKey: 0, conflict }
  return { sealed: { ...place, leaf: leafLine(leaf), blocks }, event: mergeEvent(leaf, blocks, standing) }
}

/** Which of the stored events the engine finds, by their place. */
async function foundBy(text: string, stored: Stored, visibility: Visibility = ALL): Promise<readonly string[]> {
  const { sql, params } = whereOf(parseQuery(text, { now: NOW }), visibility)
  const range = 'feed >= {from:UInt64} AND feed < {to:UInt64}'
  const values = { ...params, from: stored.firstFeed, to: stored.firstFeed + stored.events.length }
  const statement = `SELECT toString(feed) AS feed FROM whodid.events WHERE ${range} AND (${sql}) ORDER BY events.feed`
  const { rows } = await connection.select<{ feed: string }>(statement, values)
  return rows.map((row) => String(Number(row.feed) - stored.firstFeed))
}

/** As many lists as there are sessions for readers. */
function chunks(queries: readonly string[], count: number): string[][] {
  const length = Math.ceil(queries.length / count)
  return Array.from({ length: count }, (_, at) => queries.slice(at * length, (at + 1) * length))
}

function expected(text: string, stored: Stored): readonly string[] {
  const matches = predicate(parseQuery(text, { now: NOW }))
  return stored.events.flatMap((event, at) => (matches(event) ? [String(at)] : []))
}

function anEvent(fields: Partial<AuditEvent> = {}): AuditEvent {
  return { '@timestamp': '2026-11-21T14:03:22.125Z', event: { action: 'read', outcome: 'success' }, ...fields }
}
