import { describe, expect, test } from 'vitest'
import { stateOf } from '../domain/event.ts'
import { ecs } from './ecs.ts'
import type { DecodedEvent, Reject } from './format.ts'
import { RECORD_LIMIT_BYTES } from './limits.ts'

const CONTEXT = { source: 'builds', now: Date.UTC(2026, 10, 20, 15) }

const SIGN_IN = {
  '@timestamp': '2026-11-20T14:03:22.125Z',
  event: { kind: 'event', category: ['authentication'], type: ['start'], action: 'user-login', outcome: 'success' },
  user: { email: 'alice@acme.example', roles: ['admin'] },
  source: { ip: '192.0.2.1' },
  user_agent: { original: 'Mozilla/5.0' },
}

function decodeText(text: string | Uint8Array): DecodedEvent {
  const decoded = ecs.decode(Buffer.from(text), CONTEXT)
  if (decoded.kind === 'reject') throw new Error(`${decoded.reason}: ${decoded.message}`)
  const [event] = decoded.events
  if (event === undefined) throw new Error('no event')
  return event
}

function decode(record: unknown): DecodedEvent {
  return decodeText(JSON.stringify(record))
}

function rejectOf(record: unknown): Reject {
  const text = typeof record === 'string' || record instanceof Uint8Array ? record : JSON.stringify(record)
  const decoded = ecs.decode(Buffer.from(text), CONTEXT)
  if (decoded.kind !== 'reject') throw new Error('it was taken')
  return decoded
}

test('takes an ECS event as it is, without a second original', () => {
  const decoded = decode(SIGN_IN)
  expect(decoded.event).toEqual(SIGN_IN)
  expect(decoded.naturalId).toBeUndefined()
  expect(decoded.trust).toEqual(['agent:claim'])
})

test('dotted and nested names are the same event', () => {
  const dotted = {
    '@timestamp': '2026-11-20T14:03:22.125Z',
    'event.kind': 'event',
    'event.category': 'authentication',
    'event.type': ['start'],
    event: { action: 'user-login' },
    'event.outcome': 'success',
    'user.email': 'alice@acme.example',
    user: { roles: 'admin' },
    'source.ip': '192.0.2.1',
    'user_agent.original': 'Mozilla/5.0',
  }
  expect(decode(dotted).event).toEqual(SIGN_IN)
})

test('keeps fields that nobody declared, and leaves null out', () => {
  const record = { ...SIGN_IN, acme: { 'shoe.size': [44, null] }, user: { name: 'alice', domain: null, shoe: 44 } }
  expect(decode(record).event).toEqual({
    ...SIGN_IN,
    acme: { 'shoe.size': [44, null] },
    user: { name: 'alice', shoe: 44 },
  })
})

test('the source’s own id names the record, and its time of ingesting is not ours', () => {
  const decoded = decode({ ...SIGN_IN, event: { ...SIGN_IN.event, id: 'e-1', ingested: '2026-11-20T14:03:23Z' } })
  expect(decoded.naturalId).toBe('e-1')
  expect(decoded.event.event).not.toHaveProperty('id')
  expect(decoded.event.event).not.toHaveProperty('ingested')
})

test('a record without a time gets the time of collecting, and says so', () => {
  const { '@timestamp': _time, ...timeless } = SIGN_IN
  const decoded = decode(timeless)
  expect(decoded.event['@timestamp']).toBe('2026-11-20T15:00:00.000Z')
  expect(decoded.trust).toEqual(['time:collected', 'agent:claim'])
})

test('EngFlow’s categories are named in its own words', () => {
  const categoryOf = (category: unknown) => decode({ ...SIGN_IN, event: { action: 'x', category } }).category
  expect(categoryOf(['authentication'])).toEqual(['auth'])
  expect(categoryOf(['iam', 'auth'])).toEqual(['iam', 'auth'])
  expect(categoryOf('file')).toEqual(['file'])
  expect(categoryOf(['api'])).toBeUndefined()
})

