import type { Micros } from '../domain/time.ts'
import { wallMs } from '../lib/wall-time.ts'

/** A time as clocks on a wall show it. */
interface WallTime {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly micros: number
}

/** A time that a line says without its year. */
type YearlessTime = Omit<WallTime, 'year'>

const SLOT_MS = 15 * 60_000
/** Less than half a year: the same day of any other year is further away. */
const SURELY_NEAREST_MS = 180 * 86_400_000
/** Offsets of a year in quarters of an hour, for one zone. */
const MOST_OFFSETS = 40_000

/** Reads wall times of one IANA zone. What it has looked up is kept: asking for a zone's offset is slow. */
export interface ZoneClock {
  /** Undefined for a time that no calendar has. Of an hour that comes twice it is one of the two. */
  micros(time: WallTime): Micros | undefined
  /** In the year that brings it nearest to `nowMs`; the 29th of February in the nearest year that has one. */
  nearest(time: YearlessTime, nowMs: number): Micros | undefined
}

const clocks = new Map<string, ZoneClock>()

/** @param zone IANA name, as the source's configuration has checked it. */
export function zoneClock(zone: string): ZoneClock {
  const known = clocks.get(zone)
  if (known !== undefined) return known
  const made = createZoneClock(zone)
  clocks.set(zone, made)
  return made
}

function createZoneClock(zone: string): ZoneClock {
  const offsetAt = zone === 'UTC' ? () => 0 : cachedOffsets(zone)

  function micros(time: WallTime): Micros | undefined {
    const asUtc = utcOf(time)
    if (asUtc === undefined) return undefined
    // The offset is that of the moment itself, which is only known with the offset: the second guess is right, but for
    // an hour that a change of clocks left out or brought twice, where no answer is better than the other.
    const guess = asUtc - offsetAt(asUtc)
    return (asUtc - offsetAt(guess)) * 1000 + time.micros
  }

  return {
    micros,
    nearest(time, nowMs) {
      const distance = (each: Micros): number => Math.abs(each / 1000 - nowMs)
      const thisYear = new Date(nowMs).getUTCFullYear()
      const inThis = micros({ ...time, year: thisYear })
      if (inThis !== undefined && distance(inThis) < SURELY_NEAREST_MS) return inThis
      const isLeapDay = time.month === 2 && time.day === 29
      const years = isLeapDay ? leapYearsAround(thisYear) : [thisYear - 1, thisYear, thisYear + 1]
      const found = years.map((year) => micros({ ...time, year })).filter((each) => each !== undefined)
      return found.toSorted((a, b) => distance(a) - distance(b))[0]
    },
  }
}

function leapYearsAround(year: number): readonly number[] {
  return Array.from({ length: 17 }, (_, n) => year - 8 + n)
}

/** Milliseconds, as if the wall were in Greenwich. A leap second is the second before it. */
function utcOf({ year, month, day, hour, minute, second }: WallTime): number | undefined {
  if (hour > 23 || minute > 59 || second > 60) return undefined
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, Math.min(second, 59)))
  if (year < 100) date.setUTCFullYear(year)
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  return isReal ? date.getTime() : undefined
}

/** Milliseconds that a zone is ahead of UTC at a moment; it changes on quarters of an hour only. */
function cachedOffsets(zone: string): (utcMs: number) => number {
  const format = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  const known = new Map<number, number>()
  return (utcMs) => {
    const slot = Math.floor(utcMs / SLOT_MS)
    const found = known.get(slot)
    if (found !== undefined) return found
    if (known.size >= MOST_OFFSETS) known.clear()
    const offset = wallMs(format, slot * SLOT_MS) - slot * SLOT_MS
    known.set(slot, offset)
    return offset
  }
}
