import type { Actor, AuditEvent, Outcome } from '../domain/event.ts'
import { formatTime, parseTime } from '../domain/time.ts'
import { isIP } from 'node:net'
import { cefParts } from './cef-parts.ts'
import type { DecodeContext, Format, Reject } from './format.ts'
import { LABELS_LIMIT, PARSE_LIMIT_BYTES, tooLarge } from './limits.ts'
import { dropEmpty } from './loose.ts'
import { recordText } from './original.ts'
import { zoneClock } from './zone-clock.ts'

/**
 * ArcSight's Common Event Format, versions 0 and 1, with or without a syslog header before it: the seven header fields,
 * and the extension's keys by their dictionary names. What has a place in the event goes there, all other keys into
 * `labels`, a custom one (`cs1`, `cn2`, `deviceCustomDate1` …) under its own label.
 */
export const cef: Format = {
  name: 'cef',
  version: 2,
  decode(bytes, context) {
    if (bytes.length > PARSE_LIMIT_BYTES) return tooLarge(bytes.length)
    const { text, original, kept } = recordText(bytes)
    const parts = cefParts(text)
    if (parts === undefined) return NO_CEF
    const { header, extension } = parts
    const [, vendor, product, version, classId, name] = header
    const taken = new Set<string>()
    const get = (key: string): string | undefined => {
      const value = extension.get(key)
      if (value !== undefined) taken.add(key)
      return value === '' ? undefined : value
    }
    const outcome = outcomeOf(get('outcome'), get('act'))
    const received = get('rt')
    const { time, trust } = timeOf(received ?? get('end') ?? get('start'), context)
    const action = wordOf(get('act')) ?? wordOf(name) ?? wordOf(classId) ?? 'event'
    const denied = outcome.denied ? ['denied'] : []
    const event: AuditEvent = {
      '@timestamp': time,
      event: dropEmpty({
        action,
        outcome: outcome.outcome,
        type: ['info', ...denied],
        reason: get('reason'),
        code: classId,
        id: undefined,
        kind: 'event',
        dataset: datasetOf(vendor, product),
        provider: [vendor, product, version].filter((each) => each !== undefined && each !== '').join(' '),
        ...original,
      }),
      user: actorOf(get),
      ...dropEmpty({
        source: addressOf(get('src'), get('spt'), get('shost')),
        destination: addressOf(get('dst'), get('dpt'), get('dhost')),
        host: dropEmpty({ name: get('dvchost') ?? get('dvc') }),
        user_agent: dropEmpty({ original: get('requestClientApplication') }),
        url: dropEmpty({ original: get('request') }),
        http: dropEmpty({ request: dropEmpty({ method: get('requestMethod') }) }),
        file: dropEmpty({ path: get('filePath') ?? get('fname') }),
        process: dropEmpty({ name: get('sproc') ?? get('dproc') }),
        message: get('msg') ?? name,
        audit: dropEmpty({ resource: resourcesOf(get) }),
      }),
      labels: {},
    }
    const naturalId = get('externalId')
    return {
      kind: 'events',
      events: [
        {
          event: { ...event, labels: labelsOf(extension, taken) },
          // An id is a device's own: two devices of one source may count alike, and some give several events of one
          // incident the same id.
          ...(naturalId !== undefined && {
            naturalId: [vendor, product, get('dvchost') ?? get('dvc'), classId, received, naturalId].join('|'),
          }),
          trust,
          ...kept,
        },
      ],
    }
  },
}

const NO_CEF: Reject = {
  kind: 'reject',
  reason: 'unknown_kind',
  message: 'the record is no CEF: it has no CEF:0| or CEF:1| with seven fields',
}

type Get = (key: string) => string | undefined

function actorOf(get: Get): Actor {
  const name = get('suser') ?? get('sourceUserName')
  const target = get('duser')
  const id = get('suid')
  const kind = name === undefined && id === undefined ? ('anonymous' as const) : undefined
  return dropEmpty({
    kind,
    name,
    id,
    email: name?.includes('@') === true ? name : undefined,
    domain: get('sntdom'),
    roles: get('spriv') === undefined ? undefined : [get('spriv') ?? ''],
    target: dropEmpty({ name: target, id: get('duid'), domain: get('dntdom') }),
  })
}

function resourcesOf(get: Get) {
  const file = get('filePath') ?? get('fname')
  const service = get('destinationServiceName')
  return [
    ...(file === undefined ? [] : [{ type: 'file', name: file }]),
    ...(service === undefined ? [] : [{ type: 'service', name: service }]),
  ]
}

function addressOf(ip: string | undefined, port: string | undefined, domain: string | undefined) {
  const isAddress = ip !== undefined && isIP(ip) !== 0
  return dropEmpty({
    ip: isAddress ? ip : undefined,
    address: isAddress ? undefined : ip,
    port: port !== undefined && /^\d{1,5}$/.test(port) ? Number(port) : undefined,
    domain,
  })
}

