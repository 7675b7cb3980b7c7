import type { JsonObject } from '../domain/event.ts'
import type { Micros } from '../domain/time.ts'
import { parseTime } from '../domain/time.ts'
import type { ZoneClock } from './zone-clock.ts'

/** A line of syslog taken apart. Header fields are what the sender claims. */
export interface SyslogLine {
  /** `<PRI>`: facility times eight, and severity. */
  readonly priority?: number
  /** `1` in a line of RFC 5424. */
  readonly version?: string
  readonly time?: LineTime
  readonly host?: string
  /** APP-NAME, or the tag without what stands in brackets. */
  readonly program?: string
  /** PROCID, or what stands in brackets behind the tag. */
  readonly procid?: string
  readonly msgid?: string
  /** By SD-ID, then by PARAM-NAME. */
  readonly structured?: JsonObject
  /** Without white space around it. */
  readonly message: string
}

interface LineTime {
  readonly micros: Micros
  /** The line says no zone, so its source's was taken. */
  readonly isLocal: boolean
  /** The line says no year. */
  readonly isYearless: boolean
}

/**
 * Reads a line as syslog daemons write it into files (RSYSLOG_TraditionalFileFormat, ISO time) and as it comes over the
 * network (RFC 3164, RFC 5424). It refuses nothing: what is not understood is the message, as RFC 3164 section 4.3 says.
 *
 * @param nowMs Reading now: decides the year of a time without one.
 */
export function parseSyslogLine(text: string, zone: ZoneClock, nowMs: number): SyslogLine {
  const pri = PRIORITY.exec(text)
  const priority = pri !== null && Number(pri[1]) <= 191 ? Number(pri[1]) : undefined
  const rest = priority === undefined ? text : text.slice(pri?.[0].length)
  const known = priority === undefined ? {} : { priority }
  const modern = rest.startsWith('1 ') ? parse5424(rest.slice(2), zone) : undefined
  return { ...known, ...(modern ?? parse3164(rest, zone, nowMs)) }
}

const PRIORITY = /^<(\d{1,3})>/

/** RFC 5424 section 6, behind the version. Undefined: it only begins like one. */
function parse5424(text: string, zone: ZoneClock): SyslogLine | undefined {
  const header = HEADER_5424.exec(text)
  if (header === null) return undefined
  const [all, said = '-', host, program, procid, msgid] = header
  const time = said === '-' ? undefined : isoTime(said, zone)
  if (said !== '-' && time === undefined) return undefined
  const data = parseStructuredData(text.slice(all.length))
  if (data === undefined) return undefined
  return {
    version: '1',
    ...(time !== undefined && { time }),
    ...given('host', host),
    ...given('program', program),
    ...given('procid', procid),
    ...given('msgid', msgid),
    ...(data.elements !== undefined && { structured: data.elements }),
    message: trimmed(data.rest),
  }
}

// Bounds are those of the RFC; PRINTUSASCII holds no space, so each token ends where it must.
const HEADER_5424 = /^(\S{1,40}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) /

function given<K extends string>(name: K, value: string | undefined): { readonly [P in K]?: string } {
  // One computed key: the compiler sees only that it is some text.
  return value === undefined || value === '-' ? {} : ({ [name]: value } as { readonly [P in K]?: string })
}

interface StructuredData {
  readonly elements: JsonObject | undefined
  readonly rest: string
}

const MOST_PARAMS = 256

/** RFC 5424 section 6.3, read once from left to right. Undefined where it is broken. */
function parseStructuredData(text: string): StructuredData | undefined {
  if (text === '-' || text.startsWith('- ')) return { elements: undefined, rest: text.slice(1) }
  const elements = new Map<string, Map<string, string>>()
  let at = 0
  let count = 0
  while (text[at] === '[') {
    const id = tokenAt(SD_NAME, text, at + 1)
    if (id === undefined) return undefined
    at += 1 + id.length
    const params = elements.get(id) ?? new Map<string, string>()
    elements.set(id, params)
    while (text[at] === ' ') {
      const param = paramAt(text, at + 1)
      if (param === undefined || ++count > MOST_PARAMS) return undefined
      // A name may come more than once; like most receivers we keep all of its values.
      const before = params.get(param.name)
      params.set(param.name, before === undefined ? param.value : `${before},${param.value}`)
      at = param.end
    }
    if (text[at] !== ']') return undefined
    at++
  }
  if (at === 0 || (at < text.length && text[at] !== ' ')) return undefined
  return { elements: plainOf(elements), rest: text.slice(at) }
}

