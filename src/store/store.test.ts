import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aSealed, idOf } from '../../test/sealed-events.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { SealedEvent } from '../domain/sealed.ts'
import { parseQuery } from '../query/parse.ts'
import { judgedVisibility } from '../query/visibility.ts'
import type { FieldRule } from '../query/visibility.ts'
import { encodeRows } from './encode.ts'
import { openStore } from './store.ts'
import type { InsertBatch } from './insert.ts'
import type { Store } from './store.ts'

const ALL = judgedVisibility(undefined, new Map())
const NOW = Date.parse('2026-11-24T12:00:00.000Z')
const AS_OF = 1_000_000

let folder: string
let store: Store

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
  store = openStore({ folder, log: () => undefined })
  await store.ready
})

afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A batch as the writer makes it, cut into Native blocks of `blockRows`. */
function batchOf(events: readonly SealedEvent[], blockRows = 1000): InsertBatch {
  const [first, last] = [events[0], events.at(-1)]
  if (!first || !last) throw new RangeError('a batch holds events')
  const blocks: Uint8Array[] = []
  for (let at = 0; at < events.length; at += blockRows) blocks.push(encodeRows(events.slice(at, at + blockRows)))
  return {
    log: first.log,
    first: first.index,
    last: last.index,
    blocks,
    events: async () => events,
    onRefused: (event, reason) => expect.unreachable(`${event.leaf} was refused: ${reason}`),
  }
}

/** Events of a log of their own, with feed numbers that no other test uses. */
function logOf(name: string, feed: number, events: readonly Partial<AuditEvent>[]): readonly SealedEvent[] {
  return events.map((event, index) => aSealed(event, { feed: feed + index, index, log: `test/n1/${name}/2026-11` }))
}

async function listed(query: string, visibility = ALL): Promise<readonly AuditEvent[]> {
  const run = { query: parseQuery(query, { now: NOW }), order: 'oldest' as const, limit: 1000, asOf: AS_OF }
  return (await store.reads.list(run, visibility)).events
}

/** The sealed event as the store gives it back for a proof. */
async function readBack(id: string): Promise<SealedEvent | undefined> {
  let found: SealedEvent | undefined
  await store.reads.sealed(id, ALL, (event) => {
    found = event
    return []
  })
  return found
}

