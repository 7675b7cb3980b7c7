import { describe, expect, test } from 'vitest'
import type { AuditEvent, JsonObject } from '../domain/event.ts'
import type { DecodedEvent } from '../formats/format.ts'
import { compileRules } from './compile.ts'
import { parseExpressionRules } from './expressions.ts'
import { deriveRuleKeys } from './masks-hash.ts'
import { createLiterals } from './masks-literals.ts'
import { NO_RULES } from './rule-set.ts'

const CARD = '4111111111111111'

test('masks a named field, also in the original, and says which rule did', () => {
  const event = anEvent({ user: { name: 'ada', email: 'ada@example.com' }, original: '{"mail":"ada@example.com"}' })

  const masked = mask(event, { paths: ['user.email'], how: 'remove' })

  expect(masked.event.user).toEqual({ name: 'ada', email: '[masked]' })
  expect(masked.event.event.original).toBe('{"mail":"[masked]"}')
  expect(masked.masked).toEqual([{ path: 'user.email', rule: 'rule/a' }])
})

describe('leaves of a value', () => {
  test.each([
    ['remove', undefined, '[masked]'],
    ['last-four', undefined, '…1111'],
    ['truncate', 6, '411111…'],
    ['show-first', 4, '4111************'],
    ['show-last', 2, '**************11'],
    ['show-email-host', undefined, '[masked]'],
    ['hash', undefined, expect.stringMatching(/^hash:[\w-]{22}$/)],
  ])('%s %s: %s', (how, length, left) => {
    const event = anEvent({ request: { card: CARD }, original: `{"card":"${CARD}"}` })
    const masked = mask(event, { paths: ['audit.request.card'], how, ...(length !== undefined && { length }) })
    expect(masked.event.audit?.request).toEqual({ card: left })
    expect(JSON.stringify(masked)).not.toContain(CARD)
  })

  test.each([
    ['last-four', undefined, '1234567'],
    ['truncate', 3, 'abc'],
    ['show-first', 4, 'abcd'],
  ])('%s nothing, when it would be all or nearly all of it', (how, length, value) => {
    const event = anEvent({ request: { card: value } })
    const masked = mask(event, { paths: ['audit.request.card'], how, ...(length !== undefined && { length }) })
    expect(masked.event.audit?.request).toEqual({ card: '[masked]' })
  })

  test('an e-mail address its host', () => {
    const event = anEvent({ user: { email: 'john@corp.org' } })
    expect(mask(event, { paths: ['user.email'], how: 'show-email-host' }).event.user?.email).toBe('****@corp.org')
    expect(mask(event, { paths: ['user.email'], how: 'show-email-part' }).event.user?.email).toBe('j***@corp.org')
  })

  test('the same hash for the same value in any case, under one key', () => {
    const hashOf = (email: string, key: number) =>
      mask(anEvent({ user: { email } }), { paths: ['user.email'], how: 'hash' }, key).event.user?.email
    expect(hashOf('ada@example.com', 1)).toBe(hashOf('Ada@Example.com', 1))
    expect(hashOf('ada@example.com', 1)).not.toBe(hashOf('bob@example.com', 1))
    expect(hashOf('ada@example.com', 1)).not.toBe(hashOf('ada@example.com', 2))
  })

  test('nothing at all where no text can stand', () => {
    const event = anEvent({ source: { ip: '10.1.2.3', port: 44321, address: 'x' } })
    const masked = mask(event, { paths: ['source.ip', 'source.port'], how: 'remove' })
    expect(masked.event.source).toEqual({ address: 'x' })
  })
})

