import { isIP } from 'node:net'
import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent, Endpoint, UserKind } from '../domain/event.ts'
import { parseStrict } from '../lib/strict.ts'
import type { DecodeContext, Decoded, Format, LineJoiner } from './format.ts'
import { PARSE_LIMIT_BYTES, tooLarge } from './limits.ts'
import { dropEmpty } from './loose.ts'
import { recordText } from './original.ts'
import { postgresJoiner } from './postgres-joiner.ts'
import type { PostgresLine } from './postgres-line.ts'
import { actOf } from './postgres-meaning.ts'
import { parsePostgres } from './postgres-read.ts'
import type { StderrReader } from './postgres-stderr.ts'
import { stderrReader } from './postgres-stderr.ts'
import { postgresTime } from './postgres-time.ts'
import type { RoleKinds } from './role-kinds.ts'
import { roleKinds, roleKindsConfig } from './role-kinds.ts'

export interface PgauditOptions extends RoleKinds {
  /** The server's `log_line_prefix`, for stderr; left out: the known ones are tried. */
  readonly logLinePrefix?: string
  /** The server's `pgaudit.role`: names the policy of OBJECT records. */
  readonly role?: string
}

const optionsSchema: z.ZodType<PgauditOptions> = z.strictObject({
  logLinePrefix: z.string().max(500).exactOptional(),
  ...roleKindsConfig,
  role: z.string().min(1).exactOptional(),
})

/**
 * What a PostgreSQL server with pgAudit logs, in stderr, csvlog, jsonlog or CloudNativePG's wrapper: the records of
 * pgAudit, sign-ins and refused ones, failed statements, and every other message as a plain event.
 */
export const pgaudit: Format = createPgaudit({})

function createPgaudit(options: PgauditOptions): Format {
  const stderr = readerOf(options.logLinePrefix)
  const kindOf = roleKinds(options)
  return {
    name: 'pgaudit',
    version: 2,
    stream: 'database',
    configure: (given) => createPgaudit(parseStrict(optionsSchema, given, 'format pgaudit')),
    joiner: (): LineJoiner => postgresJoiner(stderr),
    decode: (bytes, context) => decode(bytes, context, { stderr, kindOf, role: options.role }),
  }
}

function readerOf(prefix: string | undefined): StderrReader {
  try {
    return stderrReader(prefix)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const hint = 'give log_line_prefix as postgresql.conf has it'
    const faults = [{ path: 'logLinePrefix', message: error.message }]
    throw new AuditError('invalid_config', `format pgaudit: logLinePrefix: ${error.message}`, { hint, faults })
  }
}

interface Settings {
  readonly stderr: StderrReader
  readonly kindOf: (user: string) => UserKind | undefined
  readonly role: string | undefined
}

function decode(bytes: Uint8Array, context: DecodeContext, settings: Settings): Decoded {
  const { text, original, kept } = recordText(bytes)
  if (text.trim() === '') return { kind: 'reject', reason: 'missing_field', message: 'the record is empty' }
  const line = parsePostgres(text, settings.stderr)
  // What is known is kept though it is cut: a statement of some megabytes must not hide who sent it.
  if (line === undefined && bytes.length > PARSE_LIMIT_BYTES) return tooLarge(bytes.length)
  const known = line ?? unknownLine(text)
  const { event, trust } = eventOf(known, original, context, settings)
  const naturalId = nameOf(known)
  return {
    kind: 'events',
    events: [{ event, ...kept, ...dropEmpty({ trust }), ...(naturalId !== undefined && { naturalId }) }],
  }
}

/** No line of a server, or one under another prefix than was configured. */
function unknownLine(text: string): PostgresLine {
  const audit = text.indexOf('AUDIT: ')
  const message = audit < 0 || audit > 1000 ? text : text.slice(audit).replaceAll('\n\t', '\n')
  return { carrier: 'stderr', message, doubts: ['prefix:unmatched'] }
}

/**
 * Numbers are counted in each log format by itself, so they name a record only together with it. Pods number their
 * processes alike, so two of them that start in one second would have the same sessions.
 */
function nameOf({ carrier, session, number, doubts, pod }: PostgresLine): string | undefined {
  if (session === undefined || number === undefined || doubts !== undefined) return undefined
  if (session.length + number.length > 64) return undefined
  const name = `${carrier}/${session}/${number}`
  return pod === undefined ? name : `${pod.slice(0, 253)}/${name}`
}

function eventOf(line: PostgresLine, original: { original?: string }, context: DecodeContext, settings: Settings) {
  const act = actOf(line, settings.role)
  const { user, database, application, host, port } = { ...act.line, ...clientOf(line) }
  const time = postgresTime(line.time, context.timezone)
  const start = postgresTime(line.sessionStart, context.timezone)
  const isAudit = act.event.dataset === 'pgaudit'
  const event: AuditEvent = dropEmpty({
    '@timestamp': time === undefined ? new Date(context.now).toISOString() : time.text,
    event: dropEmpty({
      kind: 'event',
      ...act.event,
      module: 'postgresql',
      provider: isAudit ? 'pgaudit' : 'postgresql',
      code: line.state === '00000' ? undefined : line.state,
      sequence: numberOf(line.number),
      ...original,
    }),
    user: dropEmpty({ ...actorOf(user, line, settings), target: act.target }),
    source: host === undefined ? undefined : endpointOf(host, port),
    audit: act.audit,
    process: dropEmpty({
      pid: numberOf(line.pid),
      entity_id: line.session,
      start: start?.text,
    }),
    log: dropEmpty({ level: isAudit ? undefined : line.severity?.toLowerCase() }),
    labels: dropEmpty({ database, application }),
    ...(context.cluster !== undefined && { orchestrator: { cluster: { name: context.cluster } } }),
    ...(line.pod !== undefined && { host: { name: line.pod } }),
    message: isAudit ? undefined : line.message,
    ...act.more,
  })
  const trust = [
    ...(line.doubts ?? []),
    ...(time === undefined ? ['time:collected'] : time.isZoneAssumed ? ['time:zone-assumed'] : []),
    ...(application === undefined ? [] : ['application:claim']),
  ]
  return { event, trust }
}

function clientOf({ user, database, application, host, port }: PostgresLine) {
  return dropEmpty({ user, database, application, host, port })
}

/** Processes of the server itself have no user. */
function actorOf(name: string | undefined, line: PostgresLine, { kindOf }: Settings) {
  if (name !== undefined) return dropEmpty({ name, kind: kindOf(name) })
  const isServer = line.backend !== undefined && !OF_CLIENTS.has(line.backend)
  return isServer ? { name: line.backend, kind: 'system' as const } : {}
}

/** Processes that work for somebody, or do not know yet for whom. */
const OF_CLIENTS: ReadonlySet<string> = new Set(['client backend', 'parallel worker', 'walsender', 'not initialized'])

function endpointOf(host: string, port: string | undefined): Endpoint {
  const number = numberOf(port)
  return dropEmpty({ address: host, ip: isIP(host) === 0 ? undefined : host, port: number })
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
