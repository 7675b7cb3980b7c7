import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { casesOf, decodeExample } from '../../test/format-fixtures.ts'
import { secretSamples } from '../../test/secret-samples.ts'
import type { AuditEvent, Json } from '../domain/event.ts'
import type { DecodedEvent } from '../formats/format.ts'
import { FORMAT_NAMES, configuredFormat } from '../formats/formats.ts'
import { DEFAULT_MASKS } from './default-masks-names.ts'
import { compileDefaultMasks } from './default-masks.ts'

const S = 'hunter2secret'
const SCOPE = { source: 'shop', stream: 'default' }
const ID = new Uint8Array(16)

function anEvent(more: Partial<AuditEvent> & { original?: string } = {}): DecodedEvent {
  const { original, event, ...rest } = more
  const fields = { action: 'sample', ...event, ...(original !== undefined && { original }) }
  return { event: { '@timestamp': '2026-11-20T14:02:15.000Z', event: fields, ...rest } }
}

function judge(decoded: DecodedEvent, off: readonly string[] = []): DecodedEvent {
  const ruling = compileDefaultMasks({ defaultMasksOff: off }).judge(decoded, SCOPE, ID, () => undefined)
  return ruling?.kind === 'keep' ? ruling.decoded : decoded
}

/** What is left of `audit.request`. */
const left = (request: Json) => judge(anEvent({ audit: { request } })).event.audit?.request

test.each([
  [{ Password: S }, { Password: '[masked secret/password]' }],
  [{ headers: { Authorization: [S] } }, { headers: { Authorization: ['[masked secret/authorization]'] } }],
  [{ h: [{ name: 'Cookie', value: S }] }, { h: [{ name: 'Cookie', value: '[masked secret/cookie]' }] }],
  [
    { value: S, name: 'DB_PASSWORD' },
    { value: '[masked secret/password]', name: 'DB_PASSWORD' },
  ],
  [
    { key: 'api_key', value: { stringValue: S } },
    { key: 'api_key', value: { stringValue: '[masked secret/api-key]' } },
  ],
  [
    [{ op: 'add', path: '/spec/clientSecret', value: S }],
    [{ op: 'add', path: '/spec/clientSecret', value: '[masked secret/secret]' }],
  ],
  [
    { password: { old: S, new: 'x1' } },
    { password: { old: '[masked secret/password]', new: '[masked secret/password]' } },
  ],
  [{ password: 12345678 }, { password: '[masked secret/password]' }],
  [
    ['Host', 'x', 'Authorization', S],
    ['Host', 'x', 'Authorization', '[masked secret/authorization]'],
  ],
  [
    ['mysql', '-pcorrect7horse', 'shop'],
    ['mysql', '-p[masked secret/command-line]', 'shop'],
  ],
  [
    ['tool', '--token', S],
    ['tool', '--token', '[masked secret/token]'],
  ],
  [
    { kind: 'Secret', stringData: { a: S } },
    { kind: 'Secret', stringData: { a: '[masked secret/kubernetes-secret]' } },
  ],
  [
    { kind: 'SecretList', items: [{ data: { a: S } }] },
    { kind: 'SecretList', items: [{ data: { a: '[masked secret/kubernetes-secret]' } }] },
  ],
  [
    { kind: 'TokenRequest', status: { token: S, expirationTimestamp: 'soon' } },
    { kind: 'TokenRequest', status: { token: '[masked secret/token]', expirationTimestamp: 'soon' } },
  ],
  [{ data_base64: btoa(`{"password":"${S}"}`) }, { data_base64: '[masked secret/password]' }],
  [{ accessKeyId: 'AKIAIOSFODNN7EXAMPLE' }, { accessKeyId: 'AKIAIOSFODNN7EXAMPLE' }],
])('masks of %j what is secret', (request, wanted) => {
  expect(left(request)).toEqual(wanted)
})

test.each([
  { token_type: 'bearer', password_changed_at: '2026-11-20', secretName: 'db', keyId: 'x', resource: 'tokens' },
  { volumes: [{ secret: { secretName: 'db', items: [{ key: 'token', path: 'token' }] } }] },
  { env: [{ name: 'DB', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }] },
  { kind: 'ConfigMap', data: { region: 'eu' } },
  { resources: ['secrets', 'configmaps'], methods: ['password', 'publickey'] },
  { password: true, token: null, secret: '', max_token: 5, authorization: 'RBAC' },
  { session_id: '6749a1b2.4d2', pwd: '/home/ada' },
])('leaves %j as it is', (request) => {
  expect(left(request)).toEqual(request)
})

