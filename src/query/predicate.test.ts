import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '../domain/event.ts'
import { isTimeless, rangeOf } from './bounds.ts'
import { parseQuery } from './parse.ts'
import { predicate } from './predicate.ts'

const NOW = Date.UTC(2026, 10, 24, 12)

const deleted: AuditEvent = {
  '@timestamp': '2026-11-24T11:00:00.500Z',
  event: { id: 'AAAAAAAAAAAAAAAAAAAAAA', action: 'delete', outcome: 'success', type: ['deletion'], duration: 1500 },
  user: { kind: 'person', name: 'Alice', email: 'alice@example.com', group: { name: ['ops', 'dev'] } },
  source: { ip: '::ffff:10.1.2.3' },
  audit: {
    resource: [
      { type: 'secret', name: 'db-password', namespace: 'prod' },
      { type: 'pod', name: 'web-1' },
    ],
    authz: { decision: 'allow', policies: [{ name: 'ops-admin' }] },
    request: { spec: { containers: [{ image: 'nginx' }, { image: 'redis' }] } },
  },
  labels: { 'app.kubernetes.io/name': 'shop' },
  message: 'Alice removed the “db password” of PROD',
}

function matches(text: string, event: AuditEvent = deleted): boolean {
  return predicate(parseQuery(text, { now: NOW }))(event)
}

describe('a term', () => {
  test.each([
    ['actor:alice', true],
    ['actor:ALICE@example.com', true],
    ['actor:ali', false],
    ['actor:ali*', true],
    ['actor:*E', true],
    ['action:create,delete', true],
    ['resource:web-1 resource:db-password', true],
    ['resource.type:secret', true],
    ['ip:10.0.0.0/8', true],
    ['ip:10.1.2.3', true],
    ['ip:10.1.2.4', false],
    ['ip:::/0', true],
    ['client.ip:::/0', false],
    ['event.duration:>1000', true],
    ['event.duration:100..1500', true],
    ['event.duration:<1500', false],
    ['labels.app.kubernetes.io/name:shop', true],
    ['audit.request.spec.containers.image:redis', true],
    ['user.group.name:dev', true],
    ['since:2h until:30m', true],
    ['since:30m', false],
    ['@timestamp:2026-11-24', true],
    ['@timestamp:>2026-11-24', false],
    ['id:aaaaaaaaaaaaaaaaaaaaaa', false],
    ['id:AAAA*', true],
    ['has:audit.request.spec', true],
    ['has:on-behalf-of', false],
    ['missing:reason', true],
  ])('%s: %s', (text, answer) => {
    expect(matches(text)).toBe(answer)
  })

  test('about a field that is missing never matches, so its negation does', () => {
    expect(matches('host:web')).toBe(false)
    expect(matches('-host:web')).toBe(true)
    expect(matches('-host:*')).toBe(true)
  })
})

describe('free text', () => {
  test.each([
    ['password', true],
    ['PASSWORD', true],
    ['passwor', false],
    ['passw*', true],
    ['"db password"', true],
    ['"db-password"', true],
    ['"password db"', false],
    ['"removed prod"', false],
    ['namespace', false],
    ['nginx', true],
    ['delete', true],
    ['1500', true],
  ])('%s: %s', (text, answer) => {
    expect(matches(text)).toBe(answer)
  })
})

test('an outcome that nobody said is unknown', () => {
  expect(matches('outcome:unknown', { '@timestamp': '2026-11-24T11:00:00Z', event: {} })).toBe(true)
})

test('a range is what the whole query stands under', () => {
  const range = (text: string) => rangeOf(parseQuery(text, { now: NOW }))

  expect(range('since:7d since:1h until:2026-11-25 a')).toEqual({
    sinceMs: NOW - 3_600_000,
    untilMs: Date.UTC(2026, 10, 25),
  })
  expect(range('since:7d OR a')).toEqual({})
  expect(range('-since:7d')).toEqual({})
})

test('a query is timeless without free text and times from now on', () => {
  const timeless = (text: string) => isTimeless(parseQuery(text, { now: NOW }))

  expect(timeless('actor:a -(action:b OR has:c) since:2026-11-01'.replace('has:c', 'has:policy'))).toBe(true)
  expect(timeless('actor:a since:7d')).toBe(false)
  expect(timeless('-(actor:a OR event.created:>now-1d)')).toBe(false)
  expect(timeless('secret')).toBe(false)
})