test('a file event is about its file, and in a build cache about its digest', () => {
  const resourceOf = (file: unknown, action = 'read') =>
    decode({ event: { action, category: ['file'] }, file }).event.audit?.resource
  expect(resourceOf({ path: 'cas/ab12', hash: { sha256: 'ab12' } })).toEqual([{ type: 'cas', name: 'ab12' }])
  expect(resourceOf({ hash: { sha256: 'ab12' } }, 'ac-write')).toEqual([{ type: 'ac', name: 'ab12' }])
  expect(resourceOf({ path: '/etc/passwd' })).toEqual([{ type: 'file', name: '/etc/passwd' }])
})

test('an event with a denied type is denied', () => {
  const { event } = decode({ event: { action: 'read', outcome: 'failure', type: 'denied' } })
  expect(stateOf(event)).toBe('denied')
})

describe('what the event cannot say is kept verbatim', () => {
  test.each([
    ['a key that is there twice', '{"event":{"action":"a","action":"b"}}'],
    ['a number beyond a double', '{"event":{"action":"a"},"n":12345678901234567891}'],
    ['a number that becomes infinite', '{"event":{"action":"a"},"n":1e999}'],
    ['an offset of its time', '{"@timestamp":"2026-11-20T15:03:22+01:00","event":{"action":"a"}}'],
    ['a time to the nanosecond', '{"@timestamp":"2026-11-20T15:03:22.123456789Z","event":{"action":"a"}}'],
    ['its time of ingesting', '{"event":{"action":"a","ingested":"2026-11-20T15:03:22Z"}}'],
  ])('%s', (_what, text) => {
    expect(decodeText(text).event.event.original).toBe(text)
  })

  test.each([
    ['white space', '{ "event" : {"action":"a"} }\n'],
    ['escapes', '{"event":{"action":"\\u0061"},"q":"a\\"b:c"}'],
    ['numbers that a double holds', '{"event":{"action":"a"},"n":[1.0,-2.5e3,123456789012345]}'],
    ['a time without a fraction', '{"@timestamp":"2026-11-20T15:03:22Z","event":{"action":"a"}}'],
  ])('but not for %s', (_what, text) => {
    expect(decodeText(text).event.event.original).toBeUndefined()
  })
})

test('an offset is reckoned into UTC', () => {
  const { event } = decode({ ...SIGN_IN, '@timestamp': '2026-11-20T15:03:22.125+01:00' })
  expect(event['@timestamp']).toBe('2026-11-20T14:03:22.125Z')
})

test('labels are texts, also where they came as numbers', () => {
  const labels = { team: 'web', 'app.kubernetes.io/name': 'shop', size: 3, beta: true }
  expect(decode({ ...SIGN_IN, labels }).event.labels).toEqual({
    team: 'web',
    'app.kubernetes.io/name': 'shop',
    size: '3',
    beta: 'true',
  })
  expect(decode({ ...SIGN_IN, 'labels.app.kubernetes.io/name': 'shop' }).event.labels).toEqual({
    'app.kubernetes.io/name': 'shop',
  })
})

describe('a wrong type names its field and what it must be', () => {
  test.each([
    [{ user: { name: 7 } }, 'user.name', 'user.name is a number; it must be text'],
    [{ user: 'alice' }, 'user', 'user is a text; it must be an object'],
    [{ 'user.name': ['a', 'b'] }, 'user.name', 'user.name is a list; it must be text'],
    [{ source: { ip: 'here' } }, 'source.ip', 'source.ip is a text; it must be an IP address'],
    [{ source: { port: '22' } }, 'source.port', 'source.port is a text; it must be a whole number'],
    [{ '@timestamp': 1763647402 }, '@timestamp', '@timestamp is a number; it must be an RFC 3339 time with a zone'],
    [
      { 'event.outcome': 'ok' },
      'event.outcome',
      'event.outcome is a text; it must be one of success, failure, unknown',
    ],
    [{ 'user.kind': 'robot' }, 'user.kind', 'it must be one of person, service, system, agent, anonymous'],
    [{ audit: { authn: { mfa: 'yes' } } }, 'audit.authn.mfa', 'it must be true or false'],
    [{ audit: { resource: ['secret'] } }, 'audit.resource', 'audit.resource is a text; it must be an object'],
    [{ labels: { team: {} } }, 'labels.team', 'labels.team is an object; it must be text'],
    [{ user: { name: 'a' }, 'user.name': 'b' }, 'user.name', 'user.name is said twice'],
  ])('%j', (over, path, message) => {
    const reject = rejectOf({ event: { action: 'a' }, ...over })
    expect(reject).toMatchObject({ reason: 'wrong_type', path })
    expect(reject.message).toContain(message)
  })
})

