import { isIP } from 'node:net'
import { z } from 'zod'
import type { Audit, AuditEvent, Endpoint, EventFields, Resource, User, UserKind } from '../domain/event.ts'
import { formatTime } from '../domain/time.ts'
import { parseStrict } from '../lib/strict.ts'
import { zoneClock } from './zone-clock.ts'
import type { DecodeContext, Decoded, Format } from './format.ts'
import { PARSE_LIMIT_BYTES, tooLarge } from './limits.ts'
import { dropEmpty } from './loose.ts'
import { recordText } from './original.ts'
import { hostAndPort } from './postgres-csv.ts'
import { commandIn, isAccount, isOfServer, namedIn, typeOfCommand } from './postgres-words.ts'
import type { RoleKinds } from './role-kinds.ts'
import { roleKinds, roleKindsConfig } from './role-kinds.ts'

const optionsSchema: z.ZodType<RoleKinds> = z.strictObject(roleKindsConfig)

/** Lines of MariaDB's server_audit plugin (its documentation, "Audit Plugin Log Format"), as it writes them to a file. */
export const mariadbAudit: Format = createMariadbAudit({})

function createMariadbAudit(options: RoleKinds): Format {
  const kindOf = roleKinds(options)
  return {
    name: 'mariadb-audit',
    version: 1,
    stream: 'database',
    configure: (given) => createMariadbAudit(parseStrict(optionsSchema, given, 'format mariadb-audit')),
    decode: (bytes, context) => decode(bytes, context, kindOf),
  }
}

type KindOf = (user: string) => UserKind | undefined

function decode(bytes: Uint8Array, context: DecodeContext, kindOf: KindOf): Decoded {
  const { text, original, kept } = recordText(bytes)
  if (text.trim() === '') return { kind: 'reject', reason: 'missing_field', message: 'the record is empty' }
  const line = parseLine(text, context)
  if (line === undefined && bytes.length > PARSE_LIMIT_BYTES) return tooLarge(bytes.length)
  const { event, trust } = line === undefined ? plainEvent(text) : eventOf(line, kindOf)
  const micros = line?.micros
  const full: AuditEvent = {
    ...event,
    '@timestamp': micros === undefined ? new Date(context.now).toISOString() : formatTime(micros),
    event: { kind: 'event', ...event.event, module: 'mariadb', provider: 'server_audit', ...original },
    ...(context.cluster !== undefined && { orchestrator: { cluster: { name: context.cluster } } }),
  }
  const isGuess = micros !== undefined && context.timezone === undefined
  const time = micros === undefined ? ['time:collected'] : isGuess ? ['time:zone-assumed'] : []
  return { kind: 'events', events: [{ event: full, ...kept, ...dropEmpty({ trust: [...trust, ...time] }) }] }
}

interface AuditLine {
  readonly micros: number | undefined
  readonly server: string
  readonly user: string
  readonly host: string
  readonly connection: string
  readonly query: string
  readonly operation: string
  readonly database: string
  readonly object: string
  readonly code: number | undefined
  /** The line can be taken apart in more than one way: the plugin writes names as they are, commas included. */
  readonly isAmbiguous: boolean
}

const BEGIN = /^(\d{4})(\d\d)(\d\d) (\d\d):(\d\d):(\d\d),([^,]{0,255}),/
const MIDDLE =
  /,(\d{1,20}),(\d{1,20}),(QUERY|READ|WRITE|CREATE|ALTER|RENAME|DROP|CONNECT|FAILED_CONNECT|DISCONNECT|CHANGEUSER|PROXY_CONNECT),/g
const CONNECTIONS: ReadonlySet<string> = new Set(
  'CONNECT FAILED_CONNECT DISCONNECT CHANGEUSER PROXY_CONNECT'.split(' '),
)
const STATEMENT_END = /',(\d{1,9})(?:,,)?$/
const CODE_END = /,(\d{0,9})(?:,,)?$/
/** Nobody's name is so long that the first way to read a line begins behind it. */
const FAR = 2000

/**
 * `time,serverhost,username,host,connectionid,queryid,operation,database,object,retcode`. Who is not yet known chooses
 * the user name of a failed sign-in, so what ends like one is read from its end; what ends like a statement is read
 * from its beginning, since the statement may hold anything.
 */
