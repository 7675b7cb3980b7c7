import { expect, test } from 'vitest'
import { formatNamed } from './formats.ts'
import { decodeExample, exampleOf } from '../../test/format-fixtures.ts'

function rejected(text: string) {
  return decodeExample(formatNamed('cef'), Buffer.from(text))
}

test('keys of the dictionary have their places', () => {
  const signIn = exampleOf('cef', 'sign-in')
  expect(signIn?.naturalId).toBe('Example|Gate|gate-1|88213')
  expect(signIn?.event).toMatchObject({
    '@timestamp': '2026-11-20T14:03:22.125Z',
    event: { action: 'user-signed-in', outcome: 'success', code: '4624', provider: 'Example Gate 2.4' },
    user: { name: 'ines@example.com', email: 'ines@example.com' },
    source: { ip: '203.0.113.45', port: 50122 },
    host: { name: 'gate-1' },
  })
})

test('what the device blocked was refused', () => {
  expect(exampleOf('cef', 'denied').event).toMatchObject({
    event: { action: 'blocked', outcome: 'failure', type: ['info', 'denied'], reason: 'no role' },
    url: { original: 'https://shop.example.com/admin' },
    http: { request: { method: 'GET' } },
  })
})

test('custom fields are labels under their own names', () => {
  expect(exampleOf('cef', 'custom-fields').event.labels).toMatchObject({ environment: 'prod', attempt: '3' })
  expect(exampleOf('cef', 'custom-fields').event.user).toMatchObject({ id: 'u-41', target: { name: 'ci' } })
})

test('escapes are what they stand for, and a value may hold spaces and lines', () => {
  const { event } = exampleOf('cef', 'escapes') ?? {}
  expect(event?.user?.name).toBe('a=b')
  expect(event?.message).toBe('two words\nand a line')
  expect(event?.labels?.['path']).toBe('back\\slash')
  expect(event?.event.provider).toBe('Exam|ple Ga\\te 2')
  expect(event?.source).toEqual({ address: 'not-an-address' })
})

test.each(['', 'CEF:0|a|b', 'CEF:7|a|b|c|d|e|1|', 'xCEF:0|a|b|c|d|e|1|'])('%j is no CEF', (text) => {
  expect(rejected(text)).toMatchObject({ kind: 'reject', reason: 'unknown_kind' })
})
