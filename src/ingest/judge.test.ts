import { cpSync, readFileSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkFrames } from '../../test/crash/check-frames.ts'
import { anEvent, aWritePath, type AWritePath, type AWritePathOptions } from '../../test/a-write-path.ts'
import { aFolder } from '../../test/a-server.ts'
import { someRules } from '../../test/some-rules.ts'
import { imbalance, NOTHING } from '../domain/accounting.ts'
import type { AuditEvent } from '../domain/event.ts'
import { NO_RULES } from '../rules/rule-set.ts'
import { decide } from './commit.ts'
import { DuplicateWindow } from './duplicates.ts'
import { createEventIds } from './event-id.ts'
import { eventsOf } from './payload.ts'
import { rejectedOfSlice } from './rejected.ts'
import { createRulesInForce } from './rules-in-force.ts'
import { type SealDeps, sealSlice } from './seal.ts'

const OWN = 'acme/n1/default/2026-11'
const SIDE = 'acme/n1/side/2026-11'

function aPath(options: Partial<AWritePathOptions> = {}): Promise<AWritePath> {
  return aWritePath({ folder: aFolder(), rules: createRulesInForce(NO_RULES, someRules), ...options })
}

function doing(action: string, id: string, more: Partial<AuditEvent> = {}) {
  return anEvent(id, { ...more, event: { id, action, outcome: 'success' } })
}

test('a record that a rule drops leaves its count and its bytes, and nothing of what it said', async () => {
  const path = await aPath()
  const record = JSON.stringify(doing('drop', 'd', { message: 'the-secret-word' }))
  const { dropped, results } = await path.send([record, doing('read', 'r')])

  expect([dropped, results[0]]).toEqual([1, { dropped: 'rule/drops' }])
  const [frame] = await framesOf(path)
  expect(frame?.header.accounting).toEqual({
    ...NOTHING,
    received: 2,
    kept: 1,
    events: 1,
    dropped: { 'rule/drops': 1 },
    droppedBytes: { 'rule/drops': record.length },
  })
  expect(await allBytes(path)).not.toContain('the-secret-word')
})

test('a record of which nothing is kept needs no place in a log', async () => {
  const path = await aPath()
  await path.send([doing('drop', 'd')])
  const [frame] = await framesOf(path)
  expect([frame?.header.log, frame?.count]).toEqual([undefined, 0])
  expect(path.memory.books.of('api')).toMatchObject({ received: 1, dropped: { 'rule/drops': 1 } })
})

test('an envelope of which a part was refused keeps no bytes where a rule dropped or changed another part', async () => {
  const kept = async (action: string) => {
    const records = [{ bytes: Buffer.from(action) }]
    const slice = { source: 'api', authenticated: true, log: OWN, received: 0, format: 'half', records }
    const rules = { revision: 1, stream: 'default' }
    const sealed = await sealSlice({ ...slice, rules }, HALF_REFUSED)
    const { results } = decide(sealed, records, new DuplicateWindow(), () => 0, 0)
    return rejectedOfSlice(slice, undefined, sealed, results)?.header.records[0]
  }
  expect(await kept('read')).toMatchObject({ bytes: 4, reason: 'missing_field' })
  expect(await kept('drop')).toMatchObject({ bytes: 0, whole: 4 })
  expect(await kept('mask')).toMatchObject({ bytes: 0, whole: 4 })
  expect(await kept('admit')).toMatchObject({ bytes: 5 })
})

/** A format whose records are envelopes of an event that does what the record says, and of one that is none. */
const HALF_REFUSED: SealDeps = {
  ids: createEventIds(new Uint8Array(32)),
  keysFor: async (_log, _day, wanted) => wanted.map(() => ({ id: 1, key: new Uint8Array(32) })),
  rules: someRules,
  format: () => ({
    name: 'half',
    version: 1,
    decode(bytes) {
      const event = { '@timestamp': '2026-11-20T00:00:00.000Z', event: { action: Buffer.from(bytes).toString() } }
      const rejects = [{ kind: 'reject', reason: 'missing_field', message: 'it has no action' } as const]
      return { kind: 'events', events: [{ event }], rejects }
    },
  }),
}

