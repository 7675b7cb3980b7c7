import { expect, test } from 'vitest'
import type { AuditEvent, User } from '../domain/event.ts'
import { createIsErased, tombstonesOf } from './erasure-tombstones.ts'

const KEY = new Uint8Array(32).fill(7)
const ERASED_AT = Date.parse('2026-11-24T12:00:00Z')
const ADA = { names: ['ada'], ids: [], emails: ['Ada@Example.com'], identities: ['["acme","u-1"]'], mentions: false }
const isErased = createIsErased(KEY, tombstonesOf(KEY, ADA, ERASED_AT))

const act = (user: NonNullable<AuditEvent['user']>, at = '2026-11-24T11:59:59.999Z'): AuditEvent => ({
  '@timestamp': at,
  event: {},
  user,
})

test.each<[string, NonNullable<AuditEvent['user']>]>([
  ['name', { name: 'ada' }],
  ['e-mail, however it is written', { email: 'ADA@example.com' }],
  ['identity, under another name', { id: 'u-1', domain: 'acme', name: 'ada.new' }],
  ['target', { name: 'bob', target: { name: 'ada' } }],
])('an old act of an erased person does not come back by %s', (_, user) => {
  expect(isErased?.(act(user))).toBe(true)
  expect(isErased?.(act(user, '2026-11-24T12:00:00Z'))).toBe(false)
  expect(isErased?.(act(user, 'yesterday'))).toBe(true)
})

test('nobody else is kept away', () => {
  expect(isErased?.(act({ name: 'Ada' }))).toBe(false)
  expect(isErased?.(act({ id: 'u-1' }))).toBe(false)
  expect(isErased?.({ '@timestamp': '2026-11-24T11:00:00Z', event: {} })).toBe(false)
  expect(createIsErased(KEY, [])).toBeUndefined()
})

test('with another key a tombstone is nobody', () => {
  expect(createIsErased(new Uint8Array(32), tombstonesOf(KEY, ADA, ERASED_AT))?.(act({ name: 'ada' }))).toBe(false)
})

test('what a record has in the place of a text does no harm', () => {
  const odd = JSON.parse('{"name":7,"id":["ada"],"email":{"a":1}}') as User
  expect(isErased?.(act(odd))).toBe(false)
})
