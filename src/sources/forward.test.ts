import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Intake, quiet } from '../../test/contract/source.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { AuditError } from '../domain/errors.ts'
import { batchParts, type ForwardedFrame, frameParts, parseBatch, parseFrame } from './forward-batch.ts'
import { createForward, type ForwardConfig } from './forward.ts'
import type { ReceiverResponse, SourceRecord } from './source.ts'

const never = new AbortController().signal
const EPOCH = 4711

const frame = (texts: readonly string[], more: Partial<ForwardedFrame> = {}): ForwardedFrame => ({
  source: 'auth',
  received: 1_795_000_000_000,
  records: texts.map((text, n) => ({ bytes: Buffer.from(text), format: 'ecs', fallbackId: `file:${n}` })),
  ...more,
})

/** A writer that remembers what it took, as the books do. */
function aWriter(config: Partial<ForwardConfig> = {}) {
  const intake = new Intake()
  const clock = manualClock()
  const lines: string[] = []
  const taken = new Map<number, number>()
  const receiver = createForward(
    { name: 'bastion', kind: 'forward', ...config },
    {
      name: 'bastion',
      clock,
      cursor: undefined,
      log: (line) => lines.push(line),
      ...quiet,
      lastNumber: (epoch) => taken.get(epoch) ?? 0,
    },
  )
  const emit = async (records: readonly SourceRecord[], options = {}) => {
    const receipt = await intake.emit(records, options)
    for (const { sequence } of records) if (sequence !== undefined) taken.set(sequence.epoch, sequence.n)
    return receipt
  }
  const ask = (method: string, body: Uint8Array, query = ''): Promise<ReceiverResponse> =>
    receiver.handle({ method, path: '', query, headers: new Map(), body }, emit, never)
  return {
    intake,
    clock,
    lines,
    taken,
    ask,
    post: (from: number, frames: readonly ForwardedFrame[], more: { lost?: number; sent?: number } = {}) => {
      const header = { v: 1, host: 'web-1', epoch: EPOCH, from, sent: clock.now(), ...more } as const
      return ask('POST', Buffer.concat(batchParts({ header, frames })))
    },
  }
}

test('numbers go on from batch to batch, and what is sent again is passed over', async () => {
  const writer = aWriter()
  expect(await writer.post(1, [frame(['a', 'b']), frame(['c'])])).toMatchObject({ status: 200, body: { n: 3 } })
  expect(await writer.post(1, [frame(['a', 'b']), frame(['c'])])).toMatchObject({ status: 200, body: { n: 3 } })
  expect(await writer.post(3, [frame(['c', 'd'])])).toMatchObject({ status: 200, body: { n: 4 } })

  expect(writer.intake.texts).toEqual(['a', 'b', 'c', 'd'])
  expect(writer.intake.records.map(({ sequence }) => sequence?.n)).toEqual([1, 2, 3, 4])
})

test('a batch that would leave a hole is refused with the number that was taken last', async () => {
  const writer = aWriter()
  await writer.post(1, [frame(['a'])])

  expect(await writer.post(3, [frame(['c'])])).toMatchObject({ status: 409, body: { code: 'conflict', n: 1 } })
  expect(writer.intake.texts).toEqual(['a'])
})

test('records that their forwarder says are lost leave a hole, and are told of', async () => {
  const writer = aWriter()
  expect(await writer.post(5, [frame(['e'])], { lost: 4 })).toMatchObject({ status: 200, body: { n: 5 } })
  expect(writer.lines).toEqual([expect.stringContaining('records 1 to 4 of epoch 4711 are lost')])
})

test('what was taken before is acknowledged only behind a frame that is durable after it', async () => {
  const writer = aWriter()
  await writer.post(1, [frame(['a'])])
  writer.intake.refuse = () => new AuditError('io_failed', 'the journal has failed')

  await expect(writer.post(1, [frame(['a'])])).rejects.toThrow('the journal has failed')
  await expect(writer.ask('GET', Buffer.alloc(0), `epoch=${EPOCH}`)).rejects.toThrow('the journal has failed')
})

test('a batch that comes again while the first is under way waits for it', async () => {
  const writer = aWriter()
  const both = await Promise.all([writer.post(1, [frame(['a'])]), writer.post(1, [frame(['a'])])])

  expect(both.map(({ status }) => status)).toEqual([200, 200])
  expect(writer.intake.texts).toEqual(['a'])
})

test('it tells what it took of an epoch', async () => {
  const writer = aWriter()
  await writer.post(1, [frame(['a', 'b'])])
  const ask = (query: string) => writer.ask('GET', Buffer.alloc(0), query)

  expect(await ask(`epoch=${EPOCH}`)).toMatchObject({ status: 200, body: { epoch: EPOCH, n: 2 } })
  expect(await ask('epoch=1')).toMatchObject({ body: { n: 0 } })
  expect(await ask('')).toMatchObject({ status: 422 })
})

