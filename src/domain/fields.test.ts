import { expect, test } from 'vitest'
import { BLOCK_NAMES } from './sealed.ts'
import { allFields, blockOf, declaredField, fieldNames } from './fields.ts'

test('knows the fields of ECS 9.4 with their types', () => {
  expect(declaredField('source.ip')).toMatchObject({ path: 'source.ip', type: 'ip', block: 'place' })
  expect(declaredField('event.duration')).toMatchObject({ type: 'long', block: 'body' })
  expect(declaredField('event.category')).toMatchObject({ type: 'keyword', array: true })
  expect(declaredField('process.parent.command_line')).toMatchObject({ block: 'body' })
  expect(declaredField('user.group')).toMatchObject({ type: 'object', block: 'actor' })
  expect(declaredField('user.name.text')).toBeUndefined()
  expect(allFields().length).toBeGreaterThan(2_600)
})

test('knows short names, and what they stand for', () => {
  expect(declaredField('policy')?.path).toBe('audit.authz.policies.name')
  expect(declaredField('actor')).toMatchObject({ path: 'user.name', also: ['user.id', 'user.email'] })
  expect(declaredField('user.name')?.also).toBeUndefined()
  expect(declaredField('source')?.path).toBe('whodid.source')
  for (const name of fieldNames()) expect(declaredField(name), name).toBeDefined()
})

test('takes any path below what is open, and no other', () => {
  expect(declaredField('labels.app.kubernetes.io/name')).toMatchObject({
    path: 'labels.app.kubernetes.io/name',
    below: 'labels',
  })
  expect(declaredField('label.team')?.path).toBe('labels.team')
  expect(declaredField('audit.request.spec.replicas')).toMatchObject({ below: 'audit.request' })
  expect(declaredField('kubernetes.audit.user.extra.pod-name')).toMatchObject({ below: 'kubernetes.audit.user.extra' })
  for (const name of [
    'user.nope',
    'labels.',
    'labels..x',
    'audit.request.',
    'nope',
    '__proto__',
    'constructor.name',
    '',
  ]) {
    expect(declaredField(name), name).toBeUndefined()
  }
})

test('says for each path in which block it is', () => {
  expect(blockOf('user.email')).toBe('actor')
  expect(blockOf('user.target.email')).toBe('target')
  expect(blockOf('user_agent.original')).toBe('place')
  expect(blockOf('event.original')).toBe('original')
  expect(blockOf('event.action')).toBe('header')
  expect(blockOf('username')).toBe('body')
  for (const field of allFields()) expect(['header', ...BLOCK_NAMES]).toContain(field.block)
})
