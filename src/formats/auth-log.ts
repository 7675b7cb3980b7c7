import { z } from 'zod'
import type { Actor, AuditEvent, JsonObject } from '../domain/event.ts'
import { formatTime } from '../domain/time.ts'
import { parseStrict } from '../lib/strict.ts'
import { accountFacts } from './auth-log-accounts.ts'
import type { Facts } from './auth-log-facts.ts'
import type { SyslogLine } from './auth-log-line.ts'
import { parseSyslogLine } from './auth-log-line.ts'
import { pamFacts } from './auth-log-pam.ts'
import { repeatsOf } from './auth-log-repeats.ts'
import { cronFacts, logindFacts } from './auth-log-sessions.ts'
import { sshdFacts } from './auth-log-sshd.ts'
import { sudoFacts, suFacts } from './auth-log-sudo.ts'
import { zoneClock } from './zone-clock.ts'
import type { DecodeContext, DecodedEvent, Format } from './format.ts'
import { PARSE_LIMIT_BYTES, tooLarge } from './limits.ts'
import { dropEmpty } from './loose.ts'
import { recordText } from './original.ts'

interface AuthLogOptions {
  /** Accounts that programs sign in with: their `user.kind` is `service`. */
  readonly services?: readonly string[]
}

const options: z.ZodType<AuthLogOptions> = z.strictObject({
  services: z.array(z.string().min(1)).max(10_000).exactOptional(),
})

/**
 * Lines of syslog about who signs in and what they may do there: sshd, sudo, su, PAM, systemd-logind, shadow's programs
 * and cron, with the time of RFC 3164, ISO or RFC 5424. A line of any other program is an event too, with its own words.
 */
export const authLog: Format = authLogFor({})

function authLogFor({ services = [] }: AuthLogOptions): Format {
  const known = new Set(services)
  return {
    name: 'auth-log',
    version: 2,
    stream: 'authlog',
    configure: (given) => authLogFor(parseStrict(options, given, 'options of auth-log')),
    decode(bytes, context) {
      if (bytes.length > PARSE_LIMIT_BYTES) return tooLarge(bytes.length)
      const { text, original, kept } = recordText(bytes)
      const line = parseSyslogLine(text, zoneClock(context.timezone ?? 'UTC'), context.now)
      const repeats = repeatsOf(line.message, bytes.length)
      const said = repeats.message === undefined ? line : { ...line, message: repeats.message }
      const facts = factsOf(said)
      const event = eventOf(said, facts, { context, services: known, original, repeated: repeats.times })
      const truncated = [...(kept.truncated ?? []), ...repeats.truncated]
      const decoded: DecodedEvent = {
        event,
        category: facts.category.includes('iam') ? ['auth', 'iam'] : ['auth'],
        ...dropEmpty({ trust: trustOf(line, facts, context) }),
        ...(kept.originalBase64 !== undefined && { originalBase64: kept.originalBase64 }),
        ...(truncated.length > 0 && { truncated }),
      }
      return {
        kind: 'events',
        events: repeats.events === 1 ? [decoded] : Array.from({ length: repeats.events }, () => decoded),
      }
    },
  }
}

/** By the program's own name, whatever folder, case or `(module)` its tag has around it. */
const PROGRAMS: readonly (readonly [names: string, read: (message: string) => Facts | undefined])[] = [
  ['sshd sshd-session sshd-auth sftp-server internal-sftp', sshdFacts],
  ['sudo', sudoFacts],
  ['su', suFacts],
  ['systemd-logind', logindFacts],
  ['cron crond crontab anacron atd', cronFacts],
  ['useradd usermod userdel groupadd groupmod groupdel gpasswd passwd chpasswd newusers', accountFacts],
  ['chage chfn chsh vipw', accountFacts],
]
const READERS = new Map(PROGRAMS.flatMap(([names, read]) => names.split(' ').map((name) => [name, read] as const)))

function factsOf({ program, message }: SyslogLine): Facts {
  const name = plainName(program)
  const facts = pamFacts(message) ?? READERS.get(name)?.(message)
  return facts ?? { action: name === '' ? 'log' : name, category: [], type: ['info'], outcome: 'unknown' }
}

/** As an action of the leaf may be written: `/usr/sbin/CRON` → `cron`. */
function plainName(program = ''): string {
  if (PLAIN_NAME.test(program)) return program
  const [name = ''] = program.toLowerCase().split('/').slice(-1)
  return name.replaceAll(/[^a-z0-9._:-]/g, '-').replace(/^[._:-]+/, '')
}

