import type { Micros } from '../domain/time.ts'
import { formatTime, parseTime } from '../domain/time.ts'
import { zoneClock } from './zone-clock.ts'

/** When a line was written, RFC 3339 in UTC, and whether its zone had to be guessed. */
export interface PostgresTime {
  readonly text: string
  readonly isZoneAssumed: boolean
}

/** As most times come. */
const PLAIN = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? (?:UTC|GMT)$/

const STAMP = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?: ([A-Za-z0-9+-]{1,10}))?$/
const EPOCH = /^\d{1,12}\.\d{1,6}$/

/** Abbreviations that mean one offset only. Others (IST, CST, BST) are different zones to different people. */
const OFFSETS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    UTC: 'Z',
    GMT: 'Z',
    Z: 'Z',
    UCT: 'Z',
    WET: '+00:00',
    WEST: '+01:00',
    CET: '+01:00',
    CEST: '+02:00',
    EET: '+02:00',
    EEST: '+03:00',
    MSK: '+03:00',
    JST: '+09:00',
    EST: '-05:00',
    EDT: '-04:00',
    PST: '-08:00',
    PDT: '-07:00',
  }),
)

/** @param zone IANA name for times whose zone is an abbreviation that we do not know; left out: UTC is assumed. */
export function postgresTime(text: string | undefined, zone: string | undefined): PostgresTime | undefined {
  if (text === undefined) return undefined
  if (PLAIN.test(text)) {
    const plain = `${text.slice(0, 10)}T${text.slice(11, 19)}${text.charAt(19) === '.' ? text.slice(19, 23) : '.000'}Z`
    return parseTime(plain) === undefined ? undefined : { text: plain, isZoneAssumed: false }
  }
  if (EPOCH.test(text)) return { text: formatTime(Math.round(Number(text) * 1000) * 1000), isZoneAssumed: false }
  const [, date, time, said = ''] = STAMP.exec(text) ?? []
  if (date === undefined || time === undefined) return undefined
  const offset = OFFSETS.get(said) ?? numeric(said)
  const micros = offset === undefined ? wallMicros(date, time, zone) : parseTime(`${date}T${time}${offset}`)
  if (micros === undefined) return undefined
  return { text: formatTime(micros), isZoneAssumed: offset === undefined && zone === undefined }
}

/** `+02`, `-0330`. */
function numeric(zone: string): string | undefined {
  const [, sign, hours, minutes = '00'] = /^([+-])(\d\d)(\d\d)?$/.exec(zone) ?? []
  return hours === undefined ? undefined : `${sign}${hours}:${minutes}`
}

function wallMicros(date: string, time: string, zone: string | undefined): Micros | undefined {
  const utc = parseTime(`${date}T${time}Z`)
  if (utc === undefined || utc < 0 || zone === undefined) return utc
  const at = new Date(Math.floor(utc / 1000))
  return zoneClock(zone).micros({
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
    micros: utc - Math.floor(at.getTime() / 1000) * 1_000_000,
  })
}
