import fc from 'fast-check'
import type { AuditEvent, Json } from '../src/domain/event.ts'
import { escapeName, escapeWord, quote } from '../src/query/lex.ts'
import { printValue } from '../src/query/print.ts'

/**
 * Random events and random queries about them. Both draw from the same small pools, so that queries match often, and the
 * pools hold what breaks escaping, folding and comparing.
 */

const TEXTS = [
  'alice',
  'Alice',
  'ALICE SMITH',
  'bob',
  'team',
  'team.create',
  'delete',
  'Delete Thing',
  'a*b',
  'a%b',
  'a_b',
  'ab',
  'axb',
  String.raw`back\slash`,
  String.raw`\%`,
  String.raw`\\`,
  '"quoted"',
  "o'brien",
  "'; DROP TABLE events --",
  '{p0:String}',
  'tab\there',
  'line\nbreak',
  'nul\u0000nul',
  '\u0001\u0002',
  'é',
  'e\u0301',
  'É',
  'straße',
  'STRASSE',
  'İstanbul',
  'i\u0307stanbul',
  '\u212Aelvin',
  'kelvin',
  'ΑΣ',
  'ας',
  'ασ',
  'Ǆ',
  'ﬀ',
  '😀 smile',
  '日本語',
  'half\ud800',
  'half\udc00',
  '\ufffd',
  String.raw`\ud800`,
  '__proto__',
  'constructor',
  'true',
  'null',
  '5',
  '5.0',
  '05',
  '1e3',
  '-7',
  'NaN',
  ' ',
  ' padded ',
  'secret',
  'db-password',
  'system:serviceaccount:prod:ci',
  '/etc/passwd',
  'C:\\Windows\\x',
  'a:b',
  '(x)',
  'a,b',
  '-dash',
  'OR',
  '..',
  '>=5',
  '[1,2]',
  '{"a":1}',
  'x'.repeat(300),
  '2026-11-20T10:00:00Z',
  '10.0.0.1',
]

const text = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 1, arbitrary: fc.string({ maxLength: 8, unit: 'grapheme' }).map(knownCharacters) },
  { weight: 1, arbitrary: fc.string({ maxLength: 4, unit: 'binary' }).map(knownCharacters) },
)

/** Unicode grows, and JavaScript's is newer than the engine's: characters that one of them does not know stay out. */
function knownCharacters(given: string): string {
  return Array.from(given)
    .filter((character) => isOld(character.codePointAt(0) ?? 0))
    .join('')
}

function isOld(code: number): boolean {
  return code < 0x250 || (code >= 0x370 && code < 0x400) || (code >= 0xd800 && code < 0xe000)
}

const word = fc.constantFrom('prod', 'Prod', 'secret', 'Secret', 'ops-admin', 'kubernetes', 'x', 'é', 'team.create')
const number = fc.oneof(
  fc.constantFrom(0, 1, -1, 5, 200, 404, 1.5, -0.25, 1e3, 1e21, 1e-7, 123456789012345680000, 2 ** 53, 0.1 + 0.2, 1e20),
  fc.integer({ min: -20, max: 600 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const whole = fc.oneof(fc.constantFrom(0, 5, 200, 404, 2 ** 53 - 1), fc.integer({ min: -20, max: 600 }))
const address = fc.constantFrom(
  '10.0.0.1',
  '10.0.0.9',
  '10.255.255.255',
  '11.0.0.1',
  '::ffff:10.0.0.1',
  '::FFFF:10.0.0.9',
  '::1',
  '::',
  '2001:db8::1',
  '2001:0DB8:0:0::1',
  'fe80::1%eth0',
  '::10.0.0.1',
  '2001:db8:0:0:1:0:0:1',
)
const time = fc.constantFrom(
  '2026-11-20T10:00:00Z',
  '2026-11-20T10:00:00.123Z',
  '2026-11-20T10:00:00.123456Z',
  '2026-11-20T10:00:00.123456789Z',
  '2026-11-20T12:00:00.5+02:00',
  '2026-11-20t10:00:00z',
  '2026-11-20 23:59:60Z',
  '2026-02-29T00:00:00Z',
  '2024-02-29T00:00:00Z',
  '1900-02-29T00:00:00Z',
  '2000-02-29T23:59:59.999999-11:30',
  '1969-12-31T23:59:59.999Z',
  '1600-03-01T00:00:00Z',
  '0099-01-01T00:00:00Z',
  '2200-01-01T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-11-20',
  'yesterday',
)
const timestamp = fc.constantFrom(
  '2026-11-20T10:00:00.000Z',
  '2026-11-20T10:00:00.123Z',
  '2026-11-20T10:00:00.123456Z',
  '2026-11-21T00:00:00.000Z',
  '2026-11-22T08:00:00.250Z',
  '1969-12-31T23:59:59.999Z',
  '1970-01-01T00:00:00.000Z',
  '2199-12-31T23:59:59.999999Z',
  '2200-01-01T00:00:00.000Z',
  '2400-01-01T00:00:00.000Z',
)

const json: fc.Arbitrary<Json> = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(text, number, fc.boolean(), fc.constant(null)),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(key(), tie('json'), { maxKeys: 3 }),
  ),
})).json