describe('finds places', () => {
  const request = { a: { card: CARD, b: [{ card: 'ab' }, { card: { number: CARD } }] }, cards: 'no' }
  test.each([
    ['audit.request.**.card', { a: { card: M(), b: [{ card: M() }, { card: M() }] }, cards: 'no' }],
    ['audit.request.*.card', { a: { card: M(), b: request.a.b.map((each) => ({ ...each })) }, cards: 'no' }],
    ['audit.request.a.b.card', { a: { card: CARD, b: [{ card: M() }, { card: M() }] }, cards: 'no' }],
    ['audit.request.a', { a: M(), cards: 'no' }],
    ['**.cards', { ...request, cards: M() }],
  ])('%s', (path, left) => {
    // The same number as a copy elsewhere would be replaced too: here only places are looked at.
    const distinct = JSON.parse(JSON.stringify(request).replace(`"number":"${CARD}"`, '"number":"x"')) as JsonObject
    const wanted: unknown = JSON.parse(JSON.stringify(left).replace(`"number":"${CARD}"`, '"number":"x"'))
    expect(mask(anEvent({ request: distinct }), { paths: [path], how: 'remove' }).event.audit?.request).toEqual(wanted)
  })

  test('under names with dots', () => {
    const masked = mask(anEvent({ labels: { 'team.name': 'reds', team: 'x' } }), {
      paths: ['labels.team.name'],
      how: 'remove',
    })
    expect(masked.event.labels).toEqual({ 'team.name': '[masked]', team: 'x' })
    const all = mask(anEvent({ labels: { 'team.name': 'reds', team: 'x' } }), { paths: ['labels.*'], how: 'remove' })
    expect(all.event.labels).toEqual({ 'team.name': '[masked]', team: '[masked]' })
  })
})

test('what stands nowhere leaves the event as it is', () => {
  const event = anEvent({ original: '{"x":1}' })
  expect(mask(event, { paths: ['user.email', 'audit.request.**.card'], how: 'remove' })).toEqual({ event })
})

test('masks add up, and the first one to name a place decides how', () => {
  const event = anEvent({ user: { name: 'adalovelace', email: 'ada@example.com' } })
  const masked = maskAll(event, [
    { paths: ['user.email'], how: 'last-four' },
    { paths: ['user.*'], how: 'remove' },
  ])
  expect(masked.event.user).toEqual({ name: '[masked]', email: '….com' })
  expect(masked.masked).toEqual([
    { path: 'user.name', rule: 'rule/b' },
    { path: 'user.email', rule: 'rule/a' },
  ])
})

test('replaces the same text wherever else it is in the event: in texts, keys and natural ids', () => {
  const event = anEvent({
    user: { name: 'ada@example.com', email: 'ada@example.com' },
    request: { by: ['ada@example.com'], to: { 'ada@example.com': 1 }, n: 4111111111111111 },
    message: 'ada@example.com did it',
  })
  const masked = maskAll({ ...event, event: { ...event.event, action: 'tell ada@example.com' } }, [
    { paths: ['user.email'], how: 'remove' },
  ])
  expect(JSON.stringify(masked)).not.toContain('ada@example.com')
  expect(masked.event.event.action).toBe('tell [masked]')
  expect(masked.event.message).toBe('[masked] did it')
})

describe('takes a text out of an original', () => {
  const encoded = Buffer.from(`user:${CARD}!`).toString('base64')
  test.each([
    ['JSON, byte for byte as it was otherwise', `{ "a" : [1,  "${CARD}"] }\n`, `{ "a" : [1,  "[masked]"] }\n`],
    ['a number', `{"a":${CARD}}`, `{"a":"[masked]"}`],
    ['a key', `{"${CARD}":1}`, `{"[masked]":1}`],
    ['escapes', `{"a":"\\u0034${CARD.slice(1)}"}`, `{"a":"[masked]"}`],
    ['JSON in a text', JSON.stringify({ a: JSON.stringify({ b: CARD }) }), JSON.stringify({ a: '{"b":"[masked]"}' })],
    ['text', `<13>card=${CARD} ok`, '<13>card=[masked] ok'],
    ['base64', `basic ${encoded} of ${CARD}`, expect.not.stringContaining(encoded.slice(8, 24))],
    ['a broken record', `{"a":"${CARD}`, `{"a":"[masked]"`],
  ])('%s', (_, original, left) => {
    const masked = mask(anEvent({ request: { card: CARD }, original }), CARDS)
    expect(masked.event.event.original).toEqual(left)
    expect(JSON.stringify(masked)).not.toContain(CARD)
  })

  test('also where only the record has it, under the key that the rule names', () => {
    const original = '{"x":{"card":"a secret"},"y":"{\\"card\\":[1,2]}"}'
    const masked = mask(anEvent({ original }), CARDS)
    expect(masked.event.event.original).toBe('{"x":{"card":"[masked]"},"y":"{\\"card\\":\\"[masked]\\"}"}')
    expect(masked.masked).toEqual([{ path: 'event.original', rule: 'rule/a' }])
  })
})

