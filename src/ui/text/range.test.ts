import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isoText, parseMoment, PRESETS, rangeText } from './range.ts'

const now = Date.UTC(2026, 10, 21, 13, 3, 22, 382)
const iso = (text: string): string | undefined => {
  const at = parseMoment(text, now, 'utc')
  return at === undefined ? undefined : new Date(at).toISOString()
}

test.each([
  ['now', '2026-11-21T13:03:22.382Z'],
  ['now-15m', '2026-11-21T12:48:22.382Z'],
  ['now-1d/d', '2026-11-20T00:00:00.000Z'],
  ['now/w', '2026-11-16T00:00:00.000Z'],
  ['now-1M/M', '2026-10-01T00:00:00.000Z'],
  ['yesterday 14:00', '2026-11-20T14:00:00.000Z'],
  ['09:30', '2026-11-21T09:30:00.000Z'],
  ['today', '2026-11-21T00:00:00.000Z'],
  ['2026-11-20', '2026-11-20T00:00:00.000Z'],
  ['2026-11-20T14:03:22.5+01:00', '2026-11-20T13:03:22.500Z'],
  ['2026-11-20 14:03', '2026-11-20T14:03:00.000Z'],
  ['1795266202', '2026-11-21T13:03:22.000Z'],
  ['1795266202382', '2026-11-21T13:03:22.382Z'],
  ['Nov 21 12:03:22', '2026-11-21T12:03:22.000Z'],
  ['Dec 24 12:00:00', '2025-12-24T12:00:00.000Z'],
  ['21/Nov/2026:14:03:22 +0100', '2026-11-21T13:03:22.000Z'],
])('reads %s', (text, expected) => {
  expect(iso(text)).toBe(expected)
})

test.each(['soon', '2026-13-01', '2026-02-30', '25:00', 'now-', 'Foo 21 12:00:00', ''])(
  'does not guess at %s',
  (text) => {
    expect(iso(text)).toBeUndefined()
  },
)

test('reads back what it prints, and that moves nothing', () => {
  const moments = fc.integer({ min: Date.UTC(1971, 0), max: Date.UTC(2190, 0) })
  fc.assert(
    fc.property(moments, fc.constantFrom('utc' as const, 'local' as const), (at, zone) => {
      expect(parseMoment(isoText(at, zone), now, zone)).toBe(at)
    }),
  )
})

test('understands every preset, and each begins before it ends', () => {
  for (const preset of PRESETS) {
    const from = parseMoment(preset.from, now, 'utc')
    const to = parseMoment(preset.to ?? 'now', now, 'utc')
    expect(from, preset.label).toBeLessThan(to ?? 0)
  }
})

test('names presets and prints both ends of other ranges', () => {
  expect(rangeText('now-24h', undefined, now, 'utc')).toBe('Last 24 hours')
  expect(rangeText('2026-11-21T08:00:00Z', '2026-11-21T09:00:00Z', now, 'utc')).toBe('08:00 – 09:00')
  expect(rangeText('2026-11-20T08:00:00Z', undefined, now, 'utc')).toBe('Since 20 Nov 08:00')
  expect(rangeText('now-3h', undefined, now, 'utc')).toBe('Since now-3h')
})
