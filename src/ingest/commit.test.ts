import { expect, test } from 'vitest'
import { imbalance, NOTHING } from '../domain/accounting.ts'
import type { Format } from '../formats/format.ts'
import { compileRules } from '../rules/compile.ts'
import { NO_RULES } from '../rules/rule-set.ts'
import { decide } from './commit.ts'
import { DuplicateWindow } from './duplicates.ts'
import { createEventIds } from './event-id.ts'
import { eventsOf, leavesOf, parsePayload, payloadParts } from './payload.ts'
import { sealSlice } from './seal.ts'

const LOG = 'acme/n1/default/2026-11'
const NOW = Date.UTC(2026, 10, 20)

/** A record is a list of events, each `id` or `id=text`; `!` is refused. */
const lists: Format = {
  name: 'lists',
  version: 1,
  decode(bytes) {
    const text = Buffer.from(bytes).toString()
    if (text === '!') return { kind: 'reject', reason: 'wrong_type', message: 'refused' }
    const events = text.split(' ').filter((each) => each !== '')
    return {
      kind: 'events',
      events: events.map((each) => {
        const [id = '', message = ''] = each.split('=')
        const dataset = id === 'ours' ? 'whodid.api' : 'lists'
        const event = { '@timestamp': '2026-11-20T00:00:00.000Z', event: { action: 'read', dataset }, message }
        return id === 'nameless' ? { event } : { event, naturalId: id }
      }),
    }
  },
}

const deps = {
  ids: createEventIds(new Uint8Array(32)),
  keysFor: async (_log: string, _day: string, wanted: readonly unknown[]) =>
    wanted.map(() => ({ id: 1, key: new Uint8Array(32) })),
  format: () => lists,
  rules: () => compileRules(NO_RULES),
}

async function decided(window: DuplicateWindow, first: number, ...records: string[]) {
  const slice = {
    source: 'api',
    authenticated: true,
    log: LOG,
    received: NOW,
    format: 'lists',
    records: records.map((record) => ({ bytes: Buffer.from(record) })),
  }
  const sealed = await sealSlice(slice, deps)
  const { parts, ...outcome } = decide(sealed, slice.records, window, () => first, NOW)
  const [part] = parts
  if (part === undefined || parts.length > 1) throw new Error(`${parts.length} frames of one log`)
  expect(imbalance(part.accounting)).toBe(0)
  return { ...outcome, ...part, sealed }
}

test('what comes twice in one slice is kept once, at one place', async () => {
  const window = new DuplicateWindow()
  const { results, accounting, count } = await decided(window, 7, 'a=1', 'b=1', 'a=1')
  expect(results).toMatchObject([{ index: 7 }, { index: 8 }, { index: 7 }])
  expect(results[2]).toEqual({ duplicate: 'id' in results[0]! ? results[0].id : '', log: LOG, index: 7 })
  expect(accounting).toEqual({ ...NOTHING, received: 3, kept: 2, events: 2, duplicate: 1 })
  expect(count).toBe(2)
})

test('a known id with other content is kept and marked; either content that comes again is a duplicate', async () => {
  const window = new DuplicateWindow()
  await decided(window, 0, 'a=1')
  const { results, conflicts, events } = await decided(window, 1, 'a=2', 'a=1', 'a=2')
  expect(results).toMatchObject([{ index: 1, conflict: true }, { index: 0 }, { index: 1 }])
  expect(conflicts).toBe(1)
  expect(stored(events, 1)).toMatchObject([{ index: 1, conflict: true }])
})

test('of a record with several events those are kept that are new', async () => {
  const window = new DuplicateWindow()
  await decided(window, 0, 'a=1')
  const { results, accounting, events } = await decided(window, 1, 'a=1 b=1 c=1', 'd=1')
  expect(results).toMatchObject([{ index: 1 }, { index: 3 }])
  expect(accounting).toEqual({ ...NOTHING, received: 2, kept: 2, events: 3 })
  const names = stored(events, 1).map(({ blocks }) => /"natural_id":"([^"]+)"/.exec(blocks[3] ?? '')?.[1])
  expect(names).toEqual(['b', 'c', 'd'])
})

test('a record all of whose events are known is one duplicate', async () => {
  const window = new DuplicateWindow()
  await decided(window, 0, 'a=1 b=1')
  const { accounting, count, events } = await decided(window, 2, 'a=1 b=1')
  expect(accounting).toEqual({ ...NOTHING, received: 1, duplicate: 1 })
  expect([count, events]).toEqual([0, []])
})

test('a record is kept when any of its events is, and rejected when one was refused and the others are known', async () => {
  const window = new DuplicateWindow()
  const first = await decided(window, 0, 'a=1 ours', '!')
  expect(first.accounting).toEqual({ ...NOTHING, received: 2, kept: 1, events: 1, rejected: { wrong_type: 1 } })
  const again = await decided(window, 1, 'a=1 ours')
  expect(again.accounting).toEqual({ ...NOTHING, received: 1, rejected: { claims_whodid: 1 } })
})

test('a record of which no event came is accounted for', async () => {
  const { results, accounting } = await decided(new DuplicateWindow(), 0, '', 'a=1')
  expect(results).toMatchObject([{ dropped: 'no_event' }, { index: 0 }])
  expect(accounting).toEqual({
    ...NOTHING,
    received: 2,
    kept: 1,
    events: 1,
    dropped: { no_event: 1 },
    droppedBytes: { no_event: 0 },
  })
})

test('what has no name of its own is never taken for a duplicate', async () => {
  const window = new DuplicateWindow()
  const { accounting } = await decided(window, 0, 'nameless', 'nameless')
  expect(accounting.kept).toBe(2)
  expect(window.size).toBe(0)
})

test('whatever is left out, the frame holds the rest byte for byte', async () => {
  const window = new DuplicateWindow()
  await decided(window, 0, 'b=1', 'd=1', 'e=1')
  const { events, sealed } = await decided(window, 3, 'a=eins', 'b=1', 'c=drei', 'd=1', 'e=1', 'f=sechs', 'g=sieben')
  const all = leavesOf(parsePayload(bytesOf([sealed]), sealed.count))
  const kept = leavesOf(parsePayload(bytesOf(events), 4))
  expect(kept).toEqual([all[0], all[2], all[5], all[6]])
  expect(stored(events, 3).map(({ blocks }) => /"message":"(\w+)"/.exec(blocks[3] ?? '')?.[1])).toEqual([
    'eins',
    'drei',
    'sechs',
    'sieben',
  ])
})

type Tables = Parameters<typeof payloadParts>[1]

function bytesOf(events: Tables): Uint8Array {
  return Buffer.concat(payloadParts({ source: 'api', received: NOW, log: LOG, first: 3, accounting: NOTHING }, events))
}

/** As a follower reads it. */
function stored(events: Tables, first: number) {
  const count = events.reduce((sum, each) => sum + each.count, 0)
  const payload = parsePayload(bytesOf(events), count)
  return eventsOf({ ...payload, header: { ...payload.header, first } }, 100)
}
