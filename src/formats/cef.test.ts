import { expect, test } from 'vitest'
import { formatNamed } from './formats.ts'
import { decodeExample, exampleOf } from '../../test/format-fixtures.ts'

function rejected(text: string) {
  return decodeExample(formatNamed('cef'), Buffer.from(text))
}

test('keys of the dictionary have their places', () => {
  const signIn = exampleOf('cef', 'sign-in')
  expect(signIn?.naturalId).toMatch(/^Example\|Gate\|gate-1\|4624\|.*\|88213$/)
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

test.each([
  ['Nov 20 2026 14:03:22', 'Europe/Berlin', '2026-11-20T13:03:22.000Z', []],
  ['Nov 20 2026 14:03:22.125', undefined, '2026-11-20T14:03:22.125Z', ['time:zone-assumed']],
  ['Nov 20 2026 14:03:22 +01:00', 'America/New_York', '2026-11-20T13:03:22.000Z', []],
  ['Dec 31 23:59:59', 'UTC', '2025-12-31T23:59:59.000Z', ['time:year-assumed']],
  ['1795183402', undefined, '2026-11-20T14:03:22.000Z', []],
  ['1795183402125', undefined, '2026-11-20T14:03:22.125Z', []],
])('rt=%s in zone %s is %s', (rt, timezone, time, trust) => {
  const text = `CEF:0|Example|Gate|1|100|Signed in|3|rt=${rt} suser=ines`
  const context = { source: 's', now: Date.UTC(2026, 0, 2), ...(timezone !== undefined && { timezone }) }
  expect(formatNamed('cef').decode(Buffer.from(text), context)).toMatchObject({
    events: [{ event: { '@timestamp': time }, trust }],
  })
})

test('events of one incident that share its id are told apart', () => {
  const nameOf = (classId: string, rt: number) => {
    const decoded = rejected(`CEF:0|Example|Gate|1|${classId}|x|3|rt=${rt} externalId=88`)
    return decoded.kind === 'events' ? decoded.events[0]?.naturalId : undefined
  }
  expect(nameOf('100', 1_795_183_402_125)).toBe(nameOf('100', 1_795_183_402_125))
  expect(
    new Set([nameOf('100', 1_795_183_402_125), nameOf('101', 1_795_183_402_125), nameOf('100', 1_795_183_402_126)])
      .size,
  ).toBe(3)
})
