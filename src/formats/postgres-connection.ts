import type { Audit, Authz } from '../domain/event.ts'
import { dropEmpty } from './loose.ts'
import type { Act } from './postgres-act.ts'
import { thingIn } from './postgres-act.ts'
import type { PostgresLine } from './postgres-line.ts'

/** Lines of `log_connections` and `log_disconnections`. */
export function connectionAct(line: PostgresLine): Act | undefined {
  if (line.severity !== undefined && line.severity !== 'LOG') return undefined
  const { message } = line
  if (message.startsWith('connection received: ')) return receivedAct(message)
  if (message.startsWith('connection authenticated: ')) return authenticatedAct(line)
  if (AUTHORIZED.test(message)) return authorizedAct(line)
  return message.startsWith('disconnection: session time: ') ? disconnectedAct(line) : undefined
}

const DATASET = 'postgresql.log'

/** `connection received: host=10.0.0.9 port=47872`; `host=[local]` */
function receivedAct(message: string): Act {
  const [, host, port] = /^connection received: host=(\S{1,255})(?: port=(\d{1,5}))?$/.exec(message) ?? []
  const event = { action: 'connect', category: ['network'], type: ['connection', 'start'], outcome: 'unknown' } as const
  return { event: { ...event, dataset: DATASET }, line: dropEmpty({ host, port }) }
}

const METHOD = / method=([A-Za-z0-9_-]{1,40})(?: \((.{1,1000}):(\d{1,9})\))?$/

/** `connection authenticated: identity="alice" method=scram-sha-256 (/etc/…/pg_hba.conf:3)` */
function authenticatedAct({ message, user, database }: PostgresLine): Act {
  const [said, method, file, row] = METHOD.exec(message.slice(-1200)) ?? ['']
  const begin = 'connection authenticated: identity="'
  const identity = message.startsWith(begin) ? message.slice(begin.length, -said.length - 1) : undefined
  return {
    event: {
      action: 'authenticate',
      category: ['authentication'],
      type: ['info'],
      outcome: 'success',
      dataset: DATASET,
    },
    audit: dropEmpty({
      resource: thingIn(database, 'database', undefined),
      authn: dropEmpty({ method, credential_id: identity === user ? undefined : identity }),
      authz: hbaLine(file, row, 'allow'),
    }),
  }
}

function hbaLine(file: string | undefined, row: string | undefined, effect: string): Authz {
  if (file === undefined || row === undefined) return {}
  const name = `${file.slice(file.lastIndexOf('/') + 1)}:${row}`
  return { policies: [{ type: 'pg_hba', name, effect }] }
}

const AUTHORIZED = /^(?:replication )?connection authorized: user=/
const SECURITY = / SSL enabled \(protocol=([^,\s]{1,20}), cipher=([^,\s]{1,80}), bits=\d{1,5}[^)]*\)/
/** The server writes names as they are, so they are read from the end of what it writes behind them. */
const NAMES = /^user=(.{0,64}?)(?: database=(.{0,64}?))?(?: application_name=(.{0,64}))?$/su

/** `connection authorized: user=bob database=app application_name=psql SSL enabled (protocol=TLSv1.3, cipher=…, bits=256)` */
function authorizedAct(line: PostgresLine): Act {
  const { message } = line
  const begin = message.indexOf('user=')
  const secured = SECURITY.exec(message.slice(begin, begin + 600))
  const gss = message.indexOf(' GSS (', begin)
  const end = secured !== null ? begin + secured.index : gss < 0 ? message.length : gss
  const [, user, database, application] = NAMES.exec(message.slice(begin, end)) ?? []
  const [, version = '', cipher] = secured ?? []
  const inDatabase = line.database ?? database
  return {
    event: {
      action: 'login',
      category: ['authentication', 'session'],
      type: ['start'],
      outcome: 'success',
      dataset: DATASET,
    },
    audit: dropEmpty({ resource: thingIn(inDatabase, 'database', undefined), authz: { decision: 'allow' as const } }),
    line: dropEmpty({ user, database, application }),
    more: dropEmpty({ tls: dropEmpty({ version: version.replace(/^TLSv/, ''), cipher }) }),
  }
}

const SESSION_TIME = /^disconnection: session time: (\d{1,9}):(\d\d):(\d\d)\.(\d{3}) /
const ENDED = /^user=(.{0,64}?) database=(.{0,64}?) host=(\S{1,255})(?: port=(\d{1,5}))?$/su

/** `disconnection: session time: 0:00:01.234 user=alice database=app host=127.0.0.1 port=47872` */
function disconnectedAct(line: PostgresLine): Act {
  const [said = '', hours, minutes, seconds, ms] = SESSION_TIME.exec(line.message) ?? []
  const [, user, database, host, port] = ENDED.exec(line.message.slice(said.length, said.length + 500)) ?? []
  const tookMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 + Number(ms)
  const audit: Audit = dropEmpty({ resource: thingIn(line.database ?? database, 'database', undefined) })
  return {
    event: {
      action: 'logout',
      category: ['session'],
      type: ['end'],
      outcome: 'success',
      dataset: DATASET,
      ...(said !== '' && { duration: tookMs * 1_000_000 }),
    },
    audit,
    line: dropEmpty({ user, database, host, port }),
  }
}