function key(): fc.Arbitrary<string> {
  return fc.constantFrom('name', 'a', 'b', "o'brien", 'a b', '__proto__', 'constructor', 'é', 'x"y', 'p\\q', '1', '0')
}

const some = { requiredKeys: [] as [] }
const texts = fc.array(text, { maxLength: 3 })
const kind = fc.constantFrom('person' as const, 'service' as const, 'system' as const)
const user = {
  kind,
  id: text,
  name: text,
  email: fc.oneof(text, fc.constantFrom('alice@example.com', 'bob@example.com')),
  full_name: text,
  roles: texts,
  group: fc.record({ name: texts }),
}
const resource = fc.record({ type: word, id: text, name: fc.oneof(text, word), namespace: word }, some)
const policy = fc.record({ name: word, type: text, effect: fc.constantFrom('allow', 'deny') }, some)

/** Of the shapes that decoders make: declared fields have their declared type; what is open or unknown has any. */
export const anyEvent: fc.Arbitrary<AuditEvent> = fc.record(
  {
    '@timestamp': timestamp,
    event: fc.record(
      {
        action: fc.oneof(text, word),
        outcome: fc.constantFrom('success' as const, 'failure' as const, 'unknown' as const),
        dataset: fc.oneof(word, text),
        kind: fc.constantFrom('event', 'alert'),
        category: fc.array(fc.constantFrom('api', 'iam', 'IAM'), { maxLength: 2 }),
        type: fc.array(fc.constantFrom('denied', 'access'), { maxLength: 2 }),
        reason: text,
        code: text,
        created: time,
        duration: whole,
        original: fc.oneof(
          text,
          json.map((value) => JSON.stringify(value)),
        ),
      },
      some,
    ),
    user: fc.record({ ...user, target: fc.record(user, some), effective: fc.record(user, some) }, some),
    source: fc.record({ ip: address, port: whole, address: text }, some),
    client: fc.record({ ip: address }, some),
    user_agent: fc.record({ original: text }, some),
    audit: fc.record(
      {
        resource: fc.array(resource, { maxLength: 3 }),
        authz: fc.record(
          {
            decision: fc.constantFrom('allow' as const, 'deny' as const, 'staged' as const),
            reason: text,
            policies: fc.array(policy, { maxLength: 2 }),
            path: texts,
          },
          some,
        ),
        authn: fc.record({ method: word, mfa: fc.boolean() }, some),
        change: fc.array(fc.record({ path: text, old: json, new: json }, { requiredKeys: ['path'] }), { maxLength: 2 }),
        request: json,
        reason: text,
      },
      some,
    ),
    http: fc.record({ request: fc.record({ id: text }), response: fc.record({ status_code: whole }) }, some),
    vulnerability: fc.record({ score: fc.record({ base: number }) }, some),
    orchestrator: fc.record({ cluster: fc.record({ name: word }) }, some),
    host: fc.record({ name: word, ip: fc.array(address, { maxLength: 2 }) }, some),
    related: fc.record({ ip: fc.array(address, { maxLength: 2 }), user: texts }, some),
    labels: fc.dictionary(key(), text, { maxKeys: 2 }),
    tags: texts,
    message: text,
    unknown_thing: json,
    whodid: fc.record({ natural_id: text, category: texts, parser: word, trust: texts }, some),
  },
  { requiredKeys: ['@timestamp', 'event'] },
)

