import { expect, test } from 'vitest'
import { durationText, fraction, relativeText, rowDate, sizeText } from './time.ts'

const now = Date.UTC(2026, 10, 21, 14)

test('a row shows no date today, a day this year, and the year before', () => {
  expect(rowDate(now - 3_600_000, now, 'utc')).toBe('')
  expect(rowDate(now - 86_400_000, now, 'utc')).toBe('20 Nov')
  expect(rowDate(Date.UTC(2025, 0, 2), now, 'utc')).toBe('2 Jan 2025')
})

test('says how long ago in one unit, and says so of the future', () => {
  expect(relativeText(now - 4 * 60_000, now)).toBe('4 min ago')
  expect(relativeText(now + 3 * 3_600_000, now)).toBe('in 3 h')
  expect(relativeText(now - 200, now)).toBe('now')
  expect(relativeText(now - 9 * 86_400_000, now)).toBe('9 d ago')
})

test('keeps the fraction that the source gave, up to microseconds', () => {
  expect(fraction('2026-11-21T14:03:21.382Z')).toBe('.382')
  expect(fraction('2026-11-21T14:03:21.382118Z')).toBe('.382118')
  expect(fraction('2026-11-21T14:03:21.5Z')).toBe('.500')
  expect(fraction('2026-11-21T14:03:21Z')).toBe('')
})

test('writes durations and sizes with their units', () => {
  expect(durationText(84.2)).toBe('84 ms')
  expect(durationText(125_000)).toBe('2 min 5 s')
  expect(durationText(516_989_000)).toBe('5 d 23 h')
  expect(durationText(3_600_000)).toBe('1 h')
  expect(sizeText(812)).toBe('812 B')
  expect(sizeText(1_040_000)).toBe('1.0 MB')
})
