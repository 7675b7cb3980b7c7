import { DAYS, momentOf, momentText, MONTHS, offsetMinutes, wallClock } from './time.ts'
import type { Zone } from './time.ts'

/** What the picker offers. `label` is what the button then says, `short` on a narrow screen. */
export interface Preset {
  readonly from: string
  readonly to?: string
  readonly label: string
  readonly short: string
}

export const DEFAULT_FROM = 'now-24h'

export const PRESETS: readonly Preset[] = [
  { from: 'now-15m', label: 'Last 15 minutes', short: '15 min' },
  { from: 'now-1h', label: 'Last hour', short: '1 h' },
  { from: 'now-4h', label: 'Last 4 hours', short: '4 h' },
  { from: 'now-24h', label: 'Last 24 hours', short: '24 h' },
  { from: 'now-7d', label: 'Last 7 days', short: '7 d' },
  { from: 'now-30d', label: 'Last 30 days', short: '30 d' },
  { from: 'now/d', label: 'Today', short: 'Today' },
  { from: 'now-1d/d', to: 'now/d', label: 'Yesterday', short: 'Yesterday' },
  { from: 'now/w', label: 'This week', short: 'Week' },
  { from: 'now-1M/M', to: 'now/M', label: 'Last month', short: 'Month' },
]

/**
 * Reads a moment as people write it: `now-15m`, `now-1d/d`, `yesterday 14:00`, `14:00`, ISO 8601, epoch seconds or
 * milliseconds, times pasted from logs. Without an offset it is in the reader's zone. Undefined: not understood.
 */
export function parseMoment(input: string, now: number, zone: Zone): number | undefined {
  const text = input.trim()
  if (text === '') return undefined
  return (
    relative(text, now, zone) ?? epoch(text) ?? named(text, now, zone) ?? iso(text, zone) ?? logTime(text, now, zone)
  )
}

/** What the button says of a range: a preset's words, or both ends. */
export function rangeText(from: string, to: string | undefined, now: number, zone: Zone): string {
  const preset = presetOf(from, to)
  if (preset !== undefined) return preset.label
  const start = parseMoment(from, now, zone)
  const end = to === undefined ? undefined : parseMoment(to, now, zone)
  const startText = start === undefined || isRelative(from) ? from : momentText(start, now, zone)
  if (to === undefined) return `Since ${startText}`
  return `${startText} – ${end === undefined || isRelative(to) ? to : momentText(end, now, zone)}`
}

export function presetOf(from: string, to: string | undefined): Preset | undefined {
  return PRESETS.find((preset) => preset.from === from && (preset.to ?? '') === (to ?? ''))
}

export function isRelative(text: string): boolean {
  return text.startsWith('now')
}

function relative(text: string, now: number, zone: Zone): number | undefined {
  const match = /^now(?:([+-])(\d{1,6})(ms|s|m|h|d|w|M|y))?(?:\/([smhdwMy]))?$/.exec(text)
  if (match === null) return undefined
  const [, sign, amount, unit, edge] = match
  const moved = unit === undefined ? now : move(now, (sign === '-' ? -1 : 1) * Number(amount), unit, zone)
  return edge === undefined ? moved : floorTo(moved, edge, zone)
}

const FIXED: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])

function move(at: number, amount: number, unit: string, zone: Zone): number {
  const fixed = FIXED.get(unit)
  if (fixed !== undefined) return at + amount * fixed
  const wall = wallClock(at, zone)
  if (unit === 'd') wall.setUTCDate(wall.getUTCDate() + amount)
  else if (unit === 'w') wall.setUTCDate(wall.getUTCDate() + amount * 7)
  else if (unit === 'M') wall.setUTCMonth(wall.getUTCMonth() + amount)
  else wall.setUTCFullYear(wall.getUTCFullYear() + amount)
  return momentOf(wall.getTime(), zone)
}

function floorTo(at: number, unit: string, zone: Zone): number {
  const fixed = FIXED.get(unit)
  const wall = wallClock(at, zone)
  if (fixed !== undefined) return momentOf(Math.floor(wall.getTime() / fixed) * fixed, zone)
  wall.setUTCHours(0, 0, 0, 0)
  // Weeks begin on Monday (ISO 8601).
  if (unit === 'w') wall.setUTCDate(wall.getUTCDate() - ((wall.getUTCDay() + 6) % 7))
  if (unit === 'M' || unit === 'y') wall.setUTCDate(1)
  if (unit === 'y') wall.setUTCMonth(0)
  return momentOf(wall.getTime(), zone)
}

function epoch(text: string): number | undefined {
  if (!/^\d{9,16}(?:\.\d+)?$/.test(text)) return undefined
  const value = Number(text)
  if (value >= 1e15) return Math.floor(value / 1000)
  return value >= 1e11 ? value : value * 1000
}