describe('what goes in comes out', () => {
  test('leaf line and blocks come back byte for byte, with their keys and place', async () => {
    const log = 'test/n1/bytes/2026-11'
    const events = [
      aSealed({}, { feed: 100, index: 0, log }),
      aSealed({ '@timestamp': '2026-11-20T09:59:59.123456Z' }, { feed: 101, index: 1, log, conflict: true }),
      aSealed({ '@timestamp': '1600-01-01T00:00:00Z' }, { feed: 102, index: 2, log }),
      aSealed({ '@timestamp': '2026-11-20T11:00:00+02:00' }, { feed: 103, index: 3, log }),
      aSealed({ event: { action: 'Not A Word', dataset: 'other' } }, { feed: 104, index: 4, log }),
      aSealed(
        { event: { action: 'delete', dataset: 'k8s', outcome: 'failure' } },
        { feed: 105, index: 5, log, sequence: { epoch: 0, n: 0 } },
      ),
      aSealed(
        { user: { name: 'ada', target: { name: 'bob' } }, source: { ip: '::1' } },
        { feed: 106, index: 6, log, sequence: { epoch: 3, n: 2 ** 40 } },
      ),
      { ...aSealed({}, { feed: 107, index: 7, log }), actorKey: 2 ** 50, targetKey: 7 },
    ]
    await store.inserts.insert(batchOf(events, 3))

    for (const event of events) expect(await readBack(idOf(event.feed))).toEqual(event)
  })

  test('a leaf that is written in another way comes back as it was written', async () => {
    const sealed = aSealed({}, { feed: 120, index: 0, log: 'test/n1/odd/2026-11' })
    const odd = { ...sealed, leaf: sealed.leaf.replace('"v":1,', '"v":1, ') }
    await store.inserts.insert(batchOf([odd]))

    expect(await readBack(idOf(120))).toEqual(odd)
  })

  test('hostile text of every kind is kept as it is, and found by itself', async () => {
    const hostile = [
      `' OR 1=1 --`,
      `\\'; DROP TABLE events; --`,
      '{p0:String}',
      '%',
      '_',
      '\0',
      '\u0001\u001f\u007f',
      'a\r\nb\tc',
      '\\N',
      '\u2028\u2029',
      '😀 ﷽ ‮',
      '__proto__',
      'constructor',
      '/* wd:x */',
      '`"\'',
      'NULL',
      '\u{10FFFF}',
      'x'.repeat(100_000),
    ]
    const events = logOf(
      'hostile',
      200,
      hostile.map((name) => ({ user: { name }, labels: { [name]: name }, tags: [name] })),
    )
    await store.inserts.insert(batchOf(events))

    for (const [at, name] of hostile.entries()) {
      const event = await store.reads.get(idOf(200 + at), ALL)
      expect(event?.user?.name).toBe(name)
      expect(event?.labels).toEqual({ [name]: name })
      expect(event?.tags).toEqual([name])
      if (name.length > 1000) continue
      const term = { kind: 'text' as const, value: name, start: 0, end: 0 }
      const query = { kind: 'field' as const, field: 'user.name', tests: [term], start: 0, end: 0 }
      const run = { query, order: 'newest' as const, limit: 50, asOf: AS_OF }
      const found = await store.reads.list(run, ALL)
      expect(
        found.events.map((each) => each.event.id),
        name,
      ).toEqual([idOf(200 + at)])
    }
  })

  test('values of wrong types leave columns empty and rows whole', async () => {
    const wrong: object[] = [
      { user: 'ada', labels: ['a'], tags: { a: 1 }, audit: 'no', source: [1, 2], http: null, host: 7 },
      {
        user: { name: { deep: 1 }, id: 7, roles: { a: 1 }, group: [[]], effective: true },
        audit: { resource: 'x', authz: [] },
      },
      {
        audit: { resource: [null, 1, { name: ['a', ['b', 3]], type: null }], authz: { policies: [{ name: 1 }, 'p'] } },
      },
      { event: { category: 'iam', type: { a: 1 }, kind: [[[]]] }, whodid: { category: 1, parser: {} } },
    ]
    // As a decoder would never let through: the types are wrong on purpose.
    const events = logOf('wrong', 300, wrong)
    await store.inserts.insert(batchOf(events))

    for (const event of events) expect(await readBack(idOf(event.feed))).toEqual(event)
  })
})

describe('each event is stored once', () => {
  test('a replay with other cuts goes on behind what is stored', async () => {
    const events = logOf(
      'replay',
      400,
      Array.from({ length: 250 }, () => ({})),
    )
    await store.inserts.insert(batchOf(events.slice(0, 100)))
    await store.inserts.insert(batchOf(events.slice(100, 180)))
    const log = 'test/n1/replay/2026-11'

    expect((await store.inserts.positions()).get(log)).toEqual({ next: 180, feed: 579, rows: 180 })
    await store.inserts.insert(batchOf(events.slice(180)))
    expect((await store.reads.countsByLog(ALL)).get(log)).toBe(250)
  })

  test('the same bytes again are nothing new', async () => {
    const events = logOf('again', 700, [{}, {}, {}])
    await store.inserts.insert(batchOf(events))
    await store.inserts.insert(batchOf(events))

    expect((await store.reads.countsByLog(ALL)).get('test/n1/again/2026-11')).toBe(3)
  })

  test('an engine that is killed during inserts is started again and caught up, nothing missing and nothing twice', async () => {
    const rows = 2000
    const events = logOf(
      'killed',
      10_000,
      Array.from({ length: 4 * rows }, () => ({ user: { name: 'ada' } })),
    )
    // Before, within and after an insert, which takes some 20 ms.
    for (const [round, killAfterMs] of [0, 8, 16, 24].entries()) {
      const state = store.engine()
      const inserted = store.inserts.insert(batchOf(events.slice(round * rows, (round + 1) * rows)))
      await pause(killAfterMs)
      if (state.kind === 'ready') process.kill(state.pid, 'SIGKILL')
      await inserted
    }

    expect((await store.inserts.positions()).get('test/n1/killed/2026-11')?.next).toBe(4 * rows)
    expect((await store.reads.countsByLog(ALL)).get('test/n1/killed/2026-11')).toBe(4 * rows)
  })

  test('blocks that the engine cannot read are made anew from their events', async () => {
    const events = logOf('torn', 30_000, [{}, {}, {}, {}, {}])
    const batch = batchOf(events)
    await store.inserts.insert({ ...batch, blocks: batch.blocks.map((block) => block.slice(0, -20)) })

    expect((await store.reads.countsByLog(ALL)).get('test/n1/torn/2026-11')).toBe(5)
  })
})

