import type { Micros } from '../domain/time.ts'

/** A stretch of time as somebody wrote it: a day, a second, an instant. At or after `from`, before `to`. */
export interface Moment {
  readonly from: Micros
  readonly to: Micros
  /** It was said from now on: `7d`, `today`. */
  readonly relative: boolean
}

/**
 * Reads a time: `7d` (before now), `now-15m`, `today`, `2026-11`, `2026-11-01`, `2026-11-01T10:05`, RFC 3339, or seconds
 * or milliseconds since 1970. Undefined for anything else.
 *
 * @param now milliseconds since 1970
 * @param zone IANA name; counts for times that name no offset
 */
export function readMoment(text: string, now: number, zone: string): Moment | undefined {
  return readRelative(text, now, zone) ?? readEpoch(text) ?? readCalendar(text, zone)
}

const RELATIVE = /^(?:now)?(?:(?<sign>^|[-+])(?<count>\d{1,6})(?<unit>s|m|h|d|w))?$/
const UNIT_MS = new Map([
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
])
const DAY_MS = 86_400_000

function readRelative(text: string, now: number, zone: string): Moment | undefined {
  if (text === 'today' || text === 'yesterday') {
    const local = new Date(now + offsetMs(zone, now) - (text === 'today' ? 0 : DAY_MS))
    const day = { year: local.getUTCFullYear(), month: local.getUTCMonth(), day: local.getUTCDate() }
    return { ...stretch(startOf(day, zone), startOf({ ...day, day: day.day + 1 }, zone)), relative: true }
  }
  const parts = text === '' ? undefined : RELATIVE.exec(text)?.groups
  if (!parts) return undefined
  const shift = Number(parts['count'] ?? 0) * (UNIT_MS.get(parts['unit'] ?? 's') ?? 0)
  const at = parts['sign'] === '+' ? now + shift : now - shift
  return { ...stretch(at, at + 1), relative: true }
}

function readEpoch(text: string): Moment | undefined {
  if (/^\d{12,14}$/.test(text)) return { ...stretch(Number(text), Number(text) + 1), relative: false }
  if (/^\d{9,10}$/.test(text)) return { ...stretch(Number(text) * 1000, (Number(text) + 1) * 1000), relative: false }
  return undefined
}

const CALENDAR =
  /^(\d{4})-(\d\d)(?:-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?)?$/

function readCalendar(text: string, zone: string): Moment | undefined {
  const parts = CALENDAR.exec(text)
  if (parts === null) return undefined
  const [, year, month, day, hour, minute, second, fraction, offset] = parts
  const at = { year: Number(year), month: Number(month) - 1, day: Number(day ?? 1) }
  if (!isDay(at) || Number(hour ?? 0) > 23 || Number(minute ?? 0) > 59 || Number(second ?? 0) > 59) return undefined
  if (day === undefined) return still(startOf(at, zone), startOf({ ...at, month: at.month + 1 }, zone))
  if (hour === undefined) return still(startOf(at, zone), startOf({ ...at, day: at.day + 1 }, zone))
  const clock = { ...at, ms: (Number(hour) * 60 + Number(minute)) * 60_000 + Number(second ?? 0) * 1000 }
  const fixed = offset === undefined ? undefined : readOffset(offset)
  const start = fixed === undefined ? startOf(clock, zone) : utc(clock) - fixed
  if (fraction === undefined) return still(start, start + (second === undefined ? 60_000 : 1000))
  const from = start * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6))
  return { from, to: from + 10 ** Math.max(0, 6 - fraction.length), relative: false }
}

interface LocalTime {
  readonly year: number
  readonly month: number
  readonly day: number
  /** Of the day. */
  readonly ms?: number
}

function isDay({ year, month, day }: LocalTime): boolean {
  const date = new Date(Date.UTC(year, month, day))
  return year >= 1000 && date.getUTCMonth() === month && date.getUTCDate() === day
}

function utc({ year, month, day, ms = 0 }: LocalTime): number {
  return Date.UTC(year, month, day) + ms
}

/** Where the clock is set forward over that time, the moment after the gap; where it comes twice, the first. */
function startOf(local: LocalTime, zone: string): number {
  const wall = utc(local)
  const before = wall - offsetMs(zone, wall - DAY_MS)
  if (before + offsetMs(zone, before) === wall) return before
  return wall - offsetMs(zone, wall + DAY_MS)
}

function readOffset(text: string): number {
  if (text === 'Z' || text === 'z') return 0
  const numbers = text.slice(1).replace(':', '')
  const minutes = Number(numbers.slice(0, 2)) * 60 + Number(numbers.slice(2))
  return (text.startsWith('-') ? -minutes : minutes) * 60_000
}

/** How far a zone's clocks are ahead of UTC at a time. Throws a RangeError for a zone that does not exist. */
function offsetMs(zone: string, at: number): number {
  if (zone === 'UTC') return 0
  const parts = new Map(
    clockOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0
  const wall = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
  return wall - Math.floor(at / 1000) * 1000
}

const clocks = new Map<string, Intl.DateTimeFormat>()

function clockOf(zone: string): Intl.DateTimeFormat {
  const known = clocks.get(zone)
  if (known) return known
  const numeric = { year: 'numeric', month: 'numeric', day: 'numeric' } as const
  const time = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const
  const clock = new Intl.DateTimeFormat('en-US', { timeZone: zone, calendar: 'gregory', ...numeric, ...time })
  clocks.set(zone, clock)
  return clock
}

function still(fromMs: number, toMs: number): Moment {
  return { ...stretch(fromMs, toMs), relative: false }
}

function stretch(fromMs: number, toMs: number): { from: Micros; to: Micros } {
  return { from: fromMs * 1000, to: toMs * 1000 }
}