function named(text: string, now: number, zone: Zone): number | undefined {
  const match = /^(?:(today|yesterday)\s*)?(?:(\d{1,2}):(\d{2})(?::(\d{2}))?)?$/i.exec(text)
  if (match === null || match[0] === '') return undefined
  const [, day, hour, minute, second] = match
  const wall = wallClock(now, zone)
  if (day?.toLowerCase() === 'yesterday') wall.setUTCDate(wall.getUTCDate() - 1)
  return atClock(wall, hour ?? '0', minute ?? '0', second ?? '0', zone)
}

function iso(text: string, zone: Zone): number | undefined {
  const match =
    /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+−-]\d{2}:?\d{2})?)?$/i.exec(
      text,
    )
  if (match === null) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', part = '', offset] = match
  return build([Number(year), Number(month) - 1, Number(day), hour, minute, second, part], offset, zone)
}

/** `Nov 21 14:03:22` of syslog, `21/Nov/2026:14:03:22 +0100` of web servers, `21 Nov 2026 14:03` of ours. */
function logTime(text: string, now: number, zone: Zone): number | undefined {
  const clock = String.raw`(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?`
  const web = new RegExp(
    String.raw`^(\d{1,2})[/ ]([A-Za-z]{3})[/ ](\d{4})[: ]${clock}(?:\s*(Z|[+−-]\d{2}:?\d{2}))?$`,
  ).exec(text)
  if (web !== null) {
    const [, day, name, year, hour = '0', minute = '0', second = '0', part = '', offset] = web
    const month = monthOf(name)
    return month < 0 ? undefined : build([Number(year), month, Number(day), hour, minute, second, part], offset, zone)
  }
  const short = new RegExp(String.raw`^(?:([A-Za-z]{3})\s+(\d{1,2})|(\d{1,2})\s+([A-Za-z]{3}))\s+${clock}$`).exec(text)
  if (short === null) return undefined
  const [, name1, day1, day2, name2, hour = '0', minute = '0', second = '0', part = ''] = short
  const month = monthOf(name1 ?? name2)
  if (month < 0) return undefined
  const year = wallClock(now, zone).getUTCFullYear()
  const at = build([year, month, Number(day1 ?? day2), hour, minute, second, part], undefined, zone)
  // Such a time has no year: it is the last one that is not far ahead of now.
  return at !== undefined && at > now + 86_400_000
    ? build([year - 1, month, Number(day1 ?? day2), hour, minute, second, part], undefined, zone)
    : at
}

function monthOf(name: string | undefined): number {
  return MONTHS.findIndex((month) => month.toLowerCase() === name?.toLowerCase())
}

type Parts = readonly [
  year: number,
  month: number,
  day: number,
  hour: string,
  minute: string,
  second: string,
  part: string,
]

function build(
  [year, month, day, hour, minute, second, part]: Parts,
  offset: string | undefined,
  zone: Zone,
): number | undefined {
  const ms = Number(part.slice(0, 3).padEnd(3, '0'))
  const date = new Date(0)
  // Not Date.UTC: it reads the years 0 to 99 as 1900 and on.
  date.setUTCFullYear(year, month, day)
  date.setUTCHours(Number(hour), Number(minute), Number(second), ms)
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day || date.getUTCMinutes() !== Number(minute))
    return undefined
  if (offset === undefined) return momentOf(date.getTime(), zone)
  return date.getTime() - offsetOf(offset) * 60_000
}

function offsetOf(text: string): number {
  if (/^z$/i.test(text)) return 0
  const digits = text.replaceAll(/\D/g, '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return text.startsWith('+') ? minutes : -minutes
}

function atClock(wall: Date, hour: string, minute: string, second: string, zone: Zone): number | undefined {
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  wall.setUTCHours(Number(hour), Number(minute), Number(second), 0)
  return momentOf(wall.getTime(), zone)
}

/** ISO 8601 with the zone's offset: what the address bar and the picker's fields hold. Milliseconds only where there are any. */
export function isoText(at: number, zone: Zone): string {
  const text = wallClock(at, zone).toISOString().replace('Z', '').replace('.000', '')
  const minutes = offsetMinutes(at, zone)
  if (zone === 'utc') return `${text}Z`
  const size = Math.abs(minutes)
  const hours = String(Math.floor(size / 60)).padStart(2, '0')
  return `${text}${minutes < 0 ? '-' : '+'}${hours}:${String(size % 60).padStart(2, '0')}`
}

/** `Saturday`'s short name, for axes that cross midnight. */
export function dayName(at: number, zone: Zone): string {
  const wall = wallClock(at, zone)
  return `${DAYS[wall.getUTCDay()]} ${wall.getUTCDate()}`
}