const SD_NAME = /[!#-<>-\\^-~]{1,64}/y

function tokenAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

function paramAt(
  text: string,
  at: number,
): { readonly name: string; readonly value: string; readonly end: number } | undefined {
  const name = tokenAt(SD_NAME, text, at)
  if (name === undefined || text.slice(at + name.length, at + name.length + 2) !== '="') return undefined
  const start = at + name.length + 2
  let end = start
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  if (text[end] !== '"') return undefined
  return { name, value: text.slice(start, end).replaceAll(/\\(["\\\]])/g, '$1'), end: end + 1 }
}

/** Own properties whatever they are called, but for the three names that objects mind. */
function plainOf(elements: ReadonlyMap<string, ReadonlyMap<string, string>>): JsonObject {
  const safe = <T>(pairs: Iterable<readonly [string, T]>): [string, T][] =>
    [...pairs].filter(([name]) => !UNSAFE.has(name)).map(([name, value]) => [name, value])
  return Object.fromEntries(safe(elements).map(([id, params]) => [id, Object.fromEntries(safe(params))]))
}

const UNSAFE = new Set(['__proto__', 'constructor', 'prototype'])

/** RFC 3164 and what files have: time, host, tag and message, each of the first three only if it is there. */
function parse3164(text: string, zone: ZoneClock, nowMs: number): SyslogLine {
  const stamp = bsdStamp(text, zone, nowMs) ?? isoStamp(text, zone)
  const behind = stamp === undefined ? text : text.slice(stamp.length)
  const time = stamp === undefined ? {} : { time: stamp.time }
  const tag = tagOf(behind)
  // Without a time nothing says that there is a host: the first word may be one of the message.
  if (tag !== undefined || stamp === undefined) return { ...time, ...(tag ?? { message: trimmed(behind) }) }
  const host = HOST.exec(behind)
  if (host === null) return { ...time, message: trimmed(behind) }
  const message = behind.slice(host[0].length)
  return { ...time, host: host[1] ?? '', ...(tagOf(message) ?? { message: trimmed(message) }) }
}

const HOST = /^(\S{1,255}) +/
// `sshd[77]:`, `sudo:`, `su(pam_unix)[77]:`, `/usr/sbin/cron[77]:`. One token, closed by a colon.
const TAG = /^ *([^\s:[\]()<>"]{1,64})(?:\([\w:-]{1,32}\))?(?:\[([^\s\]]{1,128})\])?:(?: |$)/

function tagOf(text: string): Pick<SyslogLine, 'program' | 'procid' | 'message'> | undefined {
  const found = TAG.exec(text)
  if (found === null) return undefined
  return {
    ...given('program', found[1]),
    ...given('procid', found[2]),
    message: trimmed(text.slice(found[0].length)),
  }
}

interface Stamp {
  readonly time: LineTime
  /** With the spaces behind it. */
  readonly length: number
}

// Year and fraction are extensions that some senders have.
const BSD = /^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?:? +/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function bsdStamp(text: string, zone: ZoneClock, nowMs: number): Stamp | undefined {
  const found = BSD.exec(text)
  if (found === null) return undefined
  const [all, name = '', day, year, hour, minute, second, fraction = ''] = found
  const wall = {
    month: MONTHS.indexOf(name) + 1,
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    micros: microsOf(fraction),
  }
  const micros = year === undefined ? zone.nearest(wall, nowMs) : zone.micros({ ...wall, year: Number(year) })
  if (micros === undefined) return undefined
  return { time: { micros, isLocal: true, isYearless: year === undefined }, length: all.length }
}

const ISO = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?) +/

function isoStamp(text: string, zone: ZoneClock): Stamp | undefined {
  const found = ISO.exec(text)
  const time = found === null ? undefined : isoTime(found[1] ?? '', zone)
  return found === null || time === undefined ? undefined : { time, length: found[0].length }
}

const WALL = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?$/

function isoTime(text: string, zone: ZoneClock): LineTime | undefined {
  const said = parseTime(text)
  if (said !== undefined) return { micros: said, isLocal: false, isYearless: false }
  const found = WALL.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = ''] = found
  const micros = zone.micros({
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    micros: microsOf(fraction),
  })
  return micros === undefined ? undefined : { micros, isLocal: true, isYearless: false }
}

function microsOf(fraction: string): number {
  return Number(fraction.padEnd(6, '0').slice(0, 6))
}

/** A frame of syslog may end in the sender's line end or NUL, and a local message begins with a space. */
function trimmed(text: string): string {
  let end = text.length
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end--
  let start = 0
  while (start < end && isBlank(text.charCodeAt(start))) start++
  const inner = text.slice(start, end)
  // RFC 5424 section 6.4: a message in UTF-8 may begin with its mark.
  return inner.startsWith('\ufeff') ? inner.slice(1) : inner
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d || code === 0
}