test('a record that holds no secret is handed on as it is, and so is every example of every format that holds none', () => {
  const family = compileDefaultMasks({ defaultMasksOff: [] })
  const touched = FORMAT_NAMES.flatMap((format) =>
    casesOf(format).flatMap(({ name, format: configured, bytes }) => {
      const decoded = decodeExample(configured, bytes)
      const events = decoded.kind === 'events' ? decoded.events : []
      return events.filter((event) => family.judge(event, SCOPE, ID, () => undefined) !== undefined).map(() => name)
    }),
  )

  expect(touched).toEqual([])
})

test('a change is masked by the last key of its path', () => {
  const change = [
    { path: '/data/user', old: 'ada', new: 'eve' },
    { path: '/data/db_password', old: S, new: `${S}2` },
  ]

  expect(judge(anEvent({ audit: { change } })).event.audit?.change).toEqual([
    change[0],
    { path: '/data/db_password', old: '[masked secret/password]', new: '[masked secret/password]' },
  ])
})

test('says what was masked and by which rule, tells the account once, and keeps what the format said', () => {
  const told: string[] = []
  const decoded = {
    ...anEvent({ message: `password=${S}`, original: `x password=${S} y` }),
    masked: [{ path: 'a', rule: 'b' }],
  }

  const ruling = compileDefaultMasks({ defaultMasksOff: [] }).judge(decoded, SCOPE, ID, (rule, did) =>
    told.push(`${did} ${rule}`),
  )

  expect(told).toEqual(['change secret/password'])
  expect(ruling).toMatchObject({
    decoded: {
      event: {
        message: 'password=[masked secret/password]',
        event: { original: 'x password=[masked secret/password] y' },
      },
      masked: [
        { path: 'a', rule: 'b' },
        { path: 'message', rule: 'secret/password' },
        { path: 'event.original', rule: 'secret/password' },
      ],
    },
  })
})

test('all of an original that is no secret stays byte for byte', () => {
  const original = `{ "a" : 1.0, "a":2,\t"n":12345678901234567890, "\\u0070assword" : "${S}", "z":"\\/\\u00e9" }`

  expect(judge(anEvent({ original })).event.event.original).toBe(original.replace(S, '[masked secret/password]'))
})

test('looks into JSON in texts, four deep, and masks nothing twice', () => {
  let nested = JSON.stringify({ password: `${S}"\\` })
  for (let n = 0; n < 4; n++) nested = JSON.stringify({ [`n${n}`]: nested })

  const once = judge(anEvent({ original: nested, message: nested }))

  expect(JSON.stringify(once)).not.toContain(S)
  expect(() => void JSON.parse(once.event.event.original ?? '')).not.toThrow()
  expect(judge(once)).toEqual(once)
})

test('what is secret under its name stands nowhere else, but who did what stays', () => {
  const decoded = anEvent({
    audit: { request: { password: 'ada-lovelace' }, resource: [{ type: 'account', name: 'ada-lovelace' }] },
    user: { name: 'ada-lovelace' },
    message: 'set to ada-lovelace',
    process: { command_line: 'set ada-lovelace' },
    original: 'cs1Label=password cs1=ada-lovelace url=ada%2Dlovelace',
  })

  const { event } = judge(decoded)

  expect(event).toMatchObject({
    user: { name: 'ada-lovelace' },
    audit: { resource: [{ name: 'ada-lovelace' }] },
    message: 'set to [masked secret/password]',
    process: { command_line: 'set [masked secret/password]' },
  })
  expect(event.event.original).not.toContain('ada-lovelace')
})

test('an original that is no text is looked through as bytes', () => {
  const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(`password=${S} é`), Buffer.from([0x80])])

  const { originalBase64 = '' } = judge({ ...anEvent(), originalBase64: bytes.toString('base64') })

  expect(Buffer.from(originalBase64, 'base64')).toEqual(
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('password=[masked secret/password] é'), Buffer.from([0x80])]),
  )
})

