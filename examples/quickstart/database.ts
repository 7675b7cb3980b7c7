import { timeOf } from './kubernetes-record.ts'
import type { Random } from './seeded.ts'
import { pick } from './seeded.ts'
import { at } from './week.ts'

/**
 * The log of the company's PostgreSQL with pgAudit (jsonlog): who signed in to which database, what was read and changed,
 * and what was refused. Scenes are parted by blank lines; `{pid}`, `{port}` and `{session}` are put in when they are
 * played, so that every session has its own.
 */

interface Role {
  readonly name: string
  readonly ip: string
  readonly application: string
}

const psql = (name: string, ip: string): Role => ({ name, ip, application: 'psql' })

const BOB = psql('bob', '10.20.0.23')
const DAVE = psql('dave', '10.20.0.42')
const ERIN = psql('erin', '10.20.0.88')
const POSTGRES = psql('postgres', '10.20.0.42')
const WEB: Role = { name: 'shop_web', ip: '10.42.3.9', application: 'web' }
const BACKUP: Role = { name: 'backup', ip: '10.42.3.44', application: 'pg_dump' }
/** The intern, with the password that she has read in the cluster. */
const ERIN_AS_WEB: Role = { ...WEB, ip: ERIN.ip, application: 'psql' }

type Fields = Readonly<Record<string, unknown>>
type Said = readonly [seconds: number, fields: Fields]

/** One session of a role: its lines, with how many seconds after the beginning each was written. */
function session(start: number, { name, ip, application }: Role, database: string, lines: readonly Said[]): string {
  const all = [[0, { message: `connection received: host=${ip} port={port}`, known: false }], ...lines] as const
  return all
    .map(([seconds, { known = true, named = true, ...said }]: Said, nth) => {
      const record = {
        timestamp: timeOf(start + seconds * 1_000_000).replace(/T(.{12}).*/, ' $1 UTC'),
        ...(known === true && { user: name, dbname: database }),
        pid: 0,
        remote_host: ip,
        remote_port: 0,
        session_id: '{session}',
        line_num: nth + 1,
        error_severity: 'LOG',
        ...said,
        ...(known === true && named === true && { application_name: application }),
        backend_type: 'client backend',
      }
      const text = JSON.stringify(record)
      return `${text.replace('"pid":0', '"pid":{pid}').replace('"remote_port":0', '"remote_port":{port}')}\n`
    })
    .join('')
}

function signedIn({ name, application }: Role, database: string): readonly Said[] {
  const identity = `connection authenticated: identity="${name}" method=scram-sha-256 (/etc/postgresql/15/main/pg_hba.conf:98)`
  const secured = 'SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)'
  const authorized = `connection authorized: user=${name} database=${database} application_name=${application} ${secured}`
  return [
    [0.02, { message: identity, named: false }],
    [0.03, { message: authorized, named: false }],
  ]
}