test('nobody says what whodid did', () => {
  for (const over of [{ whodid: { log: 'x' } }, { 'whodid.index': 7 }]) {
    expect(rejectOf({ ...SIGN_IN, ...over })).toMatchObject({ reason: 'claims_whodid', path: 'whodid' })
  }
  for (const dataset of ['whodid.audit', 'WHODID.audit', 'whodid']) {
    expect(rejectOf({ event: { action: 'a', dataset } })).toMatchObject({
      reason: 'claims_whodid',
      path: 'event.dataset',
    })
  }
  expect(decode({ event: { action: 'a', dataset: 'whodidnt.audit' } }).event.event.dataset).toBe('whodidnt.audit')
})

test('an event must say what was done', () => {
  expect(rejectOf({ user: { name: 'alice' } })).toMatchObject({ reason: 'missing_field', path: 'event.action' })
  expect(rejectOf({ event: { action: '' } })).toMatchObject({ reason: 'missing_field' })
})

describe('hostile records', () => {
  test('are each rejected for their own reason', () => {
    expect(rejectOf('{"event":{"action":"a"}').message).toBe('the record is not JSON: it ends too early')
    expect(rejectOf('{"event" "a"}')).toMatchObject({ reason: 'not_json' })
    expect(rejectOf(Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d])).reason).toBe('not_utf8')
    expect(rejectOf('{"event":{"action":"a"},"__proto__":{"x":1}}')).toMatchObject({
      reason: 'wrong_type',
      path: '__proto__',
    })
    expect(rejectOf('{"event":{"action":"a"},"constructor":{"prototype":{"x":1}}}').path).toBe('__proto__')
    expect(rejectOf(`{"event":{"action":"a"},"x":${'['.repeat(65)}${']'.repeat(65)}}`).reason).toBe('too_deep')
    expect(rejectOf('['.repeat(1 << 20)).reason).toBe('not_json')
  })

  test('65 labels are one too many', () => {
    const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${n}`, 'x']))
    expect(rejectOf({ ...SIGN_IN, labels: labels(65) })).toMatchObject({ reason: 'too_large', path: 'labels' })
    expect(Object.keys(decode({ ...SIGN_IN, labels: labels(64) }).event.labels ?? {}).length).toBe(64)
  })

  test('control characters and names of Object’s own are kept as they came', () => {
    const record = { event: { action: 'a\u0000\u001b[31m' }, toString: { valueOf: 1 }, hasOwnProperty: 1 }
    expect(decode(record).event).toMatchObject(record)
  })

  test('of a record beyond the limit the bodies are cut, the largest first', () => {
    const audit = { request: 'x'.repeat(RECORD_LIMIT_BYTES), response: { y: 1 } }
    const decoded = decode({ ...SIGN_IN, audit })
    expect(decoded.event.audit).toEqual({ response: { y: 1 } })
    expect(decoded.truncated).toEqual([
      { path: 'audit.request', bytes: RECORD_LIMIT_BYTES + 2, reason: 'record_limit' },
    ])
    expect(decoded.event.event.original).toBeUndefined()
  })

  test('a record that is large without bodies is rejected', () => {
    expect(rejectOf({ ...SIGN_IN, message: 'x'.repeat(RECORD_LIMIT_BYTES) }).reason).toBe('too_large')
  })

  test('a million keys are taken or rejected in a moment', () => {
    const keys = Array.from({ length: 60_000 }, (_, n) => `"k${n}.a.b":1`).join(',')
    expect(decodeText(`{"event":{"action":"a"},${keys}}`).event.event.action).toBe('a')
  })
})