describe('a reader sees what it may', () => {
  const log = 'test/n1/reading/2026-11'
  const at = (minute: number): string => `2026-11-21T10:${String(minute).padStart(2, '0')}:00.000Z`

  beforeAll(async () => {
    const denied = { type: ['access', 'denied'], action: 'read', outcome: 'failure' as const }
    const read = {
      type: ['access'],
      action: 'read',
      outcome: 'success' as const,
      original: 'the record of ada@example.com',
    }
    const ada = { name: 'ada', email: 'ada@example.com' }
    await store.inserts.insert(
      batchOf([
        aSealed({ '@timestamp': at(1), event: read, user: ada }, { feed: 50_000, index: 0, log, source: 'reading' }),
        aSealed({ '@timestamp': at(2), event: denied, user: ada }, { feed: 50_001, index: 1, log, source: 'reading' }),
        aSealed(
          { '@timestamp': at(3), event: { action: 'heartbeat' } },
          { feed: 50_002, index: 2, log, source: '_log' },
        ),
        aSealed(
          { '@timestamp': at(2), event: read, user: { name: 'bob' } },
          { feed: 50_003, index: 3, log, source: 'reading' },
        ),
        aSealed(
          {
            '@timestamp': at(4),
            event: { outcome: 'failure' },
            user: { name: 'bob' },
            audit: { authz: { decision: 'staged' } },
          },
          { feed: 50_004, index: 4, log, source: 'reading' },
        ),
      ]),
    )
  })

  const feeds = (events: readonly AuditEvent[]): readonly (number | undefined)[] =>
    events.map((event) => event.whodid?.index)
  const query = parseQuery('source:reading', { now: NOW })
  const hiding = (fields: Record<string, FieldRule>) => judgedVisibility(undefined, new Map(Object.entries(fields)))

  test('in the order of time and feed, page by page, forth and back', async () => {
    for (const [order, expected] of [
      ['oldest', [0, 1, 3, 4]],
      ['newest', [4, 3, 1, 0]],
    ] as const) {
      const first = await store.reads.list({ query, order, limit: 2, asOf: AS_OF }, ALL)
      expect(first.next).toBeDefined()
      const second = await store.reads.list(
        { query, order, limit: 2, asOf: AS_OF, ...(first.next && { after: first.next }) },
        ALL,
      )
      expect([...feeds(first.events), ...feeds(second.events)]).toEqual(expected)
      expect(second.next).toBeUndefined()
    }
  })

  test('up to the moment of the run and within its range', async () => {
    expect(feeds((await store.reads.list({ query, order: 'oldest', limit: 9, asOf: 50_001 }, ALL)).events)).toEqual([
      0, 1,
    ])
    const range = { sinceMs: Date.parse(at(2)), untilMs: Date.parse(at(4)) }
    expect(
      feeds((await store.reads.list({ query, order: 'oldest', limit: 9, asOf: AS_OF, ...range }, ALL)).events),
    ).toEqual([1, 3])
  })

  test("without the log's own leaves, unless they are asked for", async () => {
    expect(feeds(await listed('stream:reading'))).toEqual([0, 1, 3, 4])
    expect(feeds(await listed('stream:reading source:_log'))).toEqual([2])
    expect((await store.reads.countsByLog(ALL)).get(log)).toBe(5)
  })

  test('only rows that match its filter', async () => {
    const onlyBob = judgedVisibility(parseQuery('actor:bob', { now: NOW }), new Map())
    expect(feeds(await listed('source:reading', onlyBob))).toEqual([3, 4])
    expect(await store.reads.get(idOf(50_000), onlyBob)).toBeUndefined()
    expect(await store.reads.sealed(idOf(50_000), onlyBob, () => [])).toBeUndefined()
    expect((await store.reads.summary({ query, asOf: AS_OF }, onlyBob)).total).toBe(2)
    const tail = await store.reads.after({ query, afterFeed: 49_999, asOf: 50_004, limit: 10 }, onlyBob)
    expect(feeds(tail.events)).toEqual([3, 4])
    expect((await store.reads.countsByLog(onlyBob)).get(log)).toBe(2)
  })

  test('no hidden field: not in events, conditions, facets, states or proofs', async () => {
    const visibility = hiding({ 'user.name': 'hide', 'event.type': 'hide' })
    const [first] = await listed('source:reading', visibility)
    expect(first?.user).toEqual({ email: 'ada@example.com' })
    expect(first?.event.original).toBeUndefined()
    const tail = await store.reads.after({ query, afterFeed: 49_999, asOf: 50_000, limit: 1 }, visibility)
    expect(tail.events).toEqual([first])
    expect(await store.reads.get(idOf(50_000), visibility)).toEqual(first)
    await expect(listed('user.name:ada', visibility)).rejects.toMatchObject({ code: 'invalid_query' })
    const summary = await store.reads.summary({ query, asOf: AS_OF }, visibility)
    expect(summary.facets.map((facet) => facet.field)).not.toContain('actor')
    expect(summary.counts).toEqual({ denied: 0, failed: 1, staged: 1, success: 2, unknown: 0 })
    const proof = await store.reads.sealed(idOf(50_000), visibility, () =>
      ['actor', 'place', 'target', 'body', 'original'].map((name) => ({ salt: `${name} salt`, commitment: name })),
    )
    expect(proof?.blocks).toEqual([])
    expect(JSON.stringify(proof)).not.toMatch(/ada|salt/)
    expect(proof?.commitments).toHaveLength(5)
  })

  test('no proof at all when the leaf itself says what is hidden', async () => {
    await expect(store.reads.sealed(idOf(50_000), hiding({ 'event.action': 'hide' }), () => [])).rejects.toMatchObject({
      code: 'forbidden',
    })
  })

  test('the total, the states over time, and the most frequent values', async () => {
    const range = { sinceMs: Date.parse(at(0)), untilMs: Date.parse(at(5)) }
    const summary = await store.reads.summary({ query, asOf: AS_OF, bucket: '1m', ...range }, ALL)

    expect(summary.total).toBe(4)
    expect(summary.counts).toEqual({ denied: 1, failed: 0, staged: 1, success: 2, unknown: 0 })
    expect(
      summary.histogram.map((bucket) => [bucket.from, Object.values(bucket.counts).reduce((a, b) => a + b)]),
    ).toEqual([
      [at(0), 0],
      [at(1), 1],
      [at(2), 2],
      [at(3), 0],
      [at(4), 1],
    ])
    const facet = (field: string) => summary.facets.find((each) => each.field === field)
    expect(facet('actor')).toEqual({
      field: 'actor',
      values: [
        { value: 'ada', count: 2 },
        { value: 'bob', count: 2 },
      ],
      distinct: 2,
    })
    expect(facet('decision')).toEqual({ field: 'decision', values: [{ value: 'staged', count: 1 }], distinct: 1 })
    expect(summary.rowsRead).toBeGreaterThan(0)
  })

  test('no more buckets for a range that no time of ours can fill', async () => {
    const [sinceMs, untilMs] = [-(10 ** 15), 8 * 10 ** 15]
    const summary = await store.reads.summary({ query, asOf: AS_OF, sinceMs, untilMs }, hiding({}))
    expect([summary.since, summary.until]).toEqual(['1970-01-01T00:00:00.000Z', '2200-01-01T00:00:00.000Z'])
    expect(summary.histogram.length).toBeLessThanOrEqual(240)
    expect(summary.total).toBe(4)
  })

  test('an empty summary where nothing matches', async () => {
    const none = await store.reads.summary({ query: parseQuery('actor:nobody', { now: NOW }), asOf: AS_OF }, ALL)
    expect(none).toMatchObject({ total: 0, histogram: [] })
  })

  test('large events, in pages and looks as short as they must be', async () => {
    const text = 'x'.repeat(520_000)
    const large = Array.from({ length: 100 }, (_, index) =>
      aSealed(
        { event: { action: 'large', original: text }, audit: { request: text } },
        { log: 'test/n1/large/2026-11', index, feed: 60_000 + index },
      ),
    )
    for (let first = 0; first < 100; first += 20) await store.inserts.insert(batchOf(large.slice(first, first + 20)))
    const wanted = parseQuery('action:large', { now: NOW })

    const seen: (number | undefined)[] = []
    let page = await store.reads.list({ query: wanted, asOf: 70_000, order: 'oldest', limit: 100 }, ALL)
    expect(page.events.length).toBeLessThan(100)
    for (;;) {
      seen.push(...page.events.map(({ whodid }) => whodid?.index))
      if (page.next === undefined) break
      page = await store.reads.list({ query: wanted, asOf: 70_000, order: 'oldest', limit: 100, after: page.next }, ALL)
    }
    expect(seen).toEqual(large.map(({ index }) => index))

    const tail = { query: wanted, afterFeed: 59_999, asOf: 70_000, limit: 100 }
    const some = await store.reads.after(tail, ALL)
    expect(some.feed).toBe(59_999 + some.events.length)
    expect((await store.reads.after({ ...tail, afterFeed: some.feed }, ALL)).events.length).toBeGreaterThan(0)
  })

  test('what is new behind a feed number, in feed order, and how far was looked', async () => {
    const tail = { query, afterFeed: 50_000, asOf: 50_004 }
    const some = await store.reads.after({ ...tail, limit: 2 }, ALL)
    expect([feeds(some.events), some.feed]).toEqual([[1, 3], 50_003])
    const rest = await store.reads.after({ ...tail, afterFeed: some.feed, limit: 2 }, ALL)
    expect([feeds(rest.events), rest.feed]).toEqual([[4], 50_004])
  })

  test('an event by its id and place, nothing for ids that are none', async () => {
    const position = { log, index: 1 }
    expect((await store.reads.get(idOf(50_001), ALL, { position }))?.whodid).toMatchObject(position)
    expect(await store.reads.get(idOf(50_001), ALL, { position: { log, index: 0 } })).toBeUndefined()
    expect(await store.reads.get(idOf(999_999), ALL)).toBeUndefined()
    expect(await store.reads.get("' OR 1 = 1 --", ALL)).toBeUndefined()
  })

  test('whether there is anything, and since when', async () => {
    const nobody = judgedVisibility(parseQuery('actor:nobody', { now: NOW }), new Map())
    expect(await store.reads.hasEvents(ALL)).toBe(true)
    expect(await store.reads.hasEvents(nobody)).toBe(false)
    expect(await store.reads.firstTime(nobody)).toBeUndefined()
    const onlyBob = judgedVisibility(parseQuery('actor:bob', { now: NOW }), new Map())
    expect(await store.reads.firstTime(onlyBob)).toBe(Date.parse(at(2)))
  })
})
