import { expect, test } from 'vitest'
import { AuditError } from '../domain/errors.ts'
import { parseSource, startSource, streamOf } from './kinds.ts'
import { quiet } from '../../test/contract/source.ts'
import { manualClock } from '../../test/manual-clock.ts'

function refusalOf(input: unknown): AuditError {
  try {
    parseSource(input)
  } catch (error) {
    if (error instanceof AuditError) return error
  }
  throw new Error('it was taken')
}

const BASTION = { name: 'bastion', kind: 'file', paths: ['/var/log/audit.log'], format: 'kubernetes-audit' }

test('reads what the documents show', () => {
  expect(parseSource({ ...BASTION, cluster: 'prod-1', timezone: 'Europe/Stockholm', stream: 'k8s' })).toMatchObject(
    BASTION,
  )
  const webhook = { name: 'prod-1', kind: 'kubernetes-webhook', token: { env: 'PROD_1_TOKEN' }, cluster: 'prod-1' }
  expect(parseSource(webhook)).toEqual(webhook)
  expect(parseSource({ name: 'app', kind: 'http', token: { file: 'token' } })).toMatchObject({ kind: 'http' })
})

test('refuses an unknown key with the nearest right one', () => {
  const error = refusalOf({ ...BASTION, fromat: 'ecs' })
  expect(error.code).toBe('invalid_config')
  expect(error.message).toBe('source bastion: fromat: there is no such key; did you mean format?')
})

test('refuses an unknown kind and an unknown format with the nearest right one', () => {
  expect(refusalOf({ name: 'x', kind: 'fil' })).toMatchObject({
    message: 'source x has unknown kind fil',
    hint: 'did you mean file?',
  })
  expect(refusalOf({ ...BASTION, format: 'kubernetes-adit' }).message).toContain('did you mean kubernetes-audit?')
  expect(refusalOf({ name: 'x' }).message).toBe('source x names no kind')
})

test('names every fault at its place', () => {
  const error = refusalOf({ ...BASTION, name: 'Bastion', paths: [], timezone: 'Mars/Olympus' })
  expect(error.details.faults?.map((fault) => fault.path)).toEqual(['name', 'timezone', 'paths'])
})

test('sends events to the stream of the kind or the format unless another is named', () => {
  expect(streamOf(parseSource(BASTION))).toBe('kubernetes')
  expect(streamOf(parseSource({ name: 'app', kind: 'http' }))).toBe('default')
  expect(streamOf(parseSource({ name: 'prod-1', kind: 'kubernetes-webhook' }))).toBe('kubernetes')
  expect(streamOf(parseSource({ ...BASTION, stream: 'sample' }))).toBe('sample')
})

test('says of each whether it works by itself or is pushed to', () => {
  const deps = { name: 'x', clock: manualClock(), cursor: undefined, log: () => undefined, ...quiet }
  expect(startSource(parseSource(BASTION), deps).role).toBe('follower')
  expect(startSource(parseSource({ name: 'app', kind: 'http' }), deps).role).toBe('receiver')
})

test('what Kong Mesh has filtered is not filtered again', () => {
  const mesh = { name: 'mesh', kind: 'file', paths: ['/var/log/mesh.log'], format: 'kong-mesh' }

  expect(() => parseSource({ ...mesh, rules: ['access-audit'] })).toThrow('which Kong Mesh has filtered itself')
  expect(parseSource({ ...mesh, format: 'ecs', rules: ['access-audit'] })).toMatchObject({ rules: ['access-audit'] })
})