function parseLine(text: string, { timezone }: DecodeContext): AuditLine | undefined {
  const begin = BEGIN.exec(text)
  if (begin === null) return undefined
  const rest = text.slice(begin[0].length)
  const statementEnd = STATEMENT_END.exec(rest.slice(-20))
  const isStatement = statementEnd !== null || rest.length >= PARSE_LIMIT_BYTES / 4 - FAR
  const all = [...rest.slice(0, FAR).matchAll(MIDDLE)]
  const fitting = all.filter(([, , , word = '']) => (word === 'QUERY') === isStatement)
  const isConnection = fitting.some(([, , , word = '']) => CONNECTIONS.has(word)) && !isStatement
  const middle = isConnection ? fitting.findLast(([, , , word = '']) => CONNECTIONS.has(word)) : fitting[0]
  if (middle === undefined) return undefined
  const names = rest.slice(0, middle.index)
  const comma = names.lastIndexOf(',')
  const [said, connection = '', query = '', operation = ''] = middle
  const behind = rest.slice(middle.index + said.length)
  const end = statementEnd?.[0] ?? CODE_END.exec(behind.slice(-20))?.[0] ?? ''
  const code = statementEnd?.[1] ?? CODE_END.exec(behind.slice(-20))?.[1]
  const values = behind.slice(0, behind.length - end.length)
  const separator = isStatement ? values.indexOf(",'") : values.indexOf(',')
  return {
    micros: microsOf(begin, timezone),
    server: begin[7] ?? '',
    user: comma < 0 ? '' : names.slice(0, comma),
    host: names.slice(comma + 1),
    connection,
    query,
    operation,
    database: separator < 0 ? values : values.slice(0, separator),
    object: separator < 0 ? '' : values.slice(separator + (isStatement ? 2 : 1)),
    code: code === undefined || code === '' ? undefined : Number(code),
    isAmbiguous: names.slice(0, comma).includes(',') || fitting.length > 1 || (isConnection && all.length > 1),
  }
}

function microsOf(begin: RegExpExecArray, timezone: string | undefined): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = begin.slice(1, 7).map(Number)
  // No server is so old; a year like that is a damaged one.
  if (year < 1970) return undefined
  return zoneClock(timezone ?? 'UTC').micros({ year, month, day, hour, minute, second, micros: 0 })
}

type Parts = Omit<AuditEvent, '@timestamp' | 'event'> & { readonly event: EventFields }

/** A line that the plugin did not write, or half of one. */
function plainEvent(text: string): { readonly event: Parts; readonly trust: readonly string[] } {
  const event = { action: 'mariadb_log', category: ['database'], type: ['info'], outcome: 'unknown' } as const
  return { event: { event: { ...event, dataset: 'mariadb.audit' }, message: text.slice(0, 10_000) }, trust: [] }
}

function eventOf(line: AuditLine, kindOf: KindOf): { readonly event: Parts; readonly trust: readonly string[] } {
  const { event, audit, target, effective } = CONNECTIONS.has(line.operation)
    ? connectionOf(line)
    : line.operation === 'QUERY'
      ? statementOf(line)
      : tableOf(line)
  const parts: Parts = dropEmpty({
    event: { ...event, dataset: 'mariadb.audit' },
    user: dropEmpty({ ...actorOf(line.user, kindOf), target, effective }),
    source: endpointOf(line.host),
    audit,
    host: dropEmpty({ name: line.server }),
    process: { entity_id: `${line.server}/${line.connection}` },
    labels: dropEmpty({ database: line.database }),
    mariadb: { operation: line.operation, connection_id: Number(line.connection), query_id: Number(line.query) },
  })
  return { event: parts, trust: line.isAmbiguous ? ['fields:ambiguous'] : [] }
}

/** An account without a name takes whoever comes. */
function actorOf(user: string, kindOf: KindOf): User {
  return user === '' ? { kind: 'anonymous' } : dropEmpty({ name: user, kind: kindOf(user) })
}

interface Meaning {
  readonly event: EventFields
  readonly audit: Audit
  readonly target?: User
  /** As whom, for who signs in through another account. */
  readonly effective?: User
}

