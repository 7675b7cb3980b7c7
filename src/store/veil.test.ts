import { expect, test } from 'vitest'
import type { AuditEvent } from '../domain/event.ts'
import { createMask } from '../domain/mask.ts'
import { judgedVisibility } from '../query/visibility.ts'
import type { FieldRule, Visibility } from '../query/visibility.ts'
import { disclosedBlocks, sees, seesLeaf, veiled } from './veil.ts'

const EVENT: AuditEvent = {
  '@timestamp': '2026-11-20T10:00:00.000Z',
  event: { action: 'read', original: '{"user":"ada@example.com"}' },
  user: { name: 'ada', email: 'ada@example.com', target: { email: 'bob@example.com' } },
  audit: {
    resource: [
      { type: 'secret', name: 'db' },
      { type: 'pod', name: 'web' },
    ],
  },
  labels: { 'team.name': 'red', cost: 'high' },
}

const LAST_FOUR: FieldRule = { mask: createMask('last-four', 0, String) }

function seeing(rules: Record<string, FieldRule>): Visibility {
  return judgedVisibility(undefined, new Map(Object.entries(rules)))
}

test('shows everything to one from whom nothing is hidden', () => {
  expect(veiled(EVENT, seeing({}))).toEqual(EVENT)
})

test('takes a hidden field away, in lists and under names with dots too, and the original with it', () => {
  const shown = veiled(
    EVENT,
    seeing({ 'user.email': 'hide', 'audit.resource.name': 'hide', 'labels.team.name': 'hide' }),
  )

  expect(shown).toEqual({
    '@timestamp': '2026-11-20T10:00:00.000Z',
    event: { action: 'read' },
    user: { name: 'ada', target: { email: 'bob@example.com' } },
    audit: { resource: [{ type: 'secret' }, { type: 'pod' }] },
    labels: { cost: 'high' },
  })
})

test('hides what lies below a hidden path', () => {
  expect(veiled(EVENT, seeing({ user: 'hide' })).user).toBeUndefined()
})

test('leaves no empty shell where only something hidden was', () => {
  const shown = veiled(EVENT, seeing({ 'user.name': 'hide', 'user.email': 'hide', 'audit.resource.name': 'hide' }))
  expect(shown.user).toEqual({ target: { email: 'bob@example.com' } })

  const audit = { resource: [{ name: 'db' }, { name: 'web' }] }
  const bare: AuditEvent = { ...EVENT, user: { name: 'ada' }, audit, labels: {} }
  const rest = veiled(bare, seeing({ 'user.name': 'hide', 'audit.resource.name': 'hide' }))
  expect(rest).toEqual({ '@timestamp': EVENT['@timestamp'], event: { action: 'read' }, labels: {} })
})

test('tells of no field what was masked or cut of it', () => {
  const whodid = { masked: [{ path: 'user.email', rule: 'secrets' }], truncated: [], source: 'api' }
  const shown = veiled({ ...EVENT, whodid }, seeing({ 'user.email': 'hide' }))
  expect(shown.whodid).toEqual({ source: 'api' })
})

test('leaves of a masked field what its mask leaves', () => {
  const mask = (rule: FieldRule) => veiled(EVENT, seeing({ 'user.email': rule })).user?.email
  expect(mask(LAST_FOUR)).toBe('….com')
  expect(mask({ mask: () => '[masked]' })).toBe('[masked]')
  expect(mask({ mask: (text) => `hash:${text.length}` })).toBe('hash:15')
  expect(veiled(EVENT, seeing({ 'user.name': LAST_FOUR })).user?.name).toBe('[masked]')
})

test('counts a masked field, and what holds a hidden one, as not there', () => {
  const visibility = seeing({ 'user.email': LAST_FOUR })
  expect(sees(visibility, 'user.email')).toBe(false)
  expect(sees(visibility, 'user')).toBe(false)
  expect(sees(visibility, 'user.name')).toBe(true)
})

test('discloses a block only when nothing in it can be hidden, whatever it holds', () => {
  expect([...disclosedBlocks(seeing({}))]).toEqual(['actor', 'place', 'target', 'body', 'original'])
  expect([...disclosedBlocks(seeing({ 'user.email': 'hide' }))]).toEqual(['place', 'target', 'body'])
  expect([...disclosedBlocks(seeing({ user: 'hide' }))]).toEqual(['place', 'body'])
  expect([...disclosedBlocks(seeing({ 'source.ip': 'hide' }))]).toEqual(['actor', 'target', 'body'])
  expect([...disclosedBlocks(seeing({ 'event.action': 'hide' }))]).toEqual(['actor', 'place', 'target'])
})

test('knows when the leaf itself says what is hidden', () => {
  expect(seesLeaf(seeing({ 'user.email': 'hide' }))).toBe(true)
  expect(seesLeaf(seeing({ 'event.action': 'hide' }))).toBe(false)
  expect(seesLeaf(seeing({ event: 'hide' }))).toBe(false)
})

test('a path may have wildcards: one key, any number of keys, through lists and under names with dots', () => {
  const request = { spec: { card: '4111', items: [{ card: 'x', n: 1 }, { a: { card: 'y' } }] }, card: 'z' }
  const event: AuditEvent = { ...EVENT, audit: { request }, labels: { 'team.name': 'red' } }

  const deep = veiled(event, seeing({ 'audit.request.**.card': 'hide' }))
  expect(deep.audit?.request).toEqual({ spec: { items: [{ n: 1 }] } })
  const one = veiled(event, seeing({ 'audit.request.*.card': LAST_FOUR }))
  expect(one.audit?.request).toEqual({ ...request, spec: { ...request.spec, card: '[masked]' } })
  expect(veiled(event, seeing({ 'labels.*': LAST_FOUR })).labels).toEqual({ 'team.name': '[masked]' })
  expect(veiled(event, seeing({ '**.email': 'hide' })).user).toEqual({ name: 'ada' })
})

test('hides what one rule hides, also where another one only masks it', () => {
  expect(veiled(EVENT, seeing({ 'user.*': LAST_FOUR, 'user.email': 'hide' })).user).toEqual({
    name: '[masked]',
    target: { email: '….com' },
  })
})

test('counts what a wildcard can reach as not there', () => {
  const visibility = seeing({ 'audit.request.**.card': LAST_FOUR, 'user.*': LAST_FOUR })
  expect(sees(visibility, 'audit.request.spec.card')).toBe(false)
  expect(sees(visibility, 'audit.request.card.number')).toBe(false)
  expect(sees(visibility, 'user.email')).toBe(false)
  expect(sees(visibility, 'user.target.email')).toBe(false)
  expect(sees(visibility, 'source.ip')).toBe(true)
})

test('discloses no block in which a wildcard can reach something', () => {
  expect([...disclosedBlocks(seeing({ 'audit.request.**.card': 'hide' }))]).toEqual(['actor', 'place', 'target'])
  expect([...disclosedBlocks(seeing({ 'user.*': 'hide' }))]).toEqual(['place', 'body'])
  expect([...disclosedBlocks(seeing({ '**.email': 'hide' }))]).toEqual([])
  expect(seesLeaf(seeing({ '**.email': 'hide' }))).toBe(true)
  expect(seesLeaf(seeing({ '**.action': 'hide' }))).toBe(false)
})
