import { expect, test } from 'vitest'
import { anEvent, API, aWritePath, type AWritePath } from '../../test/a-write-path.ts'
import { aFolder } from '../../test/a-server.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { imbalance, NOTHING } from '../domain/accounting.ts'
import { AuditError } from '../domain/errors.ts'
import { eventsOf } from './payload.ts'

const SHEDDING = { ...API, name: 'noisy', sheds: true }

function records(count: number) {
  return Array.from({ length: count }, (_, n) => ({ bytes: Buffer.from(JSON.stringify(anEvent(n))), format: 'ecs' }))
}

const full = () => new AuditError('busy', 'the journal is full', { retryAfterMs: 1000 })

test('what is given up is in a frame of its own before its sender is answered, and only as a count', async () => {
  const path = await aWritePath({ folder: aFolder() })
  const receipt = await path.writer.shedFor(SHEDDING)(records(3), { cursor: 'c' }, 'recordsPerSecond')

  expect(receipt).toMatchObject({ received: 3, kept: 0, shed: 3, results: [{ shed: 'recordsPerSecond' }, {}, {}] })
  const [frame] = await framesOf(path)
  expect(frame?.header).toMatchObject({ cursor: 'c', accounting: { ...NOTHING, received: 3, shed: 3 } })
  expect([frame?.count, frame?.arena.length, frame?.rejected.length]).toEqual([0, 0, 0])
  expect(path.memory.books.of('noisy')).toEqual({ ...NOTHING, received: 3, shed: 3 })
})

test('while nothing can be taken, a source that sheds is not told to wait, and any other one is', async () => {
  const path = await aWritePath({ folder: aFolder(), refusal: (of) => (of === 'count' ? undefined : full()) })
  expect(await path.writer.emitFor(SHEDDING)(records(2))).toMatchObject({ shed: 2, results: [{ shed: 'intake' }, {}] })
  await expect(path.writer.emitFor(API)(records(1))).rejects.toMatchObject({ code: 'busy' })
  await expect(path.writer.emitFor({ ...SHEDDING, replays: true })(records(1))).rejects.toMatchObject({ code: 'busy' })
})

test('where even a count has no room, nothing is acknowledged', async () => {
  const path = await aWritePath({ folder: aFolder(), refusal: full })
  await expect(path.writer.emitFor(SHEDDING)(records(2))).rejects.toMatchObject({ code: 'busy' })
  expect(await path.frames()).toEqual([])
})

test('a source that holds its share of the journal waits or sheds, and others go on', async () => {
  const path = await aWritePath({ folder: aFolder(), boundBytes: 40_000 })
  const greedy = { ...API, name: 'greedy', journalShare: 0.25 }
  await path.writer.emitFor(greedy)(records(30))
  await expect(path.writer.emitFor(greedy)(records(1))).rejects.toThrow('source greedy holds its share of the journal')
  expect(await path.writer.emitFor({ ...greedy, sheds: true })(records(1))).toMatchObject({
    results: [{ shed: 'journalShare' }],
  })
  expect(await path.send([anEvent('x')])).toMatchObject({ kept: 1 })
})

test('counts of many small batches share a frame, but none with a cursor does', async () => {
  const path = await aWritePath({ folder: aFolder() })
  const shed = path.writer.shedFor(SHEDDING)
  // The log of stream `default` is opened first, and all turns wait for that.
  const kept = path.send([anEvent(1)])
  const many = Array.from({ length: 50 }, () => shed(records(2), {}, 'bytesPerSecond'))
  const withCursor = shed(records(1), { cursor: 'c' }, 'bytesPerSecond')
  await Promise.all([kept, ...many, withCursor])

  const frames = await framesOf(path)
  expect(frames.map(({ header }) => [header.accounting.shed, header.cursor])).toEqual([
    [100, undefined],
    [1, 'c'],
  ])
  for (const { header } of frames) expect(imbalance(header.accounting)).toBe(0)
})

test('our own trail says once a minute how much of a source was given up, and the rest at the end', async () => {
  const clock = manualClock()
  const path = await aWritePath({ folder: aFolder(), clock })
  const shed = path.writer.shedFor(SHEDDING)
  await shed(records(2), {}, 'recordsPerSecond')
  await path.writer.beat('due')
  await shed(records(3), {}, 'recordsPerSecond')
  await path.writer.beat('due')
  clock.advance(60_000)
  await shed(records(4), {}, 'connections')
  await path.writer.beat('due')
  await shed(records(1), {}, 'recordsPerSecond')
  await path.writer.beat('stop')

  expect((await trailOf(path)).map((message) => /^\d+/.exec(message)?.[0])).toEqual(['2', '7', '1'])
  expect((await trailOf(path))[1]).toContain(
    'of source noisy were given up beyond its limits: recordsPerSecond, connections',
  )
})

test('a record that is longer than its source may send is rejected, and kept among the rejected ones', async () => {
  const path = await aWritePath({ folder: aFolder() })
  const [record] = records(1)
  const long = { bytes: Buffer.concat([record?.bytes ?? Buffer.alloc(0), Buffer.alloc(200, ' ')]), format: 'ecs' }
  const receipt = await path.writer.emitFor({ ...API, recordBytes: 150 })([...records(1), long])
  expect(receipt).toMatchObject({ kept: 1, rejected: 1, results: [{}, { rejected: { code: 'too_large' } }] })
  const frames = (await path.frames()).filter(({ header }) => header.source === 'api')
  expect(frames[0]?.rejected.length).toBe(long.bytes.length)
})

async function framesOf(path: AWritePath) {
  return (await path.frames()).filter(({ header }) => header.source === 'noisy')
}

async function trailOf(path: AWritePath): Promise<readonly string[]> {
  const own = (await path.frames()).filter(({ header }) => header.source === 'whodid')
  return own
    .flatMap((frame) => eventsOf(frame, 0))
    .map(({ blocks }) => (JSON.parse(blocks[3] ?? '{}') as { message: string }).message)
}