const TEXT_FIELDS = [
  'actor',
  'user',
  'user.name',
  'user.id',
  'user.email',
  'user.full_name',
  'user.roles',
  'user.group.name',
  'user.target.name',
  'user.target.roles',
  'user.effective.name',
  'user.effective.id',
  'action',
  'dataset',
  'category',
  'type',
  'event.kind',
  'event.reason',
  'event.code',
  'event.original',
  'id',
  'source.address',
  'agent',
  'resource',
  'resource.type',
  'resource.id',
  'namespace',
  'policy',
  'policy.type',
  'audit.authz.reason',
  'audit.authz.path',
  'method',
  'changed',
  'audit.change.old',
  'audit.change.new.name',
  'audit.change.new.a.b',
  'reason',
  'audit.request',
  'audit.request.a',
  'audit.request.name.b',
  'audit.request.__proto__',
  'request',
  'cluster',
  'host',
  'related.user',
  'tag',
  'message',
  'whodid.natural_id',
  'whodid.category',
  'whodid.parser',
  'whodid.trust',
  'source',
  'stream',
  'log',
]
const CHOICES = new Map([
  ['outcome', ['success', 'failure', 'unknown', 'Success']],
  ['decision', ['allow', 'deny', 'staged']],
  ['kind', ['person', 'service', 'agent']],
  ['mfa', ['true', 'false']],
  ['whodid.conflict', ['true', 'false']],
  ['whodid.imported', ['true', 'false']],
])
const OBJECTS = [
  'audit',
  'audit.change',
  'change',
  'audit.resource',
  'user.target',
  'labels',
  'user.group',
  'host',
  'http',
  'audit.authz',
]
const ADDRESS_FIELDS = ['ip', 'client.ip', 'host.ip', 'related.ip']
const NUMBER_FIELDS = [
  'http.response.status_code',
  'event.duration',
  'source.port',
  'vulnerability.score.base',
  'whodid.index',
]
const DATE_FIELDS = ['@timestamp', 'event.created', 'event.ingested', 'time']

const label = key().map((name) => `labels.${name}`)
const textField = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...TEXT_FIELDS) }, { weight: 1, arbitrary: label })

const value = fc
  .oneof(text, word)
  .filter((each) => each !== '')
  .map(printValue)
const pattern = fc
  .array(
    fc.oneof(
      fc.constant(''),
      text.map((each) => each.slice(0, 3)),
      text.map((each) => each.slice(-2)),
    ),
    { minLength: 2, maxLength: 4 },
  )
  .map((pieces) => pieces.filter((piece, at) => piece !== '' || at === 0 || at === pieces.length - 1))
  .filter((pieces) => pieces.length > 1)
  .map(escapeWord)
const textTerm = fc
  .tuple(
    textField,
    fc.array(fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: pattern }), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([field, values]) => `${escapeName(field)}:${values.join(',')}`)
const choiceTerm = fc
  .constantFrom(...CHOICES.entries())
  .chain(([field, values]) => fc.tuple(fc.constant(field), fc.constantFrom(...values, 't*', '*e*')))
  .map(([field, each]) => `${field}:${each}`)
const presence = fc
  .tuple(
    fc.constantFrom('has', 'missing'),
    fc.oneof(
      textField,
      fc.constantFrom(...OBJECTS, ...ADDRESS_FIELDS, ...NUMBER_FIELDS, ...DATE_FIELDS, ...CHOICES.keys()),
    ),
  )
  .map(([has, field]) => `${has}:${printValue(field)}`)