test('what a rule masks is sealed masked and says so, and what it lets in says by which rule', async () => {
  const path = await aPath()
  await path.send([doing('mask', 'm', { message: 'the-secret-word' }), doing('admit', 'a')])
  const [frame] = await framesOf(path)
  const [masked, admitted] = bodiesOf(frame)
  expect(masked).toMatchObject({ message: '***', whodid: { masked: [{ path: 'message', rule: 'rule/masks' }] } })
  expect(admitted).toMatchObject({ whodid: { rule: 'rule/admits' } })
  expect(frame?.header.accounting.acted).toEqual({ 'rule/masks': 1, 'rule/admits': 1 })
  expect(await allBytes(path)).not.toContain('the-secret-word')
})

test('a rule in shadow only counts', async () => {
  const path = await aPath()
  const { kept } = await path.send([doing('shadow', 's'), doing('shadow', 't'), doing('read', 'r')])
  const [frame] = await framesOf(path)
  expect([kept, frame?.header.accounting.shadow]).toEqual([3, { 'rule/would': 2 }])
  expect(frame?.header.accounting.acted).toBeUndefined()
})

test('events go to the log of the stream to which a rule sends them, each frame with an account that ties out', async () => {
  const path = await aPath()
  const batch = [doing('read', '1'), doing('route', '2'), doing('drop', '3'), doing('route', '4'), doing('read', '5')]
  const { results } = await path.send(batch, { cursor: 'c' })

  expect(results.map((each) => ('log' in each ? [each.log, each.index] : each))).toEqual([
    [OWN, 1],
    [SIDE, 1],
    { dropped: 'rule/drops' },
    [SIDE, 2],
    [OWN, 2],
  ])
  const frames = await framesOf(path)
  expect(frames.map(({ header }) => [header.log, header.first, header.cursor])).toEqual([
    [SIDE, 1, undefined],
    [OWN, 1, 'c'],
  ])
  expect(frames.map(({ header }) => header.accounting)).toMatchObject([
    { received: 2, kept: 2, events: 2, dropped: {} },
    { received: 3, kept: 2, events: 2, dropped: { 'rule/drops': 1 }, acted: { 'rule/routes': 2 } },
  ])
  for (const { header } of frames) expect(imbalance(header.accounting)).toBe(0)
  expect(frames.map((frame) => bodiesOf(frame).length)).toEqual([2, 2])
})

test('where all of a slice goes elsewhere, the frame of the other log carries the cursor', async () => {
  const path = await aPath()
  await path.send([doing('route', '1')], { cursor: 'c' })
  const frames = await framesOf(path)
  expect(frames.map(({ header }) => [header.log, header.cursor])).toEqual([[SIDE, 'c']])
  expect(frames[0]?.header.accounting).toMatchObject({ received: 1, kept: 1, acted: { 'rule/routes': 1 } })
})

test('what was sent elsewhere is known there when it comes again, also after a restart', async () => {
  const folder = aFolder()
  const before = await aPath({ folder })
  const first = await before.send([doing('read', '1'), doing('route', '2')])
  const again = await before.send([doing('read', '1'), doing('route', '2')])
  await before.close()
  const after = await aPath({ folder })
  const third = await after.send([doing('route', '2')])

  const [, routed] = first.results
  expect(again).toMatchObject({ kept: 0, duplicate: 2 })
  for (const result of [again.results[1], third.results[0]])
    expect(result).toEqual({
      duplicate: expect.any(String),
      log: SIDE,
      index: routed && 'log' in routed && routed.index,
    })
})

