import { expect, test } from 'vitest'
import {
  coloured,
  faultOf,
  filtersOf,
  termOf,
  withNot,
  withOnly,
  withState,
  withStateToggled,
  withValueToggled,
} from './query-text.ts'

const now = Date.UTC(2026, 10, 21)

test('says what is wrong, where, and what would be right', () => {
  const fault = faultOf('resorce.type:secret', now)
  expect(fault).toMatchObject({ start: 0, end: 12, fix: { text: 'resource.type:secret' } })
  expect(faultOf('actor:alice -action:watch', now)).toBeUndefined()
})

test('colours every character once, the fault over the rest', () => {
  const text = '(resorce.type:secret OR actor:bob) -x "y z"'
  const pieces = coloured(text, { message: '', start: 1, end: 13 })
  expect(pieces.map((piece) => piece.text).join('')).toBe(text)
  expect(pieces.filter((piece) => piece.kind === 'fault').map((piece) => piece.text)).toEqual(['resorce.type'])
  expect(pieces.find((piece) => piece.text === 'actor')?.kind).toBe('field')
  expect(pieces.find((piece) => piece.text === '-')?.kind).toBe('not')
})

test('adds, widens, narrows and removes a value of a field', () => {
  const one = withValueToggled('-stream:whodid', 'policy', 'ops-admin', now)
  expect(one).toBe('-stream:whodid policy:ops-admin')
  const two = withValueToggled(one, 'policy', 'role dba', now)
  expect(two).toBe('-stream:whodid policy:ops-admin,"role dba"')
  expect(withValueToggled(two, 'policy', 'ops-admin', now)).toBe('-stream:whodid policy:"role dba"')
  expect(withValueToggled(one, 'policy', 'ops-admin', now)).toBe('-stream:whodid')
  expect(withOnly(two, 'policy', 'edit', now)).toBe('-stream:whodid policy:edit')
  expect(withNot(two, 'policy', 'ops-admin', now)).toBe('-stream:whodid policy:"role dba" -policy:ops-admin')
})

test('puts brackets around alternatives before it narrows them', () => {
  expect(withValueToggled('actor:alice OR actor:bob', 'source', 'k8s', now)).toBe(
    '(actor:alice OR actor:bob) source:k8s',
  )
})

test('shows what the query filters by', () => {
  const filters = filtersOf('actor:alice,bob ip:10.0.0.1 -action:watch (source:a OR source:b)', now)
  expect(filters.values.get('actor')).toEqual(new Set(['alice', 'bob']))
  expect(filters.values.get('ip')).toEqual(new Set(['10.0.0.1']))
  expect(filters.values.has('action')).toBe(false)
  expect(filters.count).toBe(3)
})

test('chooses any of the states, and back to all', () => {
  const denied = withStateToggled('actor:bob', 'denied')
  expect(denied).toBe('actor:bob event.type:denied')
  const both = withStateToggled(denied, 'failed')
  expect(filtersOf(both, now).states).toEqual(new Set(['denied', 'failed']))
  expect(faultOf(both, now)).toBeUndefined()
  expect(withStateToggled(withStateToggled(both, 'denied'), 'failed')).toBe('actor:bob')
  expect(withState(both, 'staged')).toBe('actor:bob decision:staged -event.type:denied')
  for (const state of ['denied', 'failed', 'staged', 'success', 'unknown'] as const) {
    expect(filtersOf(withState('actor:bob', state), now).states).toEqual(new Set([state]))
  }
})

test('makes terms of hostile values that read back as they were', () => {
  for (const value of ['a"b\\c', '-x', 'OR', '*', '(a)', 'a,b', '10..20', '/x/', 'a b']) {
    expect(faultOf(termOf('actor', value), now), value).toBeUndefined()
    expect([...(filtersOf(termOf('actor', value), now).values.get('actor') ?? [])]).toEqual([value])
  }
})
