import { expect, test } from 'vitest'

import type { Scope } from '../state/tokens.ts'
import type { Caller } from './caller.ts'
import { localOperator } from './caller.ts'
import { type Permission, judge } from './judge.ts'

const aCaller = (scope: Scope, hide: readonly string[] = []): Caller => {
  return { kind: 'token', id: 'token:x', name: 'ada', scope, source: 'api', hide }
}

const READS: readonly Permission[] = ['SIGNED_IN', 'EVENT_READ', 'EVENT_READ_RAW', 'LEDGER_READ', 'EVENT_EXPORT']
const CHANGES: readonly Permission[] = ['SOURCE_EDIT', 'RULE_EDIT', 'ERASE', 'HOLD', 'KEY_USE', 'ADMIN']
const ALL: readonly Permission[] = [...READS, 'EVENT_WRITE', ...CHANGES]

test.each<[Scope, readonly Permission[]]>([
  ['ingest', ['SIGNED_IN', 'EVENT_WRITE']],
  ['read', READS],
  ['admin', ALL],
])('scope %s grants exactly %s', (scope, granted) => {
  const allowed = ALL.filter((permission) => judge(aCaller(scope), [permission]).kind === 'allow')
  expect(allowed).toEqual(granted)
})

test('an unknown caller is told to sign in, but for what is public', () => {
  expect(judge(undefined, ['PUBLIC']).kind).toBe('allow')
  expect(judge(undefined, ['EVENT_READ'])).toMatchObject({ kind: 'deny', status: 401 })
})

test('names the permission that is missing', () => {
  expect(judge(aCaller('ingest'), ['SIGNED_IN', 'EVENT_READ'])).toEqual({
    kind: 'deny',
    status: 403,
    reason: 'ada may not EVENT_READ',
    permission: 'EVENT_READ',
  })
})

test('hidden fields are part of what the judgement lets see', () => {
  const judgement = judge(aCaller('read', ['user.email']), ['EVENT_READ'])

  expect(judgement).toMatchObject({ kind: 'allow', visibility: { fields: new Map([['user.email', 'hide']]) } })
})

test('whoever must not see a field of the leaf gets no part of the ledger', () => {
  expect(judge(aCaller('read', ['user.email']), ['LEDGER_READ']).kind).toBe('allow')
  expect(judge(aCaller('read', ['event.action']), ['LEDGER_READ']).kind).toBe('deny')
  expect(judge(aCaller('read', ['event']), ['LEDGER_READ']).kind).toBe('deny')
})

test('the local operator is an admin', () => {
  expect(localOperator(1000)).toMatchObject({ id: 'local:1000', scope: 'admin' })
})

test('everyone reads through the masks of the rules, and what is hidden from a caller stays hidden', () => {
  const mask = { mask: () => '[masked]' }
  const masks = new Map([
    ['user.email', mask],
    ['user.name', mask],
  ])
  const judgement = judge(aCaller('admin', ['user.name']), ['EVENT_READ'], masks)
  expect(judgement.kind === 'allow' && [...judgement.visibility.fields]).toEqual([
    ['user.email', mask],
    ['user.name', 'hide'],
  ])
})
