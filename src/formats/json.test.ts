import { expect, test } from 'vitest'
import { configuredFormat } from './formats.ts'

const NOW = Date.UTC(2026, 10, 20, 14)

function decoded(options: unknown, record: unknown) {
  return configuredFormat('json', options).decode(Buffer.from(JSON.stringify(record)), { source: 'x', now: NOW })
}

function eventOf(map: Record<string, unknown>, record: unknown) {
  const result = decoded({ map: { 'event.action': { value: 'read' }, ...map } }, record)
  if (result.kind === 'reject') throw new Error(result.message)
  return result.events[0]?.event
}

function refusalOf(options: unknown): string {
  try {
    configuredFormat('json', options)
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  throw new Error('it was taken')
}

test('fields come from paths, expressions and constants, in the types that they have', () => {
  const event = eventOf(
    {
      '@timestamp': { path: '$.at', time: 'seconds' },
      'event.outcome': { path: '$.ok', words: { true: 'success', '*': 'failure' } },
      'user.id': '$.who.id',
      'user.roles': '$.who.roles[*]',
      'source.port': '$.port',
      tags: { cel: 'record.tags.map(t, t + "!")' },
      'labels.shop': '$.shop',
    },
    { at: 1795183402.125, ok: true, who: { id: 41, roles: ['a', 'b'] }, port: '443', tags: ['x', 'y'], shop: 'north' },
  )

  expect(event).toMatchObject({
    '@timestamp': '2026-11-20T14:03:22.125Z',
    event: { action: 'read', outcome: 'success' },
    user: { id: '41', roles: ['a', 'b'] },
    source: { port: 443 },
    tags: ['x!', 'y!'],
    labels: { shop: 'north' },
  })
})

test('a list of objects is made of the values of a path, plain ones too', () => {
  const map = { 'audit.resource': { each: '$.files[*]', members: { type: { value: 'file' }, name: '$.value' } } }

  expect(eventOf(map, { files: ['a', 'b'] })?.audit?.resource).toEqual([
    { type: 'file', name: 'a' },
    { type: 'file', name: 'b' },
  ])
})

test('what a record does not say is left out, a time that it does not say is marked', () => {
  const result = decoded({ map: { 'event.action': '$.what', 'user.name': '$.who' }, id: ['$.a', '$.b'] }, { what: 'x' })

  expect(result).toMatchObject({
    events: [{ event: { '@timestamp': '2026-11-20T14:00:00.000Z', event: { outcome: 'unknown' } } }],
  })
  expect(result).toMatchObject({ events: [{ trust: ['time:collected'] }] })
  expect(JSON.stringify(result)).not.toContain('naturalId')
})

test.each([
  [{ what: 1 }, 'event.action', 'missing_field'],
  [{ what: 'x', ip: 'nowhere' }, 'source.ip', 'wrong_type'],
  [{ what: 'x', at: 'yesterday' }, '@timestamp', 'wrong_type'],
  [{ what: 'x', n: {} }, 'event.sequence', 'wrong_type'],
])('a record that does not fit is rejected with the field, never half an event: %j', (record, path, reason) => {
  const map = {
    'event.action': { cel: "record.what == 'x' ? 'x' : ''" },
    'source.ip': '$.ip',
    '@timestamp': '$.at',
    'event.sequence': '$.n',
  }
  expect(decoded({ map }, record)).toMatchObject({ kind: 'reject', path, reason })
})

test('an expression that cannot be worked out names its field and no contents', () => {
  const result = decoded({ map: { 'event.action': { cel: 'record.what.missing' } } }, { what: { secret: 'hunter2' } })
  expect(result).toMatchObject({ kind: 'reject', path: 'event.action' })
  expect(JSON.stringify(result)).not.toContain('hunter2')
})

test.each([
  [{ map: { 'user.nmae': '$.x', 'event.action': '$.a' } }, 'did you mean user.name?'],
  [{ map: { actor: '$.x', 'event.action': '$.a' } }, 'did you mean user.name?'],
  [{ map: { 'user.name': '$.x' } }, 'event.action is not mapped'],
  [{ map: { 'event.action': 'delete' } }, 'begins with $'],
  [{ map: { 'event.action': '$.[' } }, 'is no JSONPath'],
  [{ map: { 'event.action': { cel: 'record.' } } }, 'is no CEL expression'],
  [{ map: { 'event.action': { cel: 'recrod.x' } } }, 'is no CEL expression'],
  [{ map: { 'event.action': { path: '$.a', cel: 'record.a' } } }, 'say one of path, cel and value'],
  [{ map: { 'event.action': '$.a', 'whodid.source': { value: 'x' } } }, 'is set by whodid alone'],
  [{ map: { 'event.action': '$.a', 'event.id': '$.id' } }, 'use id'],
  [{ map: { 'event.action': '$.a' }, itmes: '$' }, 'did you mean items?'],
  [
    { map: { 'event.action': '$.a', 'audit.resource': { each: '$.x[*]', members: { nmae: '$.n' } } } },
    'there is no field audit.resource.nmae',
  ],
])('a mapping that is wrong in itself is refused with what is wrong: %j', (options, words) => {
  expect(refusalOf(options)).toContain(words)
})

test('patterns that would hang a backtracking engine end at once', () => {
  const record = { text: `${'a'.repeat(50_000)}!`, pattern: '^(a+)+$' }
  const byCel = decoded({ map: { 'event.action': { cel: "record.text.matches('^(a+)+$') ? 'yes' : 'no'" } } }, record)
  const byPath = decoded({ map: { 'event.action': { value: 'x' }, message: '$[?search(@, $.pattern)]' } }, record)

  expect(byCel).toMatchObject({ events: [{ event: { event: { action: 'no' } } }] })
  expect(byPath).toMatchObject({ kind: 'events' })
})

test('several events come of one record, each with its own name', () => {
  const result = decoded(
    { items: '$.r[*]', id: '$.id', map: { 'event.action': '$.do' } },
    {
      r: [
        { id: 1, do: 'a' },
        { id: 2, do: 'b' },
      ],
    },
  )
  expect(result).toMatchObject({ events: [{ naturalId: '1' }, { naturalId: '2' }] })
  expect(decoded({ items: '$.r[*]', map: { 'event.action': '$.do' } }, { r: [7] })).toMatchObject({ kind: 'reject' })
})

test('a path of names finds what is in the record, and nothing that objects inherit or texts have', () => {
  const map = {
    'user.id': '$.who.id',
    'user.name': '$.constructor.name',
    'url.path': '$.text.length',
    message: '$.no.such',
  }

  const event = eventOf(map, { who: { id: 'u1' }, text: 'abc' })

  expect(event).toMatchObject({ user: { id: 'u1' } })
  expect(event?.user).not.toHaveProperty('name')
  expect(event).not.toHaveProperty('url')
  expect(event).not.toHaveProperty('message')
})
