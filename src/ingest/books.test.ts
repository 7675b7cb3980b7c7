import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NOTHING } from '../domain/accounting.ts'
import { Books } from './books.ts'
import type { PayloadHeader } from './payload.ts'

const LOGS = ['acme/n1/a/2026-11', 'acme/n1/b/2026-11'] as const

interface ABatch {
  readonly source: string
  readonly log: (typeof LOGS)[number]
  readonly kept: number
  readonly cursor?: string
}

const aBatch: fc.Arbitrary<ABatch> = fc.record(
  {
    source: fc.constantFrom('api', 'file', '_log'),
    log: fc.constantFrom(...LOGS),
    kept: fc.nat(3),
    cursor: fc.string(),
  },
  { requiredKeys: ['source', 'log', 'kept'] },
)

function headerOf({ source, log, kept, cursor }: ABatch, received: number): PayloadHeader {
  return {
    source,
    received,
    log,
    first: 0,
    accounting: { ...NOTHING, received: kept, kept, events: kept },
    ...(cursor !== undefined && { cursor }),
  }
}

test('a snapshot and all frames give the same books as the frames alone, wherever the replay begins before it', () => {
  fc.assert(
    fc.property(fc.array(aBatch, { maxLength: 30 }), fc.nat(30), fc.nat(30), (batches, savedAfter, replayFrom) => {
      const frames = batches.map((batch, n) => ({ frame: n + 1, header: headerOf(batch, n), events: batch.kept }))
      const whole = new Books()
      let saved = JSON.stringify(whole.snapshot())
      for (const [n, { frame, header, events }] of frames.entries()) {
        whole.enter(frame, header, events)
        if (n < savedAfter) saved = JSON.stringify(whole.snapshot())
      }
      const again = new Books(JSON.parse(saved))
      for (const { frame, header, events } of frames.slice(Math.min(replayFrom, savedAfter)))
        again.enter(frame, header, events)
      expect(again.snapshot()).toEqual(whole.snapshot())
    }),
  )
})

test("the ledger's own leaves are in no account, but their time counts", () => {
  const books = new Books()
  books.enter(1, headerOf({ source: '_log', log: LOGS[0], kept: 1 }, 17), 1)
  expect([books.sources.size, books.inLog(LOGS[0]), books.received, books.nextFrame]).toEqual([0, {}, 17, 2])
})

test('a cursor stays until a newer one comes, also in a frame that keeps nothing', () => {
  const books = new Books()
  books.enter(1, headerOf({ source: 'file', log: LOGS[0], kept: 1, cursor: 'a' }, 1), 1)
  books.enter(2, headerOf({ source: 'file', log: LOGS[0], kept: 1 }, 2), 1)
  expect(books.cursor('file')).toBe('a')
  books.enter(3, { source: 'file', received: 3, accounting: NOTHING, cursor: 'b' }, 0)
  expect(books.cursor('file')).toBe('b')
  expect(books.of('file').kept).toBe(2)
})

test('the last number of each epoch is known, also of a record that was not kept, and never goes back', () => {
  const books = new Books()
  const header = headerOf({ source: 'bastion', log: LOGS[0], kept: 1 }, 1)
  books.enter(1, { ...header, numbers: [[7, 3]] }, 1)
  books.enter(
    2,
    {
      source: 'bastion',
      received: 2,
      accounting: NOTHING,
      numbers: [
        [7, 5],
        [8, 1],
      ],
    },
    0,
  )
  books.enter(3, { ...header, numbers: [[7, 4]] }, 1)

  const again = new Books(JSON.parse(JSON.stringify(books.snapshot())))
  expect([7, 8, 9].map((epoch) => again.lastNumber('bastion', epoch))).toEqual([5, 1, 0])
  expect([again.lastNumber('other', 7), again.numbers('other')]).toEqual([0, undefined])
})

test('of a source with very many epochs the one that was silent longest is forgotten', () => {
  const books = new Books()
  const header = headerOf({ source: 'bastion', log: LOGS[0], kept: 1 }, 1)
  for (let epoch = 1; epoch <= 1024; epoch++) books.enter(epoch, { ...header, numbers: [[epoch, 1]] }, 1)
  books.enter(1025, { ...header, numbers: [[1, 2]] }, 1)
  books.enter(1026, { ...header, numbers: [[2000, 1]] }, 1)

  expect([1, 2, 3, 2000].map((epoch) => books.lastNumber('bastion', epoch))).toEqual([2, 0, 1, 1])
})

test('events of a log are counted until it is closed', () => {
  const books = new Books()
  books.enter(1, headerOf({ source: 'api', log: LOGS[0], kept: 2 }, 1), 2)
  books.enter(2, headerOf({ source: 'api', log: LOGS[1], kept: 1 }, 2), 1)
  books.enter(3, { ...headerOf({ source: '_log', log: LOGS[0], kept: 1 }, 3), system: 'log.closed' }, 1)
  expect([books.inLog(LOGS[0]), books.inLog(LOGS[1])]).toEqual([{}, { api: 1 }])
})
