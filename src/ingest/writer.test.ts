import { expect, test } from 'vitest'
import { checkFrames } from '../../test/crash/check-frames.ts'
import { aFolder } from '../../test/a-server.ts'
import { anEvent, API, aWritePath, type AWritePath } from '../../test/a-write-path.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { parseLeaf } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import { eventsOf, leavesOf } from './payload.ts'
import type { Slice } from './seal.ts'

const NOVEMBER = Date.UTC(2026, 10, 30, 23, 50)
const HOUR = 3_600_000
const MINUTE = 60_000

test('a log begins with log.opened, ends with log.closed, and the next one tells how it ended', async () => {
  const clock = manualClock(NOVEMBER)
  const path = await aWritePath({ folder: aFolder(), clock })
  await path.send([anEvent(1), anEvent(2)])
  clock.advance(HOUR)
  const { results } = await path.send([anEvent(3)])

  expect(results).toMatchObject([{ log: 'acme/n1/default/2026-12', index: 1 }])
  expect(await actions(path, '2026-11')).toEqual(['log.opened', 'read', 'read', 'heartbeat', 'log.closed'])
  expect(await actions(path, '2026-12')).toEqual(['log.opened', 'read'])
  const [opened] = await told(path, 'log.opened', '2026-12')
  const previous = 'acme/n1/default/2026-11'
  expect(opened).toMatchObject({ previous, final: expect.stringMatching(new RegExp(`^${previous}\n5\n`)) })
})

test('a period that ended while nobody sent is closed at the next start, and the next event goes on from there', async () => {
  const folder = aFolder()
  const clock = manualClock(NOVEMBER)
  const before = await aWritePath({ folder, clock })
  await before.send([anEvent(1)])
  await before.close()
  clock.advance(40 * 24 * HOUR)

  const after = await aWritePath({ folder, clock })
  await after.writer.beat('start')
  expect(await actions(after, '2026-11')).toEqual(['log.opened', 'read', 'heartbeat', 'log.closed'])
  await after.close()

  const third = await aWritePath({ folder, clock })
  await third.writer.beat('start')
  await third.send([anEvent(2)])
  expect(await actions(third, '2026-11')).toHaveLength(4)
  expect(await told(third, 'log.opened', '2027-01')).toMatchObject([
    { previous: 'acme/n1/default/2026-11', final: expect.stringContaining('2026-11\n4\n') },
  ])
})

test('a server that dies between the last heartbeat of a log and its end closes it at the next start', async () => {
  const folder = aFolder()
  const clock = manualClock(NOVEMBER)
  const dying = await aWritePath({ folder, clock, seal: failing((slice) => textOf(slice).includes('log.closed')) })
  await dying.send([anEvent(1)])
  clock.advance(HOUR)
  await expect(dying.send([anEvent(2)])).rejects.toThrow('no more')
  expect(dying.fatal).toHaveLength(2)
  await dying.close()

  const next = await aWritePath({ folder, clock })
  await next.writer.beat('start')
  await next.send([anEvent(2)])
  expect(await actions(next, '2026-11')).toEqual(['log.opened', 'read', 'heartbeat', 'heartbeat', 'log.closed'])
  expect(await actions(next, '2026-12')).toEqual(['log.opened', 'read'])
})

test('where a log cannot be opened, nothing gets into it', async () => {
  const path = await aWritePath({ folder: aFolder(), seal: failing((slice) => textOf(slice).includes('log.opened')) })
  const sent = [path.send([anEvent(1)]), path.send([anEvent(2)])]
  for (const each of sent) await expect(each).rejects.toThrow('no more')

  expect(path.fatal).toHaveLength(1)
  expect(await path.frames()).toEqual([])
})

test('a thread that ends while it seals is no reason to fail: another one does it', async () => {
  let ends = 0
  const path = await aWritePath({
    folder: aFolder(),
    // Every second time.
    seal: async (slice, seal) => {
      if (++ends % 2 === 1) throw new AuditError('busy', 'a seal thread ended while it worked')
      return seal(slice)
    },
  })
  expect(await path.send([anEvent(1)])).toMatchObject({ kept: 1 })
  await path.writer.beat('stop')
  expect(path.fatal).toEqual([])
})

