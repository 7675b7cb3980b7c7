import { expect, test } from 'vitest'
import type { AuditEvent } from '../../domain/event.ts'
import { whyOf } from './why.ts'

const event = (more: Partial<AuditEvent>): AuditEvent => ({ '@timestamp': '', event: { outcome: 'success' }, ...more })

test('names the policy first and what it led to after it', () => {
  const policies = [{ name: 'ops-admin' }, { name: 'cluster-admin' }]
  expect(whyOf(event({ audit: { authz: { policies } } }))).toEqual({ strong: 'ops-admin', rest: 'cluster-admin' })
})

test('says that no rule allows what was denied, how somebody signed in, or that nothing was recorded', () => {
  expect(whyOf(event({ event: { type: ['denied'] } }))).toEqual({ strong: 'no rule allows it' })
  expect(whyOf(event({ audit: { authn: { method: 'publickey' } } }))).toEqual({ strong: 'publickey' })
  expect(whyOf(event({ event: { outcome: 'unknown' } }))).toEqual({ rest: 'outcome not recorded' })
})

test('guesses nothing', () => {
  expect(whyOf(event({}))).toBeUndefined()
})