const REFUSED = /\b(?:den(?:y|ied)|block(?:ed)?|drop(?:ped)?|reject(?:ed)?|refused?|prevent(?:ed)?)\b/i
const FAILED = /\b(?:fail(?:ed|ure)?|error|unsuccessful)\b/i
const DONE = /\b(?:success(?:ful)?|succeeded|allow(?:ed)?|accept(?:ed)?|permit(?:ted)?|ok|pass(?:ed)?)\b/i

/** Its own outcome; else what the device did about it. */
function outcomeOf(said: string | undefined, act: string | undefined): { outcome: Outcome; denied: boolean } {
  for (const word of [said, act]) {
    if (word === undefined) continue
    if (REFUSED.test(word)) return { outcome: 'failure', denied: true }
    if (FAILED.test(word)) return { outcome: 'failure', denied: false }
    if (DONE.test(word)) return { outcome: 'success', denied: false }
  }
  return { outcome: 'unknown', denied: false }
}

const MONTH_FIRST =
  /^([A-Z][a-z]{2} \d{1,2}) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?( (?:UTC|GMT|[+-]\d{2}:?\d{2}))?$/
const EPOCH_MS = /^\d{12,15}$/
/** Not what CEF says, but what some devices do. */
const EPOCH_SECONDS = /^\d{10}$/

/**
 * Milliseconds since 1970, RFC 3339, `Nov 20 2026 14:03:22 UTC` or the same without year or zone: then it is in the
 * source's zone, and a zone that nobody said is marked.
 */
function timeOf(said: string | undefined, context: DecodeContext): { time: string; trust: readonly string[] } {
  if (said !== undefined) {
    if (EPOCH_MS.test(said)) return { time: formatTime(Number(said) * 1000), trust: [] }
    if (EPOCH_SECONDS.test(said)) return { time: formatTime(Number(said) * 1_000_000), trust: [] }
    const exact = parseTime(said)
    if (exact !== undefined) return { time: formatTime(exact), trust: [] }
    const wall = wallTimeOf(said, context)
    if (wall !== undefined) return wall
  }
  return { time: new Date(context.now).toISOString(), trust: ['time:collected'] }
}

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec'

function wallTimeOf(said: string, context: DecodeContext): { time: string; trust: readonly string[] } | undefined {
  const [, date = '', year, hour, minute, second, fraction = '', zone] = MONTH_FIRST.exec(said) ?? []
  const month = MONTHS.indexOf(date.slice(0, 3)) / 3 + 1
  if (date === '' || !Number.isInteger(month) || month < 1) return undefined
  const clock = zoneClock(zone === undefined ? (context.timezone ?? 'UTC') : 'UTC')
  const wall = {
    month,
    day: Number(date.slice(4)),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    micros: Number(fraction.padEnd(6, '0')),
  }
  const micros = year === undefined ? clock.nearest(wall, context.now) : clock.micros({ ...wall, year: Number(year) })
  if (micros === undefined) return undefined
  return {
    time: formatTime(micros - offsetMicros(zone)),
    trust: [
      ...(zone === undefined && context.timezone === undefined ? ['time:zone-assumed'] : []),
      ...(year === undefined ? ['time:year-assumed'] : []),
    ],
  }
}

/** Of ` +01:00`; of ` UTC` and of none it is nothing. */
function offsetMicros(zone = ''): number {
  const [, sign, hours, minutes] = /^ ([+-])(\d\d):?(\d\d)$/.exec(zone) ?? []
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000_000
  return sign === '-' ? -offset : offset
}

function datasetOf(vendor = '', product = ''): string {
  const words = `${vendor}.${product}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '_')
    .slice(0, 60)
  return `cef.${words}`.slice(0, 64)
}

/** As an action is written: lower case, words joined by hyphens. */
function wordOf(text: string | undefined): string | undefined {
  const word = text
    ?.toLowerCase()
    .replaceAll(/[^\p{L}\p{N}.:_]+/gu, '-')
    .slice(0, 64)
  return word === undefined || word === '' || word === '-' ? undefined : word
}

const CUSTOM =
  /^(?:cs|cn|cfp|c6a|flexString|flexNumber|flexDate|deviceCustomDate|deviceCustomString|deviceCustomNumber)\d$/

/** All that found no place, so that nothing a query may ask for is only in the original. */
function labelsOf(extension: ReadonlyMap<string, string>, taken: ReadonlySet<string>): Record<string, string> {
  const labels = new Map<string, string>()
  for (const [key, value] of extension) {
    if (labels.size >= LABELS_LIMIT) break
    if (taken.has(key) || value === '' || isLabelOfCustom(key, extension)) continue
    const own = CUSTOM.test(key) ? extension.get(`${key}Label`) : undefined
    const name = own === undefined || own === '' || labels.has(own) ? key : own
    if (name !== '__proto__') labels.set(name.slice(0, 256), value.slice(0, 8192))
  }
  return Object.fromEntries(labels)
}

function isLabelOfCustom(key: string, extension: ReadonlyMap<string, string>): boolean {
  return key.endsWith('Label') && extension.has(key.slice(0, -'Label'.length))
}