test('no cursor is sealed beyond records that were not', async () => {
  const folder = aFolder()
  const batch = Array.from({ length: 450 }, (_, n) => anEvent(n))
  const broken = await aWritePath({ folder, seal: failing((slice) => textOf(slice).includes('"e-210"')) })
  await expect(broken.send(batch, { cursor: 'at 450' })).rejects.toThrow('no more')
  await broken.send([anEvent('later')], { cursor: 'at 1' })
  await broken.close()

  const next = await aWritePath({ folder })
  expect(next.memory.books.cursor('api')).toBe('at 1')
  expect(await next.send(batch, { cursor: 'at 450' })).toMatchObject({ received: 450, kept: 250, duplicate: 200 })
  expect(next.memory.books.cursor('api')).toBe('at 450')
})

test('indexes follow the order in which batches came, whatever order they are sealed in', async () => {
  const waiting: (() => void)[] = []
  const path = await aWritePath({
    folder: aFolder(),
    seal: async (slice, seal) => {
      const sealed = await seal(slice)
      if (slice.source === 'api') await new Promise<void>((resolve) => waiting.push(resolve))
      return sealed
    },
  })
  const sent = Array.from({ length: 5 }, (_, n) => path.send([anEvent(n)]))
  await expect.poll(() => waiting.length).toBe(5)
  for (const release of waiting.toReversed()) release()

  const results = (await Promise.all(sent)).flatMap((receipt) => receipt.results)
  expect(results.map((each) => 'index' in each && each.index)).toEqual([1, 2, 3, 4, 5])
})

test('receive time never goes backwards, also over a restart, whatever the clock does', async () => {
  const folder = aFolder()
  const clock = manualClock()
  const before = await aWritePath({ folder, clock })
  await before.send([anEvent(1)])
  clock.advance(-24 * HOUR)
  await before.send([anEvent(2)])
  await before.close()
  const after = await aWritePath({ folder, clock })
  await after.send([anEvent(3)])
  clock.advance(25 * HOUR)
  await after.send([anEvent(4)])

  const leaves = await leavesIn(after, '2026-11')
  const times = leaves.map((leaf) => leaf.r)
  expect(times).toEqual(times.toSorted())
  expect(new Set(times).size).toBe(2)
})

test('a log that grew gets a heartbeat once a minute, the trail one every ten minutes also when nothing came', async () => {
  const clock = manualClock()
  const path = await aWritePath({ folder: aFolder(), clock })
  await path.writer.beat('start')
  await path.send([anEvent(1)])
  const beats = async () => ({
    ours: (await told(path, 'heartbeat', 'whodid')).length,
    theirs: (await told(path, 'heartbeat', 'default')).length,
  })
  expect(await beats()).toEqual({ ours: 1, theirs: 0 })

  clock.advance(MINUTE - 1)
  await path.writer.beat('due')
  expect(await beats()).toEqual({ ours: 1, theirs: 0 })
  clock.advance(1)
  await path.writer.beat('due')
  await path.writer.beat('due')
  expect(await beats()).toEqual({ ours: 2, theirs: 1 })
  clock.advance(10 * MINUTE - 1)
  await path.writer.beat('due')
  expect(await beats()).toEqual({ ours: 2, theirs: 1 })
  clock.advance(1)
  await path.writer.beat('due')
  expect(await beats()).toEqual({ ours: 3, theirs: 1 })
  await path.writer.beat('stop')
  expect(await beats()).toEqual({ ours: 4, theirs: 1 })
})

test('the trail goes on telling the totals when a month ends while nothing comes', async () => {
  const clock = manualClock(NOVEMBER)
  const path = await aWritePath({ folder: aFolder(), clock })
  await path.writer.beat('start')
  await path.send([anEvent(1)])
  clock.advance(HOUR)
  await path.writer.beat('due')
  clock.advance(HOUR)
  await path.writer.beat('due')

  const frames = (await path.frames()).filter(({ header }) => header.log === 'acme/n1/whodid/2026-12')
  expect(frames.map(({ header }) => header.system)).toEqual(['log.opened', 'heartbeat'])
  const beats = await told(path, 'heartbeat', 'whodid')
  expect(beats.at(-1)).toMatchObject({ accounting: { api: { kept: 1 } }, logs: { 'acme/n1/whodid/2026-12': 1 } })
})