/** A session from its sign-in to its end. */
function visit(start: number, role: Role, database: string, seconds: number, inside: readonly Said[]): string {
  const clock = new Date(seconds * 1000).toISOString()
  const time = `${Number(clock.slice(11, 13))}:${clock.slice(14, 23)}`
  const end = `disconnection: session time: ${time} user=${role.name} database=${database} host=${role.ip} port={port}`
  return session(start, role, database, [...signedIn(role, database), ...inside, [seconds, { message: end }]])
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** One record of pgAudit. */
function audit(
  seconds: number,
  statement: string,
  { words, thing = ',', rows = 0, type = 'SESSION', nth = 1 }: Audited,
): Said {
  const message = `AUDIT: ${type},${nth},1,${words},${thing},${quoted(statement)},<none>,${rows}`
  return [seconds, { ps: words.split(',')[1], message }]
}

interface Audited {
  /** Class and command. */
  readonly words: string
  /** Type and name of the object. */
  readonly thing?: string
  readonly rows?: number
  readonly type?: 'SESSION' | 'OBJECT'
  readonly nth?: number
}

function refused(seconds: number, table: string, statement: string): Said {
  const said = {
    error_severity: 'ERROR',
    state_code: '42501',
    message: `permission denied for table ${table}`,
    statement,
  }
  return [seconds, { ps: statement.split(' ', 1)[0], ...said }]
}

function notAllowed({ name, ip }: Role, database: string): readonly Said[] {
  const message = `no pg_hba.conf entry for host "${ip}", user "${name}", database "${database}", SSL encryption`
  return [[0.02, { error_severity: 'FATAL', state_code: '28000', message, named: false }]]
}

function wrongPassword({ name }: Role): readonly Said[] {
  const message = `password authentication failed for user "${name}"`
  const detail = 'Connection matched pg_hba.conf line 98: "hostssl all all 10.0.0.0/8 scram-sha-256"'
  return [[0.05, { error_severity: 'FATAL', state_code: '28P01', message, detail, named: false }]]
}

const CUSTOMERS = 'TABLE,public.customers'

/** What happens once a week, at its own hour. */
export function databaseStory(): readonly string[] {
  const role = (seconds: number, statement: string, command: string, nth: number): Said =>
    audit(seconds, statement, { words: `ROLE,${command}`, nth })
  return [
    // The intern's first day.
    visit(at('mon', '09:12:30'), POSTGRES, 'shop', 95, [
      role(20, 'CREATE ROLE erin LOGIN PASSWORD <REDACTED>', 'CREATE ROLE', 1),
      role(48, 'GRANT SELECT ON products TO erin', 'GRANT', 2),
    ]),
    // She may read products, and nothing else.
    visit(at('wed', '11:20:05'), ERIN, 'shop', 340, [
      audit(30, 'SELECT * FROM products', { words: 'READ,SELECT', thing: 'TABLE,public.products', rows: 214 }),
      refused(190, 'customers', 'SELECT * FROM customers'),
    ]),
    // She tries the other database, and then the password that she has just read in the cluster.
    session(at('wed', '15:29:12'), ERIN, 'payments', notAllowed(ERIN, 'payments')),
    visit(at('wed', '15:36:48'), ERIN_AS_WEB, 'shop', 260, [
      audit(22, 'SELECT count(*) FROM customers', { words: 'READ,SELECT', thing: CUSTOMERS, rows: 1 }),
      audit(71, 'SELECT name, email, phone\nFROM customers\nORDER BY name', {
        words: 'READ,SELECT',
        thing: CUSTOMERS,
        rows: 18_204,
        nth: 2,
      }),
    ]),
    // Bob tries here too.
    visit(at('thu', '09:31:40'), BOB, 'payments', 120, [
      refused(18, 'ledger_entries', "DELETE FROM ledger_entries WHERE booked < '2025-01-01'"),
      refused(66, 'ledger_entries', 'TRUNCATE ledger_entries'),
    ]),
    // The password is changed once it is known.
    visit(at('thu', '10:40:10'), POSTGRES, 'shop', 40, [
      role(12, 'ALTER ROLE shop_web PASSWORD <REDACTED>', 'ALTER ROLE', 1),
    ]),
    session(at('thu', '10:41:02'), WEB, 'shop', wrongPassword(WEB)),
    // Her last day.
    visit(at('fri', '16:34:00'), POSTGRES, 'shop', 55, [
      role(8, 'REVOKE SELECT ON products FROM erin', 'REVOKE', 1),
      role(21, 'DROP ROLE erin', 'DROP ROLE', 2),
    ]),
    // Every night.
    ...(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const).map((day) =>
      visit(at(day, '01:15:00'), BACKUP, 'payments', 300, [
        audit(9, 'COPY public.ledger_entries TO stdout', {
          words: 'READ,SELECT',
          thing: 'TABLE,public.ledger_entries',
          rows: 481_007,
        }),
      ]),
    ),
  ]
}

const BY_WEB: readonly (readonly [statement: string, audited: Audited])[] = [
  ['SELECT * FROM products WHERE shown', { words: 'READ,SELECT', thing: 'TABLE,public.products', rows: 48 }],
  ['SELECT * FROM carts WHERE id = $1', { words: 'READ,SELECT', thing: 'TABLE,public.carts', rows: 1 }],
  ['INSERT INTO orders (cart) VALUES ($1)', { words: 'WRITE,INSERT', thing: 'TABLE,public.orders', rows: 1 }],
  ["UPDATE orders SET state = 'paid' WHERE id = $1", { words: 'WRITE,UPDATE', thing: 'TABLE,public.orders', rows: 1 }],
  ['DELETE FROM carts WHERE id = $1', { words: 'WRITE,DELETE', thing: 'TABLE,public.carts', rows: 1 }],
  ['SELECT email FROM customers WHERE id = $1', { words: 'READ,SELECT', thing: CUSTOMERS, rows: 1, type: 'OBJECT' }],
]

const BY_PEOPLE: readonly (readonly [statement: string, audited: Audited])[] = [
  [
    'SELECT state, count(*) FROM orders GROUP BY state',
    { words: 'READ,SELECT', thing: 'TABLE,public.orders', rows: 4 },
  ],
  [
    'CREATE INDEX orders_by_state ON orders (state)',
    { words: 'DDL,CREATE INDEX', thing: 'INDEX,public.orders_by_state' },
  ],
  ['DROP INDEX orders_by_state', { words: 'DDL,DROP INDEX', thing: 'INDEX,public.orders_by_state' }],
  ['SELECT * FROM report.weekly', { words: 'READ,SELECT', thing: 'VIEW,report.weekly', rows: 52 }],
]

/** What happens all the time. */
export function databaseRoutine(random: Random, count: number): readonly string[] {
  const first = at('mon', '08:00:00')
  return Array.from({ length: count }, (_, nth) => {
    const micros = first + nth * 60_000_000
    const dice = random()
    const who = pick(random, [DAVE, DAVE, BOB])
    if (dice < 0.05) return session(micros, who, 'shop', wrongPassword(who))
    if (dice < 0.1) return visit(micros, BOB, 'shop', 34, [refused(9, 'customers', 'SELECT * FROM customers')])
    const [role, work] = dice < 0.6 ? [WEB, BY_WEB] : [who, BY_PEOPLE]
    const statements = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(random, work))
    const said = statements.map(([text, audited], n) => audit(1 + n * 3, text, { ...audited, nth: n + 1 }))
    return visit(micros, role, 'shop', 20 + Math.floor(random() * 40), said)
  })
}
