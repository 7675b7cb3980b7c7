import type { Actor, AuditEvent, Outcome } from '../domain/event.ts'
import { formatTime, parseTime } from '../domain/time.ts'
import { isIP } from 'node:net'
import { cefParts } from './cef-parts.ts'
import type { DecodeContext, Format, Reject } from './format.ts'
import { LABELS_LIMIT, PARSE_LIMIT_BYTES, tooLarge } from './limits.ts'
import { dropEmpty } from './loose.ts'
import { recordText } from './original.ts'

/**
 * ArcSight's Common Event Format, versions 0 and 1, with or without a syslog header before it: the seven header fields,
 * and the extension's keys by their dictionary names. What has a place in the event goes there, all other keys into
 * `labels`, a custom one (`cs1`, `cn2`, `deviceCustomDate1` …) under its own label.
 */
export const cef: Format = {
  name: 'cef',
  version: 1,
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
    const { time, trust } = timeOf(get('rt') ?? get('end') ?? get('start'), context)
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
          // An id is a device's own: two devices of one source may count alike.
          ...(naturalId !== undefined && {
            naturalId: [vendor, product, get('dvchost') ?? get('dvc'), naturalId].join('|'),
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

const MONTH_FIRST = /^[A-Z][a-z]{2} \d{1,2} \d{4} \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: (?:UTC|GMT|[+-]\d{2}:?\d{2}))?$/
const EPOCH_MS = /^\d{10,15}$/

/** Milliseconds since 1970, RFC 3339, or `Nov 20 2026 14:03:22 UTC`; without a zone it is taken as UTC and marked. */
function timeOf(said: string | undefined, context: DecodeContext): { time: string; trust: readonly string[] } {
  if (said !== undefined) {
    if (EPOCH_MS.test(said)) return { time: formatTime(Number(said) * 1000), trust: [] }
    const exact = parseTime(said)
    if (exact !== undefined) return { time: formatTime(exact), trust: [] }
    if (MONTH_FIRST.test(said)) {
      const isZoned = /(?:UTC|GMT|[+-]\d{2}:?\d{2})$/.test(said)
      const ms = Date.parse(isZoned ? said : `${said} UTC`)
      if (!Number.isNaN(ms)) {
        return { time: new Date(ms).toISOString(), trust: isZoned ? [] : ['time:zone-assumed'] }
      }
    }
  }
  return { time: new Date(context.now).toISOString(), trust: ['time:collected'] }
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
