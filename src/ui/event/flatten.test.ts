import { expect, test } from 'vitest'
import { flatten } from './flatten.ts'

test('gives each value its path, and each member of a list a line', () => {
  const event = {
    user: { name: 'alice', roles: ['a', 'b'] },
    n: 1,
    ok: true,
    gone: null,
    none: [],
    audit: { resource: [{ name: 'x' }] },
  }
  expect(flatten(event).map((line) => `${line.path}=${line.text}`)).toEqual([
    'user.name=alice',
    'user.roles=a',
    'user.roles=b',
    'n=1',
    'ok=true',
    'gone=null',
    'none=[]',
    'audit.resource.name=x',
  ])
})

test('leaves the original to its own tab', () => {
  expect(flatten({ event: { original: 'x', id: '1' } })).toEqual([{ path: 'event.id', text: '1', kind: 'string' }])
})

test('bears ten thousand keys, a thousand levels and a key called __proto__', () => {
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`k${at}`, at]))
  expect(flatten(wide)).toHaveLength(10_000)
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`)
  expect(flatten(deep as object)).toHaveLength(1)
  const proto: unknown = JSON.parse('{"__proto__":{"name":"x"}}')
  expect(flatten(proto as object)).toEqual([{ path: '__proto__.name', text: 'x', kind: 'string' }])
})
