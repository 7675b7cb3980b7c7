import { expect, test } from 'vitest'
import type { Bucket } from '../../domain/answers.ts'
import { barsOf, chartSentence, ticksOf, totalOf } from './histogram-shape.ts'

const HOUR = 3_600_000
const until = Date.UTC(2026, 10, 21, 13, 7)
const since = until - 24 * HOUR

function buckets(step: number): readonly Bucket[] {
  const all: Bucket[] = []
  for (let at = Math.floor(since / step) * step; at < until; at += step) {
    const from = new Date(Math.max(at, since)).toISOString()
    const to = new Date(Math.min(at + step, until)).toISOString()
    all.push({ from, to, counts: { denied: 1, failed: 0, staged: 0, success: 9, unknown: 0 } })
  }
  return all
}

test('makes a bar for each bucket where there is room, and says which the range cuts', () => {
  const bars = barsOf(buckets(HOUR / 4), since, until, 240, 'utc')
  expect(bars).toHaveLength(97)
  expect(bars.map((bar) => bar.clipped).filter(Boolean)).toHaveLength(2)
  expect(bars[0]?.from).toBe(since)
  expect(bars.at(-1)?.to).toBe(until)
})

test('joins buckets on the clock where there is less room, and loses none', () => {
  const bars = barsOf(buckets(HOUR / 4), since, until, 24, 'utc')
  expect(bars).toHaveLength(25)
  expect(bars.reduce((sum, bar) => sum + bar.total, 0)).toBe(970)
  expect(bars.slice(1).every((bar) => bar.from % HOUR === 0)).toBe(true)
})

test('has a bar where nothing happened', () => {
  const some = buckets(HOUR).filter((_, at) => at % 2 === 0)
  const bars = barsOf(some, since, until, 48, 'utc')
  expect(bars.filter((bar) => bar.total === 0).length).toBeGreaterThan(10)
  expect(bars.every((bar) => totalOf(bar.counts) === bar.total)).toBe(true)
})

test('puts ticks on round times and names the day at midnight', () => {
  const ticks = ticksOf(since, until, 10, 'utc')
  expect(ticks.map((tick) => tick.label)).toEqual([
    '15:00',
    '18:00',
    '21:00',
    'Sat 21',
    '03:00',
    '06:00',
    '09:00',
    '12:00',
  ])
  expect(ticks.find((tick) => tick.strong)?.label).toBe('Sat 21')
})

test('says the chart in a sentence', () => {
  expect(chartSentence(barsOf(buckets(HOUR), since, until, 48, 'utc'), since, until, 'utc')).toMatch(
    /^Events from 20 Nov 13:07 to 13:07\. 250 in total, 25 denied\. Most: 20 Nov 13:07 with 10\.$/,
  )
})
