import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AuditError } from '../domain/errors.ts'
import { loadConfig } from './config.ts'

test('every key is optional', () => {
  expect(load('')).toMatchObject({ listen: '127.0.0.1:7421', sources: [], streams: [], ledger: { public: 'none' } })
})

test('paths are relative to the file', () => {
  const { file, folder } = written(
    'data: here\nsources:\n  - { name: a, kind: file, paths: [log/*.log], format: ecs }\n',
  )
  const config = loadConfig({ file })

  expect(config.data).toBe(join(folder, 'here'))
  expect(config.sources).toMatchObject([{ name: 'a', paths: [join(folder, 'log/*.log')] }])
})

test.each([
  ['lisen: 127.0.0.1:1', /:1:\d+: .*lisen.*did you mean listen/],
  ['sources:\n  - { name: a, kind: file, paths: [x], format: ecs, colour: red }', /:2:\d+: .*colour/],
  ['sources:\n  - { name: a, kind: flie, paths: [x] }', /unknown kind flie/],
  ['sources:\n  - { name: A B, kind: file, paths: [x], format: ecs }', /:2:\d+: .*name has 1 to 63/],
  ['sources:\n  - { name: a, kind: file, paths: [x], format: esc }', /no format esc: did you mean ecs/],
  ['install: acme\ninstall: other', /:2:1: .*unique/],
  ['streams:\n  - { name: root }', /reserved/],
  ['streams:\n  - { name: a, keep: soon }', /a time like 90d/],
  ['streams: [{ name: a }, { name: a }]', /two streams are called a/],
  ['a: [', /:1:\d+: /],
  [`a: &a [x]\nb: [${'*a, '.repeat(200)}*a]`, /aliases/],
])('refuses %j and says where and what to do', (text, message) => {
  expect(() => load(text)).toThrow(message)
  expect(() => load(text)).toThrow(AuditError)
})

test('how long rejected records are kept is a time, and how much of them may be nothing', () => {
  expect(load('rejected: { maxBytes: 0, keep: 2d }').rejected).toEqual({ maxBytes: 0, keepMs: 2 * 86_400_000 })
  expect(load('rejected: { keep: 1y }').rejected).toEqual({ keepMs: 365 * 86_400_000 })
  expect(() => load('rejected: { keep: soon }')).toThrow(/a time like 30d/)
})

test('a file that is not there is named', () => {
  expect(() => loadConfig({ file: '/nowhere/whodid.yaml' })).toThrow(/cannot read \/nowhere\/whodid.yaml/)
})

function load(text: string) {
  return loadConfig({ file: written(text).file })
}

function written(text: string): { file: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-config-'))
  const file = join(folder, 'whodid.yaml')
  writeFileSync(file, text)
  return { file, folder }
}