describe('drops the whole original', () => {
  test.each([
    ['when the text is not found in it', anEvent({ request: { card: CARD }, original: 'card=41 11' })],
    ['when the text is too short to be told from others', anEvent({ request: { card: '7' }, original: 'got 7 of 9' })],
  ])('%s', (_, event) => {
    const masked = mask(event, CARDS)
    expect(masked.event.event.original).toBeUndefined()
    expect(masked.masked).toContainEqual({ path: 'event.original', rule: 'rule/a' })
  })

  test('when it is no text', () => {
    const decoded = { event: anEvent({ request: { card: CARD } }), originalBase64: 'AAAA' }
    const masked = maskDecoded(decoded, [CARDS])
    expect(masked.originalBase64).toBeUndefined()
    expect(masked.masked).toContainEqual({ path: 'whodid.original_base64', rule: 'rule/a' })
  })

  test('when a rule says so', () => {
    const masked = mask(anEvent({ original: 'x' }), { paths: ['event.original'], how: 'remove' })
    expect(masked).toEqual({
      event: anEvent({}),
      masked: [{ path: 'event.original', rule: 'rule/a' }],
    })
  })
})

test('what the ledger says of every event stays, also under a wildcard', () => {
  const masked = mask(anEvent({ request: { action: 'x', outcome: 'y' } }), { paths: ['**.action'], how: 'remove' })
  expect(masked.event.event.action).toBe('pay')
  expect(masked.event.audit?.request).toEqual({ action: '[masked]', outcome: 'y' })
})

test('looks for many texts in a megabyte in one pass', () => {
  const nested = Array.from({ length: 60 }, (_, n) => `${'a'.repeat(500)}${n}b`)
  const literals = createLiterals(nested.map((text) => ({ text, replacement: 'x' })))
  const before = performance.now()
  expect(literals.replace('a'.repeat(1 << 20))).toBeUndefined()
  // Going back for each of them would take minutes.
  expect(performance.now() - before).toBeLessThan(20_000)
})

test('a longer text than is looked for takes all that follows its beginning', () => {
  const long = 'x'.repeat(600)
  const masked = mask(anEvent({ request: { card: long, note: `a ${long} b` } }), CARDS)
  expect(masked.event.audit?.request).toEqual({ card: '[masked]', note: 'a [masked]' })
})

const CARDS = { paths: ['audit.request.**.card'], how: 'remove' }

function M(): string {
  return '[masked]'
}

interface Parts {
  readonly user?: AuditEvent['user']
  readonly source?: AuditEvent['source']
  readonly labels?: AuditEvent['labels']
  readonly request?: JsonObject
  readonly message?: string
  readonly original?: string
}

function anEvent({ request, original, ...parts }: Parts): AuditEvent {
  return {
    '@timestamp': '2026-11-24T11:00:00.500Z',
    ...parts,
    ...(request !== undefined && { audit: { request } }),
    event: { action: 'pay', ...(original !== undefined && { original }) },
  } as AuditEvent
}

function mask(event: AuditEvent, rule: object, key = 1): DecodedEvent {
  return maskDecoded({ event }, [rule], key)
}

function maskAll(event: AuditEvent, rules: readonly object[]): DecodedEvent {
  return maskDecoded({ event }, rules)
}

function maskDecoded(decoded: DecodedEvent, rules: readonly object[], key = 1): DecodedEvent {
  const expressions = parseExpressionRules(
    rules.map((rule, n) => ({ name: String.fromCharCode(97 + n), mask: { at: 'intake', ...rule } })),
  )
  const compiled = compileRules({ ...NO_RULES, expressions }, deriveRuleKeys(new Uint8Array(32).fill(key)))
  const ruling = compiled.judge(decoded, { source: 'api', stream: 'default' }, new Uint8Array(16), () => undefined)
  return ruling?.kind === 'keep' ? ruling.decoded : decoded
}
