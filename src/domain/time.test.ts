import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatTime, parseTime, timeAsRead } from './time.ts'

test.each([
  ['2026-11-22T09:41:33.749Z', 1_795_340_493_749_000],
  ['2026-11-22T09:41:33.749459Z', 1_795_340_493_749_459],
  ['2026-11-22T10:41:33.7494591+01:00', 1_795_340_493_749_459],
  ['2026-11-22 09:41:33Z', 1_795_340_493_000_000],
  ['1970-01-01T00:00:00.000Z', 0],
  ['2024-02-29T00:00:00.000Z', 1_709_164_800_000_000],
  ['0001-01-01T00:00:00Z', -62_135_596_800_000_000],
])('reads %s', (text, micros) => {
  expect(parseTime(text)).toBe(micros)
})

test.each([
  '2026-02-29T00:00:00.000Z',
  '2026-04-31T00:00:00.000Z',
  '2026-11-22T24:00:00.000Z',
  '2026-11-22T23:59:60.000Z',
  '2026-13-01T00:00:00.000Z',
  '2026-00-10T00:00:00.000Z',
  '2026-11-00T00:00:00.000Z',
  '2026-11-22T09:60:00.000Z',
  '2026-11-22',
  '2026-11-22T09:41:33.749',
  'yesterday',
  '',
])('refuses %j', (text) => {
  expect(parseTime(text)).toBeUndefined()
})

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800_000_000, max: 7_258_118_399_999_999 }), (micros) => {
      expect(parseTime(formatTime(micros))).toBe(micros)
    }),
  )
})

test.each([
  ['2026-11-22T09:41:33.749Z', '2026-11-22T09:41:33.749Z'],
  ['2026-11-22T09:41:33.749459Z', '2026-11-22T09:41:33.749459Z'],
  ['2026-11-22T09:41:33.749000Z', '2026-11-22T09:41:33.749Z'],
  ['2026-11-22T09:41:33,749Z', '2026-11-22T09:41:33.749Z'],
  ['2026-11-22T09:41:33Z', '2026-11-22T09:41:33.000Z'],
  ['2026-11-22 10:41:33.749+01:00', '2026-11-22T09:41:33.749Z'],
])('%s is written as %s', (text, written) => {
  expect(timeAsRead(text, parseTime(text) ?? NaN)).toBe(written)
})

test('times of days before and after are written in any order', () => {
  fc.assert(
    fc.property(fc.integer({ min: -9_000_000_000_000, max: 9_000_000_000_000 }), (ms) => {
      expect(formatTime(ms * 1000)).toBe(new Date(ms).toISOString())
    }),
  )
})
