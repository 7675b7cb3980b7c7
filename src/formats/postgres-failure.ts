import type { Audit, Resource } from '../domain/event.ts'
import { dropEmpty } from './loose.ts'
import type { Act } from './postgres-act.ts'
import { thingIn } from './postgres-act.ts'
import type { PostgresLine } from './postgres-line.ts'
import { commandIn, commandOfTag, namedIn, typeOfCommand } from './postgres-words.ts'

/** Sign-ins that were refused and statements that failed. */
export function failureAct(line: PostgresLine): Act | undefined {
  if (line.severity !== 'ERROR' && line.severity !== 'FATAL') return undefined
  const refusal = refusalOf(line)
  if (refusal !== undefined) return signInAct(line, refusal)
  return line.severity === 'ERROR' ? statementAct(line) : undefined
}

interface Refusal {
  readonly user?: string
  readonly database?: string
  readonly host?: string
  readonly method?: string
  /** A rule said no. Not so: the sign-in was wrong, or there was no room. */
  readonly isDenied: boolean
}

type Said = { readonly [field in keyof Refusal]?: Refusal[field] | undefined }
type Refused = readonly [pattern: RegExp, read: (groups: readonly (string | undefined)[]) => Said]

/** A name in the server's words: it is not escaped, so it is what stands up to the last quote. */
const NAME = '"(.{0,200}?)"'

/** What a server says when it lets nobody in (auth.c, postinit.c, proc.c, miscinit.c of PostgreSQL). */
const REFUSALS: readonly Refused[] = [
  [
    new RegExp(`^(\\S{1,20})(?: certificate)? authentication failed for user ${NAME}$`, 's'),
    ([method, user]) => ({ method, user, isDenied: false }),
  ],
  [
    new RegExp(
      `^no pg_hba\\.conf entry for (?:replication connection from )?host "(.{0,255}?)", user ${NAME}(?:, database ${NAME})?(?:, .{0,60})?$`,
      's',
    ),
    ([host, user, database]) => ({ host, user, database }),
  ],
  [
    new RegExp(
      `^pg_hba\\.conf rejects (?:replication )?connection (?:from|for) host "(.{0,255}?)", user ${NAME}(?:, database ${NAME})?(?:, .{0,60})?$`,
      's',
    ),
    ([host, user, database]) => ({ host, user, database }),
  ],
  [new RegExp(`^role ${NAME} does not exist$`, 's'), ([user]) => ({ user, isDenied: false })],
  [new RegExp(`^role ${NAME} is not permitted to log in$`, 's'), ([user]) => ({ user })],
  [
    new RegExp(`^database ${NAME} (?:does not exist|is not currently accepting connections)$`, 's'),
    ([database]) => ({ database, isDenied: false }),
  ],
  [new RegExp(`^permission denied for database ${NAME}$`, 's'), ([database]) => ({ database })],
  [
    /^(?:sorry, too many clients already|too many connections for |remaining connection slots are reserved )/,
    () => ({ isDenied: false }),
  ],
  [
    /^(?:connection requires a valid client certificate|no PostgreSQL user name specified in startup packet)$/,
    () => ({}),
  ],
]

/** Only FATAL ends a connection that has not begun; a statement about a role may fail with the same words. */
function refusalOf(line: PostgresLine): Refusal | undefined {
  if (line.severity !== 'FATAL') return undefined
  const message = line.message.slice(0, 1200)
  for (const [pattern, read] of REFUSALS) {
    const found = pattern.exec(message)
    if (found !== null) return { isDenied: true, ...dropEmpty(read(found.slice(1))) }
  }
  // SQLSTATE class 28: invalid authorization specification.
  return line.state?.startsWith('28') === true ? { isDenied: line.state !== '28P01' } : undefined
}

const MATCHED = /Connection matched (?:pg_hba\.conf line|file ".{0,1000}" line) (\d{1,9})(?:: "(.{0,1000})")?/s

const METHODS: ReadonlySet<string> = new Set(
  'trust reject md5 password scram-sha-256 gss sspi ident peer pam ldap radius cert bsd oauth'.split(' '),
)

function signInAct(line: PostgresLine, { user, database, host, method, isDenied }: Refusal): Act {
  const matched = MATCHED.exec(line.detail?.slice(0, 3000) ?? '')
  const policies = matched === null ? [] : [{ type: 'pg_hba', name: `pg_hba.conf:${matched[1]}` }]
  const ofRule = matched?.[2]?.split(/[\s"]+/).find((word) => METHODS.has(word))
  const audit: Audit = dropEmpty({
    resource: thingIn(line.database ?? database, 'database', undefined),
    authn: dropEmpty({ method: ofRule ?? method?.toLowerCase() }),
    authz: dropEmpty({ decision: isDenied ? ('deny' as const) : undefined, reason: line.detail, policies }),
  })
  return {
    event: {
      action: 'login',
      category: ['authentication', 'session'],
      type: isDenied ? ['start', 'denied'] : ['start'],
      outcome: 'failure',
      reason: line.message,
      dataset: 'postgresql.log',
    },
    audit,
    line: dropEmpty({ user, database, host }),
  }
}

function statementAct(line: PostgresLine): Act {
  const command = commandOfTag(line.commandTag) ?? commandIn(line.statement)
  const isDenied = line.state === '42501' || (line.state === undefined && DENIED.test(line.message))
  return {
    event: {
      action: command?.toLowerCase() ?? 'statement',
      category: ['database'],
      type: [...typeOfCommand(command ?? ''), ...(isDenied ? ['denied'] : [])],
      outcome: 'failure',
      reason: line.message,
      dataset: 'postgresql.log',
    },
    audit: dropEmpty({
      resource: refusedThing(line, command),
      authz: isDenied ? { decision: 'deny' as const, reason: line.message } : {},
      request: dropEmpty({ statement: line.statement }),
    }),
  }
}

const DENIED = /^(?:permission denied |must be (?:owner|superuser|member|able) )/
const THING = /^(?:permission denied for|must be owner of) ([a-z]{1,20}(?: [a-z]{1,20}){0,2}) (.{1,200})$/s

/** `permission denied for table t`, without schema or database; else what the statement names. */
function refusedThing(
  { message, database, statement }: PostgresLine,
  command: string | undefined,
): readonly Resource[] {
  const [, said, name] = THING.exec(message.slice(0, 300)) ?? []
  if (said === 'database') return thingIn(name?.replaceAll('"', ''), said, undefined)
  if (said !== undefined) return thingIn(database, said === 'relation' ? 'table' : said, name)
  const named = namedIn(command, statement ?? '', 'lower')
  return named === undefined ? thingIn(database, 'object', undefined) : thingIn(database, named.type, named.name)
}