const PLAIN_NAME = /^[a-z0-9][a-z0-9._:-]*$/

interface Setting {
  readonly context: DecodeContext
  readonly services: ReadonlySet<string>
  readonly original: { readonly original?: string }
  readonly repeated: number
}

/** Lines of one connection have the same process until the day ends; most of them also name its other end. */
function eventOf(line: SyslogLine, facts: Facts, { context, services, original, repeated }: Setting): AuditEvent {
  const time = line.time === undefined ? new Date(context.now).toISOString() : formatTime(line.time.micros)
  const program = plainName(line.program)
  const host = line.host
  const isOnHost =
    facts.resource === undefined && host !== undefined && facts.category.some((each) => ON_HOST.has(each))
  const resource = isOnHost ? [{ type: 'host', name: host }] : facts.resource
  const { resource: _resource, authn, authz, change } = facts
  const event: AuditEvent = {
    '@timestamp': time,
    event: dropEmpty({
      kind: 'event',
      category: facts.category,
      type: facts.type,
      action: facts.action,
      outcome: facts.outcome,
      reason: facts.reason,
      dataset: 'system.auth',
      module: 'system',
      provider: program,
      timezone: line.time?.isLocal === true ? (context.timezone ?? 'UTC') : undefined,
      ...original,
    }),
    ...dropEmpty({
      user: facts.user === undefined ? undefined : withKind(facts.user, services),
      source: facts.from,
      audit: dropEmpty({ resource, authn, authz, change }),
      host: host === undefined ? undefined : { name: host },
      process: dropEmpty({ ...processOf(line, program, time), ...facts.process }),
      trace: facts.from === undefined ? undefined : connectionOf(host ?? context.source, facts, time),
      ssh: facts.ssh,
      log: dropEmpty({ syslog: dropEmpty(syslogOf(line)) }),
      labels: { ...facts.labels, ...(repeated > 1 && { repeated: String(repeated) }) },
      message: line.message,
    }),
  }
  return event
}

const ON_HOST = new Set(['authentication', 'session', 'network'])

function withKind(user: Actor, services: ReadonlySet<string>): Actor {
  return user.kind === 'person' && user.name !== undefined && services.has(user.name)
    ? { ...user, kind: 'service' }
    : user
}

function processOf(line: SyslogLine, program: string, time: string) {
  const pid = line.procid !== undefined && /^\d{1,10}$/.test(line.procid) ? Number(line.procid) : undefined
  if (pid === undefined) return { name: program }
  // The three programs that a connection goes through since 9.8 are one.
  const group = program.startsWith('sshd') ? 'sshd' : program
  // Numbers of processes come again, hardly on the same day.
  return { name: program, pid, entity_id: [line.host ?? '', group, pid, time.slice(0, 10)].join('/') }
}

/** Names the connection: a port of one address is hardly used twice for the same host on one day. */
function connectionOf(host: string, { from }: Facts, time: string): { readonly id: string } | undefined {
  if (from?.port === undefined || from.address === undefined) return undefined
  return { id: [host, from.address, from.port, time.slice(0, 10)].join('/') }
}

const LOCAL = Array.from({ length: 8 }, (_, n) => `local${n}`)
const FACILITIES =
  'kernel,user-level,mail,system,security,syslog,line printer,network news,UUCP,clock,authpriv,ftp,ntp,log audit,log alert,clock2'
    .split(',')
    .concat(LOCAL)
const SEVERITIES = ['Emergency', 'Alert', 'Critical', 'Error', 'Warning', 'Notice', 'Informational', 'Debug']

function syslogOf(line: SyslogLine) {
  const { priority, version, structured, msgid } = line
  const [facility, severity] = priority === undefined ? [] : [priority >> 3, priority & 7]
  return {
    appname: line.program,
    procid: line.procid,
    hostname: line.host,
    msgid,
    version,
    priority,
    facility: facility === undefined ? undefined : { code: facility, name: FACILITIES[facility] ?? '' },
    severity: severity === undefined ? undefined : { code: severity, name: SEVERITIES[severity] ?? '' },
    structured_data: structured,
  } satisfies Record<string, string | number | JsonObject | undefined>
}

function trustOf(line: SyslogLine, facts: Facts, context: DecodeContext): readonly string[] {
  const { time } = line
  return [
    ...(time === undefined ? ['time:collected'] : []),
    ...(time?.isLocal === true && context.timezone === undefined ? ['time:zone-assumed'] : []),
    ...(time?.isYearless === true ? ['time:year-assumed'] : []),
    ...(facts.trust ?? []),
  ]
}