test('a record keeps its names on the way, behind those of its source and host', async () => {
  const writer = aWriter()
  const records = [
    { bytes: Buffer.from('a'), format: 'ecs', naturalId: 'topic/0/17' },
    { bytes: Buffer.from('b'), format: 'ecs', fallbackId: 'f00d:0' },
    { bytes: Buffer.from('c'), format: 'ecs' },
  ]
  await writer.post(1, [frame([], { records })])

  expect(writer.intake.records.map(({ naturalId, fallbackId }) => [naturalId, fallbackId])).toEqual([
    ['auth:topic/0/17', `${EPOCH}:1`],
    [undefined, 'web-1/auth:f00d:0'],
    [undefined, `${EPOCH}:3`],
  ])
})

test('the stream is decided here, by the source of the forwarder; zone, cluster and way are those of the record', async () => {
  const writer = aWriter({ streams: { auth: 'authlog' } })
  const kube = frame(['{}'], { source: 'kube', cluster: 'prod-1', timezone: 'Europe/Stockholm' })
  const unvouched = { bytes: Buffer.from('x'), format: 'ecs', authenticated: false, way: '192.0.2.1' } as const
  await writer.post(1, [frame(['a']), frame(['b']), kube, frame([], { source: 'udp', records: [unvouched] })])

  const [a, b, c, d] = writer.intake.records
  expect(a?.origin).toEqual({ way: 'web-1/auth', stream: 'authlog' })
  expect(b?.origin).toBe(a?.origin)
  expect(c?.origin).toEqual({ way: 'web-1/kube', cluster: 'prod-1', timezone: 'Europe/Stockholm' })
  expect(d?.origin).toEqual({ way: 'web-1/udp/192.0.2.1', authenticated: false })
  expect(a?.collectedMs).toBe(1_795_000_000_000)
})

test('nothing of a batch is taken whose format or options are not known here', async () => {
  const writer = aWriter()
  const record = { bytes: Buffer.from('a'), fallbackId: 'f' }
  const odd = frame([], { records: [{ ...record, format: 'esc' }] })
  const optioned = frame([], { records: [{ ...record, format: 'ecs', options: { no: 'such' } }] })

  await expect(writer.post(1, [frame(['a']), odd])).rejects.toThrow('there is no format esc')
  await expect(writer.post(1, [optioned])).rejects.toThrow('options')
  expect(writer.intake.records).toEqual([])
})

test('the forwarder\u2019s clock is told beside what it sends', async () => {
  const writer = aWriter()
  await writer.post(1, [frame(['a'])], { sent: writer.clock.now() + 2500 })
  expect(writer.intake.batches[0]?.options.clockOffsetMs).toBe(2500)
})

const aRecord = fc.record(
  {
    bytes: fc.uint8Array({ maxLength: 20 }),
    format: fc.constantFrom('ecs', 'json'),
    options: fc.constantFrom({ a: 1 }, { b: '\u00e5' }),
    authenticated: fc.constant(false as const),
    way: fc.string({ maxLength: 50 }),
    naturalId: fc.string(),
    fallbackId: fc.string(),
  },
  { requiredKeys: ['bytes', 'format'] },
)

test('a frame is read as it was written', () => {
  fc.assert(
    fc.property(fc.array(aRecord, { maxLength: 20 }), (records) => {
      const written = { source: 'auth', received: 17, timezone: 'Europe/Stockholm', records }
      const read = parseFrame(Buffer.concat(frameParts(written)))
      const plain = read.records.map(({ bytes, ...rest }) => ({ bytes: new Uint8Array(bytes), ...rest }))
      expect({ ...read, records: plain }).toEqual(written)
    }),
  )
})

test('bytes that no forwarder sends are refused in words, whatever they are', () => {
  const header = { v: 1, host: 'web-1', epoch: 1, from: 1, sent: 1 } as const
  const good = Buffer.concat(batchParts({ header, frames: [frame(['abc', 'def']), frame(['ghi'])] }))
  const nearly = fc
    .tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length))
    .map(([at, byte, end]) => Buffer.from(good.with(at, byte)).subarray(0, end))

  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), nearly), (bytes) => {
      try {
        parseBatch(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(AuditError)
      }
    }),
    { numRuns: 1000 },
  )
  const many = frame(Array.from({ length: 10_001 }, () => ''))
  expect(() => parseBatch(Buffer.concat(batchParts({ header, frames: [many] })))).toThrow('10001 records')
})
