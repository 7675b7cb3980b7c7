import { expect, onTestFinished, test } from 'vitest'
import { aReceiptWith } from '../../test/an-api.ts'
import { aFolder } from '../../test/a-server.ts'
import type { RecordResult } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { Emit, SourceRecord } from '../sources/source.ts'
import { openRejectedRecords } from '../state/rejected-records.ts'
import type { RejectedDesk } from './rejected-desk.ts'
import { type FormatNow, replay } from './replay.ts'

const RECEIVED = Date.UTC(2026, 10, 24)
const KEPT: RecordResult = { id: 'an-id', log: 'acme/n1/default/2026-11', index: 1 }

function aDesk(count: number, more = '{}') {
  const records = openRejectedRecords({ folder: aFolder(), maxBytes: 100_000_000, keepMs: 1e12 })
  onTestFinished(() => records.close())
  const said = { source: 'shop', received: RECEIVED, reason: 'not_json', message: 'm', path: undefined, format: 'ecs' }
  const made = Array.from({ length: count }, (_, n) => {
    const bytes = Buffer.from(`record ${n + 1}`)
    return { ...said, id: n + 1, bytes, whole: bytes.length, more }
  })
  records.add(made, { frame: 1, feed: 1 }, RECEIVED)
  const desk: Pick<RejectedDesk, 'take' | 'settle'> = {
    take: async (...args) => records.take(...args),
    settle: async (...args) => records.settle(...args),
  }
  return { desk, left: () => records.list('shop', undefined, undefined, 1000).map(({ id }) => id) }
}

function feeding(answer: (records: readonly SourceRecord[]) => readonly RecordResult[], now?: FormatNow) {
  const fed: SourceRecord[] = []
  const emit: Emit = async (records) => {
    const results = answer(records)
    fed.push(...records)
    return aReceiptWith(results)
  }
  return { fed, refeed: { emit, formatNow: () => now } }
}

const busy = new AuditError('busy', 'the journal is full', { retryAfterMs: 1000 })

test('a record comes with the names, the origin and the time of its first coming, or with names of its place', async () => {
  const names = { naturalId: 'n', fallbackId: 'f', sequence: { epoch: 1, n: 2 }, origin: { stream: 'authlog' } }
  const named = aDesk(1, JSON.stringify({ ...names, options: { a: 1 } }))
  const as = feeding((records) => records.map(() => KEPT))
  await replay(named.desk, as.refeed, 'shop', { all: true }, 0)
  expect(as.fed).toEqual([
    {
      bytes: new Uint8Array(Buffer.from('record 1')),
      format: 'ecs',
      options: { a: 1 },
      ...names,
      collectedMs: RECEIVED,
    },
  ])

  const now = feeding((records) => records.map(() => KEPT), { format: 'cef' })
  await replay(aDesk(1, '{"options":{"a":1}}').desk, now.refeed, 'shop', { all: true }, 0)
  expect(now.fed).toEqual([
    {
      bytes: new Uint8Array(Buffer.from('record 1')),
      format: 'cef',
      fallbackId: 'rejected:shop:1',
      collectedMs: RECEIVED,
    },
  ])
})

test('told to wait at first it says so; told later it tells how far it came, and goes on from there', async () => {
  const { desk, left } = aDesk(500)
  let calls = 0
  const refused = feeding((records) => {
    if (++calls === 2) throw busy
    return records.map(() => KEPT)
  })
  const first = await replay(desk, refused.refeed, 'shop', { all: true }, 0)
  expect(first).toMatchObject({ replayed: 200, kept: 200, next: '200', waits: 'the journal is full' })
  const never = feeding(() => {
    throw busy
  })
  await expect(replay(desk, never.refeed, 'shop', { all: true }, 0)).rejects.toBe(busy)
  const rest = await replay(desk, refused.refeed, 'shop', { all: true }, Number(first.next))
  expect(rest).toEqual({ replayed: 300, kept: 300, duplicate: 0, dropped: 0, rejected: 0, cut: 0 })
  expect(left()).toEqual([])
})

test('one call feeds 10,000 at most, and those that stay are not fed again and again', async () => {
  const { desk } = aDesk(10_001)
  const again = feeding((records) => records.map(() => ({ rejected: { code: 'wrong_type', message: 'no' } })))
  const first = await replay(desk, again.refeed, 'shop', { all: true }, 0)
  expect(first).toMatchObject({ replayed: 10_000, rejected: 10_000, next: '10000' })
  expect(await replay(desk, again.refeed, 'shop', { all: true }, 10_000)).toMatchObject({ replayed: 1 })
})