test('where only the first of two frames outlives a crash, no cursor is found, and what comes again is stored once', async () => {
  const folder = aFolder()
  const batch = [doing('read', '1'), doing('route', '2'), doing('drop', '3')]
  await (await aPath({ folder })).close()
  const untouched = aFolder()
  cpSync(folder, untouched, { recursive: true })
  const before = await aPath({ folder })
  await before.send(batch, { cursor: 'c' })
  await before.close()
  // Nothing that was not synced was ever read from the journal: ledger and control state know nothing of it.
  for (const name of readdirSync(folder).filter((each) => !['journal', 'keys'].includes(each))) {
    rmSync(join(folder, name), { recursive: true })
  }
  for (const name of readdirSync(untouched).filter((each) => !['journal', 'keys'].includes(each))) {
    cpSync(join(untouched, name), join(folder, name), { recursive: true })
  }
  tearBefore(folder, '{"log":"acme/n1/default/2026-11"')

  const after = await aPath({ folder })
  expect(after.memory.books.cursor('api')).toBeUndefined()
  expect(after.memory.books.of('api')).toMatchObject({ received: 1, kept: 1 })
  expect(await after.send(batch, { cursor: 'c' })).toMatchObject({ kept: 1, duplicate: 1, dropped: 1 })
  await after.writer.beat('stop')
  await after.close()
  const { sources, leaves } = await checkFrames(folder, 'acme')
  expect(sources.get('api')).toMatchObject({
    received: 4,
    kept: 2,
    events: 2,
    duplicate: 1,
    dropped: { 'rule/drops': 1 },
  })
  expect([leaves.get(OWN)?.length, leaves.get(SIDE)?.length]).toEqual([3, 3])
})

/** Ends the journal within the last frame whose header begins so, as a crash leaves it that came between two writes. */
function tearBefore(folder: string, header: string): void {
  const [name = ''] = readdirSync(join(folder, 'journal'))
  const path = join(folder, 'journal', name)
  const at = readFileSync(path).lastIndexOf(header)
  if (at < 0) throw new Error('there is no such frame')
  truncateSync(path, at)
}

test('one person has keys of its own in each log', async () => {
  const path = await aPath()
  await path.send([doing('read', '1'), doing('route', '2'), doing('read', '3')])
  const [side, own] = await framesOf(path)
  const keys = (frame: typeof side) =>
    new Set(frame === undefined ? [] : eventsOf(frame, 0).map((each) => each.actorKey))
  expect([keys(side).size, keys(own).size]).toEqual([1, 1])
  expect([...keys(side)]).not.toEqual([...keys(own)])
})

test('our own trail and leaves of the ledger are judged by nobody', async () => {
  const path = await aPath({
    rules: createRulesInForce(NO_RULES, () => ({
      streams: [],
      judge: () => ({ kind: 'drop', rule: 'rule/all' }),
    })),
  })
  await path.writer.trail({
    '@timestamp': '2026-11-20T00:00:00.000Z',
    event: { action: 'drop', dataset: 'whodid.api', outcome: 'success' },
  })
  await path.writer.beat('due')
  expect(path.memory.books.of('whodid')).toMatchObject({ kept: 1, dropped: {} })
  expect(await path.send([doing('read', '1')])).toMatchObject({ dropped: 1 })
})

test('a batch is judged by the rules that were in force when it was taken, and heartbeats say which are', async () => {
  const rules = createRulesInForce(NO_RULES, (set) => ({
    streams: [],
    judge: () => (set.excludedCategories.length > 0 ? { kind: 'drop', rule: 'category/iam' } : undefined),
  }))
  const path = await aPath({ rules })
  const before = path.send([doing('read', '1')])
  rules.use({ ...NO_RULES, excludedCategories: ['iam'] })
  const after = path.send([doing('read', '2')])

  expect([await before, await after]).toMatchObject([{ kept: 1 }, { dropped: 1 }])
  await path.writer.beat('stop')
  const frames = await path.frames()
  const [beat] = frames.filter(({ header }) => header.system === 'heartbeat').map((frame) => bodiesOf(frame)[0])
  expect(beat).toMatchObject({ ledger: { rules: rules.current().hash } })
})

/** Of the source alone. */
async function framesOf(path: AWritePath) {
  return (await path.frames()).filter(({ header }) => header.source === 'api')
}

function bodiesOf(frame: Awaited<ReturnType<AWritePath['frames']>>[number] | undefined): unknown[] {
  if (frame === undefined) return []
  return eventsOf(frame, 0).map(({ blocks }) => JSON.parse(blocks[3] ?? '{}'))
}

async function allBytes(path: AWritePath): Promise<string> {
  const frames = await path.frames()
  return frames
    .map(({ arena, rejected, header }) => `${JSON.stringify(header)}${text(arena)}${text(rejected)}`)
    .join('\n')
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}