test('each mask takes its sample out of body, JSON in a text and original, and none that is switched off', () => {
  for (const { rule, secret, json } of secretSamples('Jn3Yc')) {
    const text = JSON.stringify(json)
    const decoded = anEvent({ audit: { request: { ...json, inside: text } }, message: text, original: text })

    expect([rule, JSON.stringify(judge(decoded)).includes(secret)]).toEqual([rule, false])
    expect([rule, judge(decoded).masked?.some((each) => each.rule === rule)]).toEqual([rule, true])
    expect([rule, judge(decoded, [rule]).masked?.some((each) => each.rule === rule) ?? false]).toEqual([rule, false])
  }
})

test.each([
  [
    'mariadb-audit',
    "20261120 14:02:15,db1,root,localhost,7,12,QUERY,shop,'CREATE USER \\'x\\'@\\'%\\' IDENTIFIED BY \\'correct7horse\\'',1396",
  ],
  [
    'cef',
    'CEF:0|V|P|1|100|Login|5|suser=ada cs1Label=password cs1=correct7horse request=https://x/?token=correct7horse',
  ],
  [
    'auth-log',
    'Nov 20 14:03:10 bastion sudo:    ada : TTY=pts/2 ; PWD=/home/ada ; USER=root ; COMMAND=/usr/bin/mysql -pcorrect7horse',
  ],
  [
    'pgaudit',
    JSON.stringify({
      timestamp: '2026-11-20 09:14:05.120 UTC',
      user: 'erin',
      dbname: 'shop',
      pid: 812,
      session_id: '6749a1b2.4d2',
      line_num: 2,
      error_severity: 'ERROR',
      state_code: '42710',
      message: 'role "x" already exists',
      statement: "CREATE ROLE x LOGIN PASSWORD 'correct7horse'",
    }),
  ],
])('takes the secret out of a record of %s, wherever its decoder puts it', (name, line) => {
  const decoded = decodeExample(configuredFormat(name, undefined), Buffer.from(line))
  const [event] = decoded.kind === 'events' ? decoded.events : []

  expect(JSON.stringify(event)).toContain('correct7horse')
  expect(JSON.stringify(event && judge(event))).not.toContain('correct7horse')
})

test('our own trail is nothing of its', () => {
  const decoded = anEvent({ event: { dataset: 'whodid.access' }, message: `password=${S}` })

  expect(judge(decoded)).toBe(decoded)
})

test('the page names every mask, and its examples are true', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/rules/default-masks.md'), 'utf8')
  const examples = [...page.matchAll(/^\| `(?!secret\/)([^`]+)` \| `([^`]+)` \|$/gm)]

  expect(DEFAULT_MASKS.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([])
  expect(examples.length).toBeGreaterThan(7)
  for (const [, sent = '', kept] of examples) {
    const { event } = judge(anEvent({ message: sent, original: sent }))
    expect([event.message, event.event.original]).toEqual([kept, kept])
  }
})

test('whatever an event and its original hold, JSON stays JSON and the event an event', () => {
  const words = [
    'password',
    'token"',
    "'secret",
    'Authorization',
    'value',
    'name',
    'kind',
    'Secret',
    'data',
    'old',
    '[',
    '{"a"',
    '=',
    ': ',
    '\\',
    '\\"',
    '"',
    "'",
    ' -p',
    'mysql',
    '\n',
    '%22',
    '$$',
    'é',
    '\ud800',
    '7',
    S,
  ]
  const text = fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((parts) => parts.join(''))
  const { value } = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      text,
      fc.constantFrom<Json>(null, true, 12345678),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...words), text), tie('value'), { maxKeys: 4 }),
      tie('value').map((inner) => JSON.stringify(inner)),
    ),
  }))
  fc.assert(
    fc.property(
      value,
      fc.oneof(
        text,
        value.map((each) => JSON.stringify(each)),
      ),
      (request, original) => {
        const bytes = Buffer.from(original).toString('base64')
        const once = judge({ ...anEvent({ audit: { request }, original }), originalBase64: bytes })

        // A number alone is a text like any other: no format takes it for JSON.
        if (!/^\d/.test(original) && isJson(original)) expect(isJson(once.event.event.original ?? '')).toBe(true)
        expect(once.event.audit).toHaveProperty('request')
      },
    ),
    { numRuns: 1500 },
  )
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
