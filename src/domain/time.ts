/** Microseconds since 1970-01-01T00:00:00Z. Exact as a number until the year 2255. */
export type Micros = number

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(Z|z|[+-]\d\d:?\d\d)$/

/** As most times come; the 29th and later are looked at below, since not every month has them. */
const PLAIN = /^\d{4}-\d\d-(?:[01]\d|2[0-8])T(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{3}(?:\d{3})?)?Z$/

/** Reads an RFC 3339 time with any offset; digits beyond the microsecond are cut. Undefined for anything else. */
export function parseTime(text: string): Micros | undefined {
  if (!PLAIN.test(text)) return parseAny(text)
  const [ms, micros] =
    text.length < 27 ? [Date.parse(text), 0] : [Date.parse(`${text.slice(0, 23)}Z`), Number(text.slice(23, 26))]
  return Number.isNaN(ms) ? parseAny(text) : ms * 1000 + micros
}

function parseAny(text: string): Micros | undefined {
  const parts = RFC_3339.exec(text)
  if (parts === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = parts
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  const date = new Date(ms)
  // Date.UTC lets the 31st of April become the 1st of May and reads years below 100 as 19xx.
  if (Number(year) < 100) date.setUTCFullYear(Number(year))
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const micros = Number(fraction.padEnd(6, '0').slice(0, 6))
  return date.getTime() * 1000 + micros - offsetMinutes(zone) * 60_000_000
}

/** Whether a text that `parseTime` reads is written just as `formatTime` would write it, with milliseconds. */
export function isPlainTime(text: string): boolean {
  return text.length === 24 && text.charAt(10) === 'T' && text.charAt(19) === '.' && text.endsWith('Z')
}

/** `formatTime` of a text that `parseTime` read as `micros`. Most are written so already, and need not be written again. */
export function timeAsRead(text: string, micros: Micros): string {
  const isMicros = text.length === 27 && text.charAt(10) === 'T' && text.charAt(19) === '.' && text.endsWith('Z')
  return isPlainTime(text) || (isMicros && !text.endsWith('000Z')) ? text : formatTime(micros)
}

/** RFC 3339 in UTC: milliseconds, or microseconds where they say more. */
export function formatTime(micros: Micros): string {
  const ms = Math.floor(micros / 1000)
  const rest = micros - ms * 1000
  const day = Math.floor(ms / DAY_MS)
  if (day !== latest.day) latest = { day, text: new Date(ms).toISOString().slice(0, -'00:00:00.000Z'.length) }
  const second = Math.floor(ms / 1000) - day * 86_400
  const time = `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`
  const fraction = three(ms - Math.floor(ms / 1000) * 1000)
  return `${latest.text}${time}.${fraction}${rest === 0 ? '' : three(rest)}Z`
}

const DAY_MS = 86_400_000

/** The day of the time that was written last, up to its `T`: most times are of the same day as the one before. */
let latest = { day: NaN, text: '' }

function two(number: number): string {
  return number < 10 ? `0${number}` : `${number}`
}

function three(number: number): string {
  return number < 100 ? `0${two(number)}` : `${number}`
}

/** RFC 3339 in UTC with exactly milliseconds, as leaves have it. */
export function formatMillis(ms: number): string {
  return new Date(ms).toISOString()
}

function offsetMinutes(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0
  const digits = zone.slice(1).replace(':', '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return zone.startsWith('-') ? -minutes : minutes
}
