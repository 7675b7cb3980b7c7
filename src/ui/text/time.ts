/** In which zone times are shown and read. */
export type Zone = 'local' | 'utc'

/** The zone as programs call it: an IANA name. */
export function zoneName(zone: Zone): string {
  return zone === 'utc' ? 'UTC' : new Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** Minutes that the zone's clock is ahead of UTC at a moment. */
export function offsetMinutes(at: number, zone: Zone): number {
  return zone === 'utc' ? 0 : -new Date(at).getTimezoneOffset()
}

/** `+01:00` */
export function offsetText(at: number, zone: Zone): string {
  const minutes = offsetMinutes(at, zone)
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '−' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

/** The zone's clock at a moment, to be read with the UTC getters. */
export function wallClock(at: number, zone: Zone): Date {
  return new Date(at + offsetMinutes(at, zone) * 60_000)
}

/** The moment at which the zone's clock shows this; a time that a clock change skips is moved on. */
export function momentOf(wall: number, zone: Zone): number {
  const guess = wall - offsetMinutes(wall, zone) * 60_000
  return wall - offsetMinutes(guess, zone) * 60_000
}

/** `14:03:22` */
export function clockText(at: number, zone: Zone): string {
  const wall = wallClock(at, zone)
  return `${two(wall.getUTCHours())}:${two(wall.getUTCMinutes())}:${two(wall.getUTCSeconds())}`
}

/** `14:03` */
export function minuteText(at: number, zone: Zone): string {
  return clockText(at, zone).slice(0, 5)
}

/** For a row, beside its clock time: nothing today, `20 Nov` this year, else with the year. */
export function rowDate(at: number, now: number, zone: Zone): string {
  const wall = wallClock(at, zone)
  const today = wallClock(now, zone)
  if (wall.getUTCFullYear() !== today.getUTCFullYear()) return dayText(wall, true)
  return wall.toISOString().slice(0, 10) === today.toISOString().slice(0, 10) ? '' : dayText(wall, false)
}

/** `Sat 21 Nov 2026` */
export function dateText(at: number, zone: Zone): string {
  const wall = wallClock(at, zone)
  return `${DAYS[wall.getUTCDay()]} ${dayText(wall, true)}`
}

/** `21 Nov 14:03`, with the year where it is not this one. Ends and starts of ranges. */
export function momentText(at: number, now: number, zone: Zone): string {
  const date = rowDate(at, now, zone)
  return date === '' ? minuteText(at, zone) : `${date} ${minuteText(at, zone)}`
}

/** `.382`, or up to six digits where the source gave more than milliseconds. */
export function fraction(timestamp: string): string {
  const digits = /\.(\d{1,9})/.exec(timestamp)?.[1] ?? ''
  const kept = digits.slice(0, 6).replace(/0+$/, '')
  return kept === '' ? '' : `.${kept.padEnd(kept.length > 3 ? 6 : 3, '0')}`
}

/** `4 min ago`, `in 3 h`. Always beside an absolute time, never instead of it. */
export function relativeText(at: number, now: number): string {
  const distance = Math.abs(now - at)
  if (distance < 1500) return 'now'
  const [size, unit] = UNITS.find(([least]) => distance >= least) ?? [1000, 's']
  const words = `${Math.floor(distance / size).toLocaleString('en')} ${unit}`
  return at > now ? `in ${words}` : `${words} ago`
}

/** `84 ms`, `2 min 5 s`, `5 d 23 h`: the two largest units. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const seconds = Math.round(ms / 1000)
  const at = PARTS.findIndex(([size]) => seconds >= size)
  const [size, unit] = PARTS[at] ?? [60, 'min']
  const [smaller, smallerUnit] = PARTS[at + 1] ?? [1, 's']
  const rest = Math.floor((seconds % size) / smaller)
  const whole = `${countText(Math.floor(seconds / size))} ${unit}`
  return rest === 0 ? whole : `${whole} ${rest} ${smallerUnit}`
}

const PARTS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
] as const

/** Grouped: 41,203. */
export function countText(count: number): string {
  return count.toLocaleString('en')
}

/** `1.0 MB`, `812 B`. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

function dayText(wall: Date, withYear: boolean): string {
  const day = `${wall.getUTCDate()} ${MONTHS[wall.getUTCMonth()]}`
  return withYear ? `${day} ${wall.getUTCFullYear()}` : day
}

export const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const UNITS = [
  [365 * 86_400_000, 'years'],
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const

function two(count: number): string {
  return String(count).padStart(2, '0')
}
