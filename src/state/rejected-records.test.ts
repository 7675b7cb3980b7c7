import { expect, onTestFinished, test } from 'vitest'
import { aFolder } from '../../test/a-server.ts'
import { type KeptBytes, openRejectedRecords, type RejectedRecordsOptions } from './rejected-records.ts'

const NOW = Date.UTC(2026, 10, 24)
const DAY_MS = 86_400_000

function aStore(more: Partial<RejectedRecordsOptions> = {}) {
  const options = { folder: aFolder(), maxBytes: 1_000_000, keepMs: 30 * DAY_MS, ...more }
  const database = openRejectedRecords(options)
  let isOpen = true
  const store = {
    ...database,
    close(): void {
      if (isOpen) database.close()
      isOpen = false
    },
  }
  onTestFinished(() => store.close())
  return { store, options }
}

function aRecord(id: number, more: Partial<KeptBytes> = {}): Omit<KeptBytes, 'held'> {
  const bytes = Buffer.from(`record ${id}`)
  const said = { reason: 'not_json', message: 'no JSON', path: undefined, format: 'ecs', more: '{}' }
  return { id, source: 'shop', received: NOW, ...said, bytes, whole: bytes.length, ...more }
}

const upTo = (frame: number) => ({ frame, feed: frame * 10 })
const idsOf = (records: readonly { readonly id: number }[]) => records.map(({ id }) => id)

test('what was added is there after it was opened again, with the place in the journal, and once', () => {
  const { store, options } = aStore()
  expect(store.readUpTo()).toBeUndefined()
  store.add([aRecord(1), aRecord(2, { path: 'event.action' })], upTo(5), NOW)
  store.add([aRecord(2), aRecord(3)], upTo(6), NOW)
  store.close()

  const again = openRejectedRecords(options)
  onTestFinished(() => again.close())
  expect(again.readUpTo()).toEqual(upTo(6))
  expect(idsOf(again.list('shop', undefined, undefined, 10))).toEqual([3, 2, 1])
  expect(again.get('shop', 2)).toMatchObject({ path: 'event.action', bytes: new Uint8Array(Buffer.from('record 2')) })
  expect(again.get('other', 2)).toBeUndefined()
  expect(again.totals().kept).toMatchObject([{ source: 'shop', reason: 'not_json', records: 3 }])
})

test('lists are cut into pages, newest first, and held to a reason', () => {
  const { store } = aStore()
  const records = [1, 2, 3, 4, 5].map((id) => aRecord(id, { reason: id % 2 === 0 ? 'not_utf8' : 'not_json' }))
  store.add([...records, aRecord(9, { source: 'other' })], upTo(1), NOW)
  expect(idsOf(store.list('shop', undefined, undefined, 2))).toEqual([5, 4])
  expect(idsOf(store.list('shop', undefined, 4, 2))).toEqual([3, 2])
  expect(idsOf(store.list('shop', 'not_utf8', undefined, 9))).toEqual([4, 2])
})

test('when it is full, the oldest of the source that holds most go, and are counted', () => {
  const { store } = aStore({ maxBytes: 20_000 })
  store.add([aRecord(1, { source: 'quiet' })], upTo(1), NOW)
  const flood = Array.from({ length: 100 }, (_, n) => aRecord(n + 10, { bytes: new Uint8Array(500) }))
  const gone = store.add(flood, upTo(2), NOW)
  const kept = idsOf(store.list('shop', undefined, undefined, 1000))
  expect(gone).toBe(100 - kept.length)
  expect(kept).toEqual(idsOf(flood).slice(gone).toReversed())
  expect(idsOf(store.list('quiet', undefined, undefined, 10))).toEqual([1])
  const { kept: totals, letGo } = store.totals()
  expect(totals.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(20_000)
  expect(letGo).toEqual([{ source: 'shop', records: gone }])
})

test('records of no bytes take room too', () => {
  const { store } = aStore({ maxBytes: 10_000 })
  const flood = Array.from({ length: 1000 }, (_, n) => aRecord(n + 1, { bytes: new Uint8Array() }))
  store.add(flood, upTo(1), NOW)
  expect(store.list('shop', undefined, undefined, 1000).length).toBeLessThan(20)
})

test('what is older than it is kept goes', () => {
  const { store } = aStore()
  store.add([aRecord(1), aRecord(2, { received: NOW + DAY_MS })], upTo(1), NOW)
  expect(store.add([], upTo(2), NOW + 30 * DAY_MS + 1)).toBe(1)
  expect(idsOf(store.list('shop', undefined, undefined, 10))).toEqual([2])
})

test('is taken oldest first, in pieces that fit, and settled: gone, or still there for another reason', () => {
  const { store } = aStore()
  store.add(
    [1, 2, 3].map((id) => aRecord(id, { bytes: new Uint8Array(100) })),
    upTo(1),
    NOW,
  )
  expect(idsOf(store.take('shop', { all: true }, 0, { records: 10, bytes: 250 }))).toEqual([1, 2])
  expect(idsOf(store.take('shop', { all: true }, 0, { records: 10, bytes: 1 }))).toEqual([1])
  expect(idsOf(store.take('shop', { ids: [3, 1, 77] }, 0, { records: 10, bytes: 9999 }))).toEqual([1, 3])
  expect(idsOf(store.take('shop', { reason: 'not_json' }, 2, { records: 10, bytes: 9999 }))).toEqual([3])

  store.settle([1], [{ id: 2, reason: 'wrong_type', message: 'no object' }])
  expect(store.list('shop', undefined, undefined, 10).map(({ id, reason }) => [id, reason])).toEqual([
    [3, 'not_json'],
    [2, 'wrong_type'],
  ])
  expect(store.totals().kept.map(({ reason, records }) => [reason, records])).toEqual([
    ['not_json', 1],
    ['wrong_type', 1],
  ])
})

test('is discarded by reason, by id or all of a source, and of no other', () => {
  const { store } = aStore({ maxBytes: 10_000_000 })
  const many = Array.from({ length: 2500 }, (_, n) => aRecord(n + 1, { reason: n < 3 ? 'not_utf8' : 'not_json' }))
  store.add([...many, aRecord(9999, { source: 'other' })], upTo(1), NOW)
  expect(store.discard('shop', { reason: 'not_utf8' })).toBe(3)
  expect(store.discard('shop', { ids: [4, 5, 9999] })).toBe(2)
  expect(store.discard('shop', { all: true })).toBe(2495)
  expect(store.totals().kept.map(({ source }) => source)).toEqual(['other'])
})
