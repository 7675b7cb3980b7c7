import type { Bucket } from '../../domain/answers.ts'
import type { State } from '../../domain/event.ts'
import { dayName, isoText } from '../text/range.ts'
import type { Zone } from '../text/time.ts'
import { countText, minuteText, momentOf, momentText, offsetMinutes, wallClock } from '../text/time.ts'

export type Counts = Readonly<Record<State, number>>

/** A bar of the chart: one bucket, or several where there is no room for each. Times in ms. */
export interface Bar {
  readonly from: number
  readonly to: number
  readonly counts: Counts
  readonly total: number
  /** The range cuts it: it holds less than its place could. */
  readonly clipped: boolean
}

export interface Tick {
  readonly at: number
  readonly label: string
  /** The first of a day. */
  readonly strong: boolean
}

const NONE: Counts = { denied: 0, failed: 0, staged: 0, success: 0, unknown: 0 }
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 4, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28, 56, 112, 364].map((n) => n * DAY),
]

/** Bars for a range, empty ones included, at most `most` of them, on the clock of the zone. */
export function barsOf(
  buckets: readonly Bucket[],
  since: number,
  until: number,
  most: number,
  zone: Zone,
): readonly Bar[] {
  const wanted = stepFor((until - since) / most)
  const widest = Math.max(0, ...buckets.map((bucket) => Date.parse(bucket.to) - Date.parse(bucket.from)))
  const step = STEPS.find((each) => each >= widest - SECOND && each >= wanted) ?? Math.max(widest, wanted)
  const bars = new Map<number, Counts>()
  for (const bucket of buckets) {
    const at = floorTo(Date.parse(bucket.from), step, zone)
    bars.set(at, added(bars.get(at) ?? NONE, bucket.counts))
  }
  const all: Bar[] = []
  // The bound guards against a range that no step fits.
  for (
    let at = floorTo(since, step, zone);
    at < until && all.length <= most * 4 + 4;
    at = floorTo(at + step * 1.5, step, zone)
  ) {
    const counts = bars.get(at) ?? NONE
    const to = floorTo(at + step * 1.5, step, zone)
    all.push({
      from: Math.max(at, since),
      to: Math.min(to, until),
      counts,
      total: totalOf(counts),
      clipped: at < since || to > until,
    })
  }
  return all
}

/** Ticks on round times of the zone's clock, at most `most`. */
export function ticksOf(since: number, until: number, most: number, zone: Zone): readonly Tick[] {
  const step = stepFor((until - since) / Math.max(1, most))
  const ticks: Tick[] = []
  for (
    let at = floorTo(since, step, zone);
    at <= until && ticks.length < 64;
    at = floorTo(at + step * 1.5, step, zone)
  ) {
    if (at < since) continue
    const wall = wallClock(at, zone)
    const midnight = wall.getUTCHours() === 0 && wall.getUTCMinutes() === 0 && wall.getUTCSeconds() === 0
    const label = midnight ? dayName(at, zone) : step < MINUTE ? secondText(at, zone) : minuteText(at, zone)
    ticks.push({ at, label, strong: midnight && step < DAY })
  }
  return ticks
}

/** The chart in one breath, for who cannot see it. */
export function chartSentence(bars: readonly Bar[], since: number, until: number, zone: Zone): string {
  const now = until
  const range = `Events from ${momentText(since, now, zone)} to ${momentText(until, now, zone)}.`
  const total = bars.reduce((sum, bar) => sum + bar.total, 0)
  const denied = bars.reduce((sum, bar) => sum + bar.counts.denied, 0)
  const most = bars.reduce<Bar | undefined>((top, bar) => (bar.total > (top?.total ?? 0) ? bar : top), undefined)
  const peak = most === undefined ? '' : ` Most: ${momentText(most.from, now, zone)} with ${countText(most.total)}.`
  return `${range} ${countText(total)} in total, ${countText(denied)} denied.${peak}`
}

export function barWords(bar: Bar, zone: Zone, now: number): string {
  const parts = [`${countText(bar.total)} event${bar.total === 1 ? '' : 's'}`]
  for (const state of ['denied', 'failed', 'staged'] as const) {
    if (bar.counts[state] > 0) parts.push(`${countText(bar.counts[state])} ${state}`)
  }
  return `${momentText(bar.from, now, zone)} to ${minuteText(bar.to, zone)}: ${parts.join(', ')}`
}

/** A range as the address keeps it. */
export function rangeOf(from: number, to: number, zone: Zone): { from: string; to: string } {
  return { from: isoText(from, zone), to: isoText(to, zone) }
}

/** What a step is called: `10 min`, `3 h`. */
export function stepText(bars: readonly Bar[]): string {
  const whole = bars.find((bar) => !bar.clipped) ?? bars[0]
  const ms = whole === undefined ? 0 : whole.to - whole.from
  if (ms >= DAY) return `${Math.round(ms / DAY)} d`
  if (ms >= HOUR) return `${Math.round(ms / HOUR)} h`
  return ms >= MINUTE ? `${Math.round(ms / MINUTE)} min` : `${Math.max(1, Math.round(ms / SECOND))} s`
}

export function exceptionsOf(counts: Counts): number {
  return counts.denied + counts.failed + counts.staged
}

export function totalOf(counts: Counts): number {
  return exceptionsOf(counts) + counts.success + counts.unknown
}

export function added(a: Counts, b: Counts): Counts {
  return {
    denied: a.denied + b.denied,
    failed: a.failed + b.failed,
    staged: a.staged + b.staged,
    success: a.success + b.success,
    unknown: a.unknown + b.unknown,
  }
}

function stepFor(ms: number): number {
  return STEPS.find((step) => step >= ms) ?? Math.ceil(ms / (364 * DAY)) * 364 * DAY
}

/** Down to a multiple of the step on the zone's clock. */
function floorTo(at: number, step: number, zone: Zone): number {
  const wall = at + offsetMinutes(at, zone) * MINUTE
  // The first day of 1970 was a Thursday: weeks are made to begin on Monday.
  const origin = step % (7 * DAY) === 0 ? -3 * DAY : 0
  return momentOf(Math.floor((wall - origin) / step) * step + origin, zone)
}

function secondText(at: number, zone: Zone): string {
  return wallClock(at, zone).toISOString().slice(11, 19)
}
