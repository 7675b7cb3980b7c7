import { expect, test } from 'vitest'
import { bucketEdges } from './buckets.ts'

function edges(since: string, until: string, zone: string, ...size: Parameters<typeof bucketEdges>[3][]): string[] {
  return bucketEdges(Date.parse(since), Date.parse(until), zone, size[0]).map((ms) => new Date(ms).toISOString())
}

test('covers the range with edges of the clock', () => {
  expect(edges('2026-11-20T10:20:30Z', '2026-11-20T13:00:00Z', 'UTC', '1h')).toEqual([
    '2026-11-20T10:00:00.000Z',
    '2026-11-20T11:00:00.000Z',
    '2026-11-20T12:00:00.000Z',
    '2026-11-20T13:00:00.000Z',
  ])
})

test('never makes more than 240, whatever is asked for', () => {
  const now = Date.parse('2026-11-24T12:34:56.789Z')
  for (const spanMs of [
    1,
    1_000,
    60_000,
    3_600_000,
    86_400_000,
    7 * 86_400_000,
    400 * 86_400_000,
    56 * 365 * 86_400_000,
  ]) {
    const made = bucketEdges(now - spanMs, now, 'Europe/Stockholm', '1s')
    expect(made.length - 1).toBeLessThanOrEqual(240)
    expect(made[0]).toBeLessThanOrEqual(now - spanMs)
    expect(made[1]).toBeGreaterThan(now - spanMs)
    expect(made.at(-1)).toBeGreaterThanOrEqual(now)
    expect(made.at(-2)).toBeLessThan(now)
  }
})

test('begins days at midnight of the zone, also where a day has 23 or 25 hours', () => {
  expect(edges('2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z', 'Europe/Stockholm', '1d')).toEqual([
    '2026-03-27T23:00:00.000Z',
    '2026-03-28T23:00:00.000Z',
    '2026-03-29T22:00:00.000Z',
    '2026-03-30T22:00:00.000Z',
  ])
  expect(edges('2026-10-25T12:00:00Z', '2026-10-26T12:00:00Z', 'Europe/Stockholm', '1d')).toEqual([
    '2026-10-24T22:00:00.000Z',
    '2026-10-25T23:00:00.000Z',
    '2026-10-26T23:00:00.000Z',
  ])
})

test('follows the calendar for weeks, months, quarters and years', () => {
  expect(edges('2026-11-20T10:00:00Z', '2026-11-24T00:00:00Z', 'UTC', '1w')[0]).toBe('2026-11-16T00:00:00.000Z')
  expect(edges('2026-01-31T10:00:00Z', '2026-03-01T00:00:00Z', 'UTC', '1M')).toEqual([
    '2026-01-01T00:00:00.000Z',
    '2026-02-01T00:00:00.000Z',
    '2026-03-01T00:00:00.000Z',
  ])
  expect(edges('2026-11-20T10:00:00Z', '2026-11-24T00:00:00Z', 'UTC', '1q')).toEqual([
    '2026-10-01T00:00:00.000Z',
    '2027-01-01T00:00:00.000Z',
  ])
  expect(edges('2026-11-20T10:00:00Z', '2026-11-24T00:00:00Z', 'UTC', '1y')[0]).toBe('2026-01-01T00:00:00.000Z')
})