test('heartbeats tell the last number of each epoch and the clock of who sends, by the streams that the record says', async () => {
  const clock = manualClock(NOVEMBER)
  const path = await aWritePath({ folder: aFolder(), clock })
  await path.writer.beat('start')
  const emit = path.writer.emitFor({ name: 'bastion', stream: 'default', authenticated: true })
  const record = (n: number, stream: string, event: object | string) => ({
    bytes: Buffer.from(JSON.stringify(event)),
    format: 'ecs',
    fallbackId: `f:${n}`,
    sequence: { epoch: 7, n },
    collectedMs: NOVEMBER - HOUR,
    origin: { stream, way: `web-1/${stream}` },
  })
  await emit([record(1, 'a', anEvent(1)), record(2, 'b', anEvent(2)), record(3, 'b', 'no event')], {
    clockOffsetMs: 1500.4,
  })
  clock.advance(2 * MINUTE)
  await path.writer.beat('due')

  const told7 = { numbers: { bastion: { 7: 3 } }, clocks: { bastion: 1500 } }
  expect(await told(path, 'heartbeat', 'a')).toMatchObject([{ sources: { bastion: 1 }, ...told7 }])
  expect(await told(path, 'heartbeat', 'b')).toMatchObject([{ sources: { bastion: 1 }, ...told7 }])
  expect((await told(path, 'heartbeat', 'whodid')).at(-1)).toMatchObject(told7)
  const leaves = (await path.frames())
    .flatMap((frame) => leavesOf(frame))
    .map((leaf) => parseLeaf(Buffer.from(leaf).toString()))
  expect(leaves.filter(({ s }) => s === 'bastion').map(({ e, n }) => [e, n])).toEqual([
    [7, 1],
    [7, 2],
  ])
})

test('one record that came two ways is one event', async () => {
  const path = await aWritePath({ folder: aFolder() })
  const emit = path.writer.emitFor({ name: 'prod', stream: 'default', authenticated: true })
  const record = (way: string) => ({
    bytes: Buffer.from(JSON.stringify(anEvent(1))),
    format: 'ecs',
    naturalId: 'the same',
    origin: { way },
  })
  const first = await emit([record('web-1/file')])
  const second = await emit([record('web-2/file')])

  expect([first.kept, second.duplicate]).toEqual([1, 1])
})

test('a log that grew before a crash gets its heartbeat at the next start', async () => {
  const folder = aFolder()
  const crashed = await aWritePath({ folder })
  await crashed.send([anEvent(1)])
  await crashed.close()
  const next = await aWritePath({ folder })
  await next.writer.beat('start')
  expect(await told(next, 'heartbeat', 'default')).toMatchObject([{ sources: { api: 1 } }])
})

test('totals that are worked out from the frames are those of the heartbeats, and every event is a leaf', async () => {
  const folder = aFolder()
  const clock = manualClock(NOVEMBER)
  for (let life = 0; life < 3; life++) {
    const path = await aWritePath({ folder, clock })
    await path.writer.beat('start')
    await path.send([anEvent(life), anEvent(life), anEvent('same'), '{broken', anEvent(life, { message: 'other' })])
    await path.send([], { cursor: `life ${life}` })
    clock.advance(2 * MINUTE)
    await path.writer.beat('due')
    // The month ends in the last life.
    clock.advance(5 * MINUTE)
    await path.send([anEvent(`${life} late`)])
    await path.writer.beat('stop')
    await path.close()
  }
  const totals = await checkFrames(folder, 'acme')

  expect(totals.sources.get('api')).toEqual({
    received: 18,
    // In the last life `same` came for the first time more than ten minutes ago.
    kept: 11,
    events: 11,
    dropped: {},
    duplicate: 4,
    rejected: { not_json: 3 },
    shed: 0,
  })
  expect(totals.heartbeats).toBeGreaterThan(8)
  const path = await aWritePath({ folder, clock })
  for (const [origin, leaves] of totals.leaves) expect(path.ledger.size(origin)).toBe(leaves.length)
})

