import { wallMs } from '../lib/wall-time.ts'
import type { BucketSize } from './reads.ts'

/** More would be narrower than a bar can be drawn. */
const MOST_BUCKETS = 240

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Clock sizes divide a day; of calendar sizes, about how long one is. */
const SIZES: readonly (readonly [BucketSize, number])[] = [
  ['1s', SECOND],
  ['5s', 5 * SECOND],
  ['15s', 15 * SECOND],
  ['1m', MINUTE],
  ['5m', 5 * MINUTE],
  ['15m', 15 * MINUTE],
  ['1h', HOUR],
  ['3h', 3 * HOUR],
  ['6h', 6 * HOUR],
  ['1d', DAY],
  ['1w', 7 * DAY],
  ['1M', 30 * DAY],
  ['1q', 91 * DAY],
  ['1y', 365 * DAY],
]

/**
 * Edges of the buckets that cover sinceMs..untilMs, on the zone's own calendar and clock: ascending, whole seconds in
 * milliseconds; bucket i reaches from edge i to edge i + 1. The wanted size, or the next larger one that makes at most 240.
 */
export function bucketEdges(
  sinceMs: number,
  untilMs: number,
  zone: string,
  wanted: BucketSize = '1s',
): readonly number[] {
  const from = SIZES.findIndex(([name]) => name === wanted)
  const fits = SIZES.findIndex(([, sizeMs], at) => at >= from && (untilMs - sinceMs) / sizeMs <= MOST_BUCKETS - 2)
  const [name, sizeMs] = SIZES[fits] ?? ['1y', 365 * DAY]
  const calendar = zoneCalendar(zone)
  const edges: number[] = []
  let day = firstDay(calendar.dateOf(sinceMs), name)
  for (;;) {
    const start = calendar.startOf(day)
    day = nextDay(day, name)
    const end = calendar.startOf(day)
    for (let edge = start; edge < end; edge += sizeMs < DAY ? sizeMs : end - start) {
      if (edge <= sinceMs) edges.length = 0
      edges.push(edge)
      if (edge >= untilMs && edges.length > 1) return edges
    }
  }
}

/** A day of the calendar, month from 0. Days beyond a month's end are the next month's. */
interface Day {
  readonly year: number
  readonly month: number
  readonly day: number
}

function firstDay({ year, month, day }: Day, size: BucketSize): Day {
  if (size === '1y') return { year, month: 0, day: 1 }
  if (size === '1q') return { year, month: month - (month % 3), day: 1 }
  if (size === '1M') return { year, month, day: 1 }
  if (size !== '1w') return { year, month, day }
  // Monday, as in ISO 8601.
  const weekday = (new Date(Date.UTC(year, month, day)).getUTCDay() + 6) % 7
  return { year, month, day: day - weekday }
}

function nextDay({ year, month, day }: Day, size: BucketSize): Day {
  if (size === '1y') return { year: year + 1, month, day }
  if (size === '1q') return { year, month: month + 3, day }
  if (size === '1M') return { year, month: month + 1, day }
  return { year, month, day: day + (size === '1w' ? 7 : 1) }
}

interface ZoneCalendar {
  dateOf(ms: number): Day
  /** When a day begins there. */
  startOf(day: Day): number
}

/** Throws RangeError for a zone that is none. */
function zoneCalendar(zone: string): ZoneCalendar {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return {
    dateOf(ms) {
      const wall = new Date(wallMs(format, Math.floor(ms / SECOND) * SECOND))
      return { year: wall.getUTCFullYear(), month: wall.getUTCMonth(), day: wall.getUTCDate() }
    },
    startOf({ year, month, day }) {
      const wall = Date.UTC(year, month, day)
      // Twice: the first guess may lie on the other side of a change of the clock.
      const guess = wall - (wallMs(format, wall) - wall)
      return wall - (wallMs(format, guess) - guess)
    },
  }
}
