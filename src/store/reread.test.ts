import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aSealed, idOf } from '../../test/sealed-events.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { SealedEvent } from '../domain/sealed.ts'
import { parseQuery } from '../query/parse.ts'
import { judgedVisibility } from '../query/visibility.ts'
import { encodeRows } from './encode.ts'
import { openStore } from './store.ts'
import type { Store } from './store.ts'

const ALL = judgedVisibility(undefined, new Map())
const AS_OF = 1_000_000

let folder: string
let store: Store
let enginePid = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reread-'))
  store = openStore({ folder, log: () => undefined, onEngine: (pid) => (enginePid = pid) })
  await store.ready
})

afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

async function insert(events: readonly SealedEvent[]): Promise<void> {
  const [first, last] = [events[0], events.at(-1)]
  if (!first || !last) throw new RangeError('a batch holds events')
  await store.inserts.insert({
    log: first.log,
    first: first.index,
    last: last.index,
    blocks: [encodeRows(events)],
    events: async () => events,
    onRefused: (event, reason) => expect.unreachable(`${event.leaf} was refused: ${reason}`),
  })
}

/** What a parser made of line `index`. */
function made(
  feed: number,
  index: number,
  parser: string,
  more: Partial<AuditEvent> = {},
  name = 'reread',
): SealedEvent {
  const event = { action: 'login', original: `line ${index}` }
  return aSealed({ event, ...more, whodid: { parser } }, { feed, index, log: `test/n1/${name}/2026-11` })
}

function renewedOf(sealed: SealedEvent, later: SealedEvent): SealedEvent {
  const [actor, place, target, body] = later.blocks
  return { ...sealed, blocks: [actor, place, target, body, sealed.blocks[4]] }
}

async function listed(query: string): Promise<readonly AuditEvent[]> {
  const run = { query: parseQuery(query, { now: 0 }), order: 'oldest' as const, limit: 1000, asOf: AS_OF }
  return (await store.reads.list(run, ALL)).events
}

async function sealedIn(id: string): Promise<SealedEvent | undefined> {
  let found: SealedEvent | undefined
  await store.reads.sealed(id, ALL, (event) => {
    found = event
    return []
  })
  return found
}

test('rows that are read again show and find what the later parser made, and prove what was sealed', async () => {
  const old = [0, 1, 2, 3].map((n) => made(100 + n, n, 'sshd@1'))
  await insert(old)
  const found = await store.rereads.find({ source: 'api', except: ['sshd@2'], afterFeed: 0, asOf: AS_OF, limit: 10 })
  expect(found.map(({ sealed }) => sealed)).toEqual(old)

  const labels = { labels: { key: "it's" }, tags: ['x', 'y'] }
  const resources = { audit: { resource: [{ type: 'host', name: 'web' }] } }
  const later = old
    .slice(0, 3)
    .map((sealed, n) =>
      renewedOf(
        sealed,
        made(100 + n, n, 'sshd@2', { user: { name: `ada${n}` }, source: { ip: '10.0.0.9' }, ...labels, ...resources }),
      ),
    )
  await store.rereads.renew('api', later)

  expect((await listed('user.name:ada1')).map((event) => event.event.id)).toEqual([idOf(101)])
  const [event] = await listed('user.name:ada1')
  expect(event).toMatchObject({
    user: { name: 'ada1' },
    source: { ip: '10.0.0.9' },
    ...labels,
    ...resources,
    whodid: { parser: 'sshd@2' },
    event: { original: 'line 1', action: 'login' },
  })
  expect(await listed('whodid.parser:"sshd@1"')).toHaveLength(1)
  for (const [n, sealed] of old.entries()) expect(await sealedIn(idOf(100 + n))).toEqual(sealed)
  expect((await store.inserts.positions()).get('test/n1/reread/2026-11')).toEqual({ next: 4, rows: 4, feed: 103 })

  const again = old.slice(0, 1).map((sealed) => renewedOf(sealed, made(100, 0, 'sshd@3', { user: { name: 'bob' } })))
  await store.rereads.renew('api', again)
  expect(await listed('user.name:bob')).toHaveLength(1)
  expect(await sealedIn(idOf(100))).toEqual(old[0])
}, 60_000)

test('what is hidden from a reader is hidden as well in what a later parser made', async () => {
  const old = made(200, 0, 'a@1', {}, 'veil')
  await insert([old])
  const later = made(200, 0, 'a@2', { user: { name: 'canary' }, source: { ip: '203.0.113.77' } }, 'veil')
  await store.rereads.renew('api', [renewedOf(old, later)])
  const veiled = judgedVisibility(
    undefined,
    new Map([
      ['user.name', 'hide'],
      ['source.ip', 'hide'],
    ]),
  )

  const run = { query: parseQuery('stream:veil', { now: 0 }), order: 'oldest' as const, limit: 10, asOf: AS_OF }
  const page = await store.reads.list(run, veiled)
  expect(page.events).toHaveLength(1)
  const proof = await store.reads.sealed(idOf(200), veiled, () => [])
  for (const answer of [page, await store.reads.get(idOf(200), veiled), proof])
    expect(JSON.stringify(answer)).not.toMatch(/canary|203\.0/)
})

test('an engine that dies half way loses and doubles nothing, and the next call ends the work', async () => {
  const count = 4000
  const old = Array.from({ length: count }, (_, n) => made(1000 + n, n, 'a@1', {}, 'crash'))
  for (let at = 0; at < count; at += 500) await insert(old.slice(at, at + 500))
  const later = old.map((sealed, n) => renewedOf(sealed, made(1000 + n, n, 'a@2', { user: { name: 'eve' } }, 'crash')))
  const ended = store.rereads.renew('api', later).then(
    () => 'done',
    () => 'failed',
  )
  await expect(store.rereads.renew('api', later)).rejects.toMatchObject({ code: 'busy' })
  await pause(60)
  process.kill(enginePid, 'SIGKILL')
  await ended
  expect((await store.inserts.positions()).get('test/n1/crash/2026-11')).toEqual({
    next: count,
    rows: count,
    feed: 4999,
  })

  await store.rereads.renew('api', later)
  expect((await store.inserts.positions()).get('test/n1/crash/2026-11')?.rows).toBe(count)
  const left = await store.rereads.find({ source: 'api', except: ['a@2'], afterFeed: 999, asOf: AS_OF, limit: 10 })
  expect(left).toEqual([])
  for (const n of [0, 1234, count - 1]) expect(await sealedIn(idOf(1000 + n))).toEqual(old[n])
}, 60_000)