test('known ids with other content are kept, and one alarm tells of them; without it nothing else is harmed', async () => {
  let isMute = false
  const path = await aWritePath({
    folder: aFolder(),
    seal: failing((slice) => isMute && textOf(slice).includes('"conflict"')),
  })
  await path.send([anEvent(1), anEvent(2)])
  const changed = [anEvent(1, { message: 'a' }), anEvent(2, { message: 'b' }), anEvent(1)]
  expect(await path.send(changed)).toMatchObject({
    kept: 2,
    duplicate: 1,
    results: [{ conflict: true }, { index: 4 }, {}],
  })
  await expect.poll(() => eventsAbout(path, 'conflict')).toHaveLength(1)

  isMute = true
  expect(await path.send([anEvent(1, { message: 'c' })])).toMatchObject({ kept: 1 })
  await expect.poll(() => path.lines).toHaveLength(1)
  expect(path.lines[0]).toContain('source api sent 1 known ids with other content')
  expect(await path.send([anEvent(3)])).toMatchObject({ kept: 1 })
})

test('a record that has no time of its own is the same one when it comes again later', async () => {
  const clock = manualClock()
  const path = await aWritePath({ folder: aFolder(), clock })
  const nameless = { event: { action: 'read' }, user: { name: 'ada' } }
  const first = [await path.send([anEvent(1)]), await path.send([nameless], { idempotencyKey: 'k' })]
  clock.advance(1234)
  const again = [await path.send([anEvent(1)]), await path.send([nameless], { idempotencyKey: 'k' })]
  expect(again).toMatchObject([{ duplicate: 1 }, { duplicate: 1 }])
  expect(again.flatMap((each) => each.results)).toMatchObject(
    first.flatMap((each) => each.results).map((each) => ({ index: 'index' in each && each.index })),
  )
})

test('what is refused leaves no trace', async () => {
  const full = new AuditError('busy', 'the journal is full', { retryAfterMs: 10 })
  const path = await aWritePath({ folder: aFolder(), refusal: () => full })
  await expect(path.send([anEvent(1)], { cursor: 'here' })).rejects.toBe(full)
  expect(await path.frames()).toEqual([])
})

test('a journal that lost what was acknowledged is refused', async () => {
  const folder = aFolder()
  const before = await aWritePath({ folder })
  await before.send([anEvent(1)])
  const { received, ...rest } = before.memory.books.snapshot()
  before.state.snapshots.save('books', { ...rest, received, frame: rest.frame + 3 })
  await before.close()
  await expect(aWritePath({ folder })).rejects.toThrow(
    /the journal ends before frame \d+, but frame \d+ was acknowledged/,
  )
})

function failing(isFailing: (slice: Slice) => boolean) {
  return async <T>(slice: Slice, seal: (slice: Slice) => Promise<T>): Promise<T> => {
    if (isFailing(slice)) throw new AuditError('io_failed', 'no more')
    return seal(slice)
  }
}

function textOf({ records }: Slice): string {
  return records.map(({ bytes }) => Buffer.from(bytes).toString()).join('\n')
}

async function framesOf(path: AWritePath, log: string) {
  return (await path.frames()).filter((frame) => frame.header.log?.includes(`/${log}`))
}

async function leavesIn(path: AWritePath, period: string) {
  const frames = await framesOf(path, `${API.stream}/${period}`)
  return frames.flatMap(leavesOf).map((leaf) => parseLeaf(Buffer.from(leaf).toString()))
}

async function actions(path: AWritePath, period: string): Promise<readonly string[]> {
  return (await leavesIn(path, period)).map((leaf) => leaf.y)
}

/** What leaves of the ledger's own say, of the logs whose stream or period it is. */
async function told(path: AWritePath, system: string, streamOrPeriod: string): Promise<readonly unknown[]> {
  const frames = (await path.frames()).filter(
    ({ header }) => header.system === system && header.log?.split('/').includes(streamOrPeriod),
  )
  return frames
    .filter(({ header }) => !/^\d/.test(streamOrPeriod) || header.log?.includes('/default/'))
    .flatMap((frame) => eventsOf(frame, frame.firstFeed))
    .map(({ blocks }) => (JSON.parse(blocks[3] ?? '{}') as { ledger: unknown }).ledger)
}

async function eventsAbout(path: AWritePath, action: string) {
  const frames = await framesOf(path, 'whodid')
  return frames
    .flatMap((frame) => eventsOf(frame, frame.firstFeed))
    .filter(({ leaf }) => leaf.includes(`"y":"${action}"`))
}
