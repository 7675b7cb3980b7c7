import type { AuditEvent, Outcome, Resource } from '../domain/event.ts'
import { formatTime } from '../domain/time.ts'
import type { DecodeContext, Format, Reject } from './format.ts'
import { PARSE_LIMIT_BYTES, tooLarge } from './limits.ts'
import { dropEmpty } from './loose.ts'
import { recordText } from './original.ts'
import { zoneClock } from './zone-clock.ts'

/**
 * Access lines of bazel-remote (buchgr/bazel-remote, server/http.go and grpc*.go): who fetched, looked for and wrote what
 * in a build cache. They are EngFlow's `file` events: `whodid.category: file`, the thing is `{ac or cas, digest}`.
 * A line names no user; only lines of HTTP have an address.
 */
export const bazelRemote: Format = {
  name: 'bazel-remote',
  version: 2,
  stream: 'access',
  decode(bytes, context) {
    if (bytes.length > PARSE_LIMIT_BYTES) return tooLarge(bytes.length)
    const { text, original, kept } = recordText(bytes)
    const line = STAMPED.exec(text)
    const said = line?.[3] ?? text
    const access = httpAccess(said) ?? grpcAccess(said)
    if (access === undefined) return NO_ACCESS
    const { time, trust } = timeOf(line?.[1], line?.[2], context)
    const event: AuditEvent = {
      '@timestamp': time,
      event: { ...actOf(access), dataset: 'bazel.remote', kind: 'event', ...original },
      ...(access.address !== undefined && { source: { ip: access.address } }),
      audit: dropEmpty({ resource: access.resource }),
      ...dropEmpty({ http: access.http, message: access.message }),
    }
    return { kind: 'events', events: [{ event, category: ['file'], trust, ...kept }] }
  },
}

const STAMPED = /^(\d{4}\/\d\d\/\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?) ([^]*)$/

const NO_ACCESS: Reject = {
  kind: 'reject',
  reason: 'unknown_kind',
  message:
    'the line is no access of bazel-remote: neither METHOD CODE ADDRESS PATH nor GRPC STORE ACTION DIGEST RESULT',
}

interface Access {
  /** In capitals: GET, HEAD, PUT, READ, WRITE … */
  readonly method: string
  readonly outcome: Outcome
  readonly reason?: string
  readonly resource: readonly Resource[]
  readonly address?: string
  readonly http?: object
  readonly message?: string
}

/** `%4s %d %15s %s`: method, status, address, path. */
const HTTP = /^ {0,4}([A-Z]{3,7}) (\d{3}) {1,16}(\S{0,64}) (\/.*)$/

function httpAccess(line: string): Access | undefined {
  const [, method, code, address = '', path = ''] = HTTP.exec(line) ?? []
  if (method === undefined || code === undefined) return undefined
  return {
    method,
    outcome: Number(code) < 400 ? 'success' : 'failure',
    resource: [inPath(path)],
    ...(IP.test(address) && { address }),
    http: { request: { method }, response: { status_code: Number(code) } },
  }
}

const IP = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]+)$/
const DIGEST = '[0-9a-f]{40,128}'
const STORE_PATH = new RegExp(`^(/.{0,256})?/(ac|cas)(?:\\.v2)?/(${DIGEST})$`)

function inPath(path: string): Resource {
  const [, instance, store, digest] = STORE_PATH.exec(path) ?? []
  if (store === undefined || digest === undefined) return { type: 'url', name: path.slice(0, 1024) }
  return dropEmpty({ type: store, name: digest, namespace: instance?.slice(1) })
}

const GRPC = new RegExp(`^GRPC (AC|CAS) ([A-Z]+)(?: REQUEST| BLOB)? (${DIGEST})(?::)? (.+)$`)
const GRPC_STREAM = /^GRPC BYTESTREAM (READ|WRITE|QUERYWRITESTATUS) ([A-Z]+)(?: (\S+))?(.*)$/
const BLOB = new RegExp(`(?:^|/)(?:compressed-)?blobs/(?:zstd/)?(?:[a-z0-9]+/)?(${DIGEST})(?:/|$)`)
const GRPC_OTHER = /^GRPC ([A-Z]+)(?: (.*))?$/

function grpcAccess(line: string): Access | undefined {
  const [, store, method, digest, result = ''] = GRPC.exec(line) ?? []
  if (store !== undefined && method !== undefined && digest !== undefined) {
    return { method, ...resultOf(result), resource: [{ type: store.toLowerCase(), name: digest }] }
  }
  const [, stream, state = '', name = '', rest = ''] = GRPC_STREAM.exec(line) ?? []
  if (stream !== undefined) {
    const blob = BLOB.exec(name)?.[1] ?? (new RegExp(`^${DIGEST}$`).test(name.replace(/:$/, '')) ? name : undefined)
    const resource = blob === undefined ? [] : [{ type: 'cas', name: blob.replace(/:$/, '') }]
    return { method: stream, ...resultOf(state === 'COMPLETED' ? 'OK' : `${state}${rest}`), resource }
  }
  const [, other] = GRPC_OTHER.exec(line) ?? []
  return other === undefined
    ? undefined
    : { method: other, ...resultOf(line.endsWith(' OK') ? 'OK' : line), resource: [] }
}

/** What is not there is found to be missing, as a 404 is. */
function resultOf(result: string): Pick<Access, 'outcome' | 'reason' | 'message'> {
  if (result === 'OK' || result.startsWith('OK ')) return { outcome: 'success' }
  if (/^GRPC GETCAPABILITIES$/.test(result)) return { outcome: 'success' }
  return { outcome: 'failure', reason: result === 'NOT FOUND' ? 'NOT FOUND' : 'ERROR', message: result }
}

const ACTS: ReadonlyMap<string, readonly [action: string, type: string]> = new Map([
  ['GET', ['read', 'access']],
  ['READ', ['read', 'access']],
  ['GETTREEREQUEST', ['read', 'access']],
  ['HEAD', ['head', 'access']],
  ['PUT', ['write', 'creation']],
  ['WRITE', ['write', 'creation']],
  ['DELETE', ['delete', 'deletion']],
])

function actOf({ method, outcome, reason }: Access): AuditEvent['event'] {
  const [action, type] = ACTS.get(method) ?? [method.toLowerCase(), 'access']
  const denied = reason !== undefined && /PERMISSION|UNAUTHENTICATED/.test(reason) ? ['denied'] : []
  return dropEmpty({ action, category: ['file'], type: [type, ...denied], outcome, reason })
}

const CLOCK = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/

/** The line's own time has no zone: bazel-remote writes UTC unless `log_timezone` says otherwise. */
function timeOf(date: string | undefined, clock: string | undefined, context: DecodeContext) {
  const [year, month, day] = (date ?? '').split('/').map(Number)
  const [, hour, minute, second, fraction = ''] = CLOCK.exec(clock ?? '') ?? []
  const micros = zoneClock(context.timezone ?? 'UTC').micros({
    year: year ?? Number.NaN,
    month: month ?? Number.NaN,
    day: day ?? Number.NaN,
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    micros: Number(fraction.padEnd(6, '0')),
  })
  if (micros !== undefined) {
    return { time: formatTime(micros), trust: context.timezone === undefined ? ['time:zone-assumed'] : [] }
  }
  return { time: new Date(context.now).toISOString(), trust: ['time:collected'] }
}