function connectionOf({ operation, database, code, object }: AuditLine): Meaning {
  const resource = thingsIn(database, undefined)
  if (operation === 'DISCONNECT') {
    return {
      event: { action: 'logout', category: ['session'], type: ['end'], outcome: 'success' },
      audit: dropEmpty({ resource }),
    }
  }
  const isFailed = operation === 'FAILED_CONNECT' || (code ?? 0) !== 0
  const isDenied = isFailed && DENIED.has(code ?? 0) && !WRONG.has(code ?? 0)
  const authz = dropEmpty({
    decision: isDenied ? ('deny' as const) : isFailed ? undefined : ('allow' as const),
    reason: reasonOf(isFailed ? code : 0),
  })
  return {
    event: dropEmpty({
      action: operation === 'CHANGEUSER' ? 'change-user' : 'login',
      category: ['authentication', 'session'],
      type: isDenied ? ['start', 'denied'] : ['start'],
      outcome: isFailed ? ('failure' as const) : ('success' as const),
      reason: reasonOf(isFailed ? code : 0),
      code: codeOf(code),
    }),
    audit: dropEmpty({ resource, authz }),
    ...(operation === 'PROXY_CONNECT' && { effective: dropEmpty({ name: /^`([^`]*)`/.exec(object)?.[1] }) }),
  }
}

/** Of those below, the codes of a sign-in that says: no such user, or a wrong password. */
const WRONG: ReadonlySet<number> = new Set([1045, 1698])
/** Codes of MariaDB's errors that say: this user may not. */
const DENIED: ReadonlySet<number> = new Set([1044, 1045, 1095, 1142, 1143, 1227, 1370, 1410, 1698, 1873])

function statementOf({ database, object, code = 0 }: AuditLine): Meaning {
  const statement = unescaped(object)
  const command = commandIn(statement)
  const isDenied = DENIED.has(code)
  const named = namedIn(command, statement, 'kept')
  const authz = isDenied ? dropEmpty({ decision: 'deny' as const, reason: reasonOf(code) }) : {}
  const account = isAccount(named?.type) ? named?.name : undefined
  return {
    event: dropEmpty({
      action: command?.toLowerCase() ?? 'statement',
      category:
        account !== undefined || command === 'GRANT' || command === 'REVOKE' ? ['database', 'iam'] : ['database'],
      type: [...typeOfCommand(command ?? '', undefined, account !== undefined), ...(isDenied ? ['denied'] : [])],
      outcome: code === 0 ? ('success' as const) : ('failure' as const),
      reason: reasonOf(code),
      code: codeOf(code),
    }),
    audit: dropEmpty({
      resource:
        named === undefined
          ? thingsIn(database, undefined)
          : [dropEmpty({ ...named, parent: isOfServer(named.type) ? undefined : database })],
      authz,
      request: { statement },
    }),
    target: dropEmpty({ name: account }),
  }
}

/** Which table a statement touches; written before it is known how that ends. */
function tableOf({ operation, database, object }: AuditLine): Meaning {
  const [table = '', renamed] = operation === 'RENAME' ? object.split('|') : [object]
  const type = TYPE_OF_TABLE_EVENT.get(operation) ?? 'change'
  return {
    event: { action: operation.toLowerCase(), category: ['database'], type: [type], outcome: 'unknown' },
    audit: dropEmpty({
      resource: thingsIn(database, table),
      change: renamed === undefined ? [] : [{ path: '/name', old: `${database}.${table}`, new: renamed }],
    }),
  }
}

const TYPE_OF_TABLE_EVENT: ReadonlyMap<string, string> = new Map([
  ['READ', 'access'],
  ['CREATE', 'creation'],
  ['DROP', 'deletion'],
])

function thingsIn(database: string, table: string | undefined): readonly Resource[] {
  if (table !== undefined) return [dropEmpty({ type: 'table', name: table, parent: database })]
  return database === '' ? [] : [{ type: 'database', name: database }]
}

/** The plugin writes the number only. */
function reasonOf(code: number | undefined): string | undefined {
  return code === undefined || code === 0 ? undefined : (REASONS.get(code) ?? `error ${code}`)
}

function codeOf(code: number | undefined): string | undefined {
  return code === undefined || code === 0 ? undefined : String(code)
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [1044, 'access denied to the database'],
  [1045, 'access denied'],
  [1049, 'unknown database'],
  [1062, 'duplicate entry'],
  [1064, 'syntax error'],
  [1142, 'command denied for the table'],
  [1143, 'command denied for the column'],
  [1146, 'no such table'],
  [1227, 'a privilege is missing'],
  [1370, 'command denied for the routine'],
  [1698, 'access denied'],
])

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['0', '\0'],
])

function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replaceAll(/\\(.)/gs, (_, letter: string) => ESCAPES.get(letter) ?? letter)
}

/** Since MariaDB 12 with the port. */
function endpointOf(said: string): Endpoint {
  if (said === '') return {}
  const { host = said, port } = isIP(said) === 0 ? hostAndPort(said) : { host: said }
  return dropEmpty({
    address: host,
    ip: isIP(host) === 0 ? undefined : host,
    port: port === undefined ? undefined : Number(port),
  })
}