const addressTerm = fc
  .tuple(
    fc.constantFrom(...ADDRESS_FIELDS),
    fc.oneof(
      address.filter((each) => !each.includes('%')),
      fc.constantFrom(
        '10.0.0.0/8',
        '10.0.0.0/30',
        '::/0',
        '0.0.0.0/0',
        '2001:db8::/32',
        '::ffff:10.0.0.0/104',
        '10.0.0.1..10.0.0.9',
        '::/128',
        '10.0.0.1/32',
      ),
    ),
  )
  .map(([field, each]) => `${field}:${each}`)
const op = fc.constantFrom('', '>', '>=', '<', '<=')
const writtenNumber = fc.oneof(
  fc.constantFrom('0', '5', '200', '404', '1.5', '-0.25', '1e3', '-1', '0.1', '1e21', '123456789012345680'),
  fc.integer({ min: -20, max: 600 }).map(String),
)
const numberTerm = fc
  .tuple(
    fc.constantFrom(...NUMBER_FIELDS),
    fc.oneof(
      fc.tuple(op, writtenNumber).map(([sign, each]) => sign + each),
      fc.constantFrom('0..5', '*..200', '200..*', '200..404', '-1..1.5'),
    ),
  )
  .map(([field, each]) => `${field}:${each}`)
const writtenTime = fc.constantFrom(
  '2026-11-20',
  '2026-11',
  '"2026-11-20 10:00"',
  '2026-11-20T10:00:00Z',
  '2026-11-20T10:00:00.123456Z',
  '2026-11-20T10:00:00.123Z',
  '7d',
  'now-2d',
  'yesterday',
  '1969-12-31',
  '2024-02-29',
  '2000-03-01',
  '2300-01-01',
  '1795000000000',
  '1600-03-01',
)
const dateTerm = fc
  .tuple(
    fc.constantFrom(...DATE_FIELDS),
    fc.oneof(
      fc.tuple(op, writtenTime).map(([sign, each]) => sign + each),
      fc.constantFrom('2026-11-20..2026-11-21', '1969-01-01..*', '..2026-11-20'),
    ),
  )
  .map(([field, each]) => `${field}:${each}`)
const edge = fc.tuple(fc.constantFrom('since', 'until'), writtenTime).map(([name, each]) => `${name}:${each}`)
const freeText = fc.oneof(
  fc.oneof(text, word).filter(hasWord).map(quote),
  fc
    .tuple(text, text)
    .map((both) => both.join(' '))
    .filter(hasWord)
    .map(quote),
  fc.constantFrom(
    'ali*',
    '*ice',
    's*t',
    'alice',
    'SECRET',
    '5',
    'team*create',
    'kel*',
    'i*l',
    '404',
    'success',
    'sample',
    '日本*',
  ),
)

function hasWord(given: string): boolean {
  return /[\p{L}\p{N}]/u.test(given)
}

const term = fc.oneof(
  { weight: 8, arbitrary: textTerm },
  { weight: 2, arbitrary: choiceTerm },
  { weight: 3, arbitrary: presence },
  { weight: 2, arbitrary: addressTerm },
  { weight: 2, arbitrary: numberTerm },
  { weight: 2, arbitrary: dateTerm },
  { weight: 1, arbitrary: edge },
  { weight: 4, arbitrary: freeText },
)

/** Text of a query that is right. */
export const anyQuery: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: term },
  {
    weight: 2,
    arbitrary: fc.letrec<{ query: string }>((tie) => ({
      query: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        term,
        fc.tuple(tie('query'), tie('query')).map(([a, b]) => `(${a}) (${b})`),
        fc.tuple(tie('query'), tie('query')).map(([a, b]) => `(${a} OR ${b})`),
        tie('query').map((each) => `-(${each})`),
      ),
    })).query,
  },
)
