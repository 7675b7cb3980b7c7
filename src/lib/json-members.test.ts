import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { edited } from './edited-text.ts'
import { itemStarts, membersOf, rootOf, withoutMembers } from './json-members.ts'

const cut = (text: string, ...keys: string[]) => {
  const members = membersOf(text, rootOf(text))
  return edited(
    text,
    withoutMembers(members, ({ key }) => keys.includes(key)),
  )
}

test('finds the members of an object verbatim, wherever it begins', () => {
  const text = ' {"a" : "]},\\"" , "\\u0062":[{"a":1}],"c":-1.5e3}'
  const found = membersOf(text, rootOf(text)).map(({ key, start, end }) => [key, text.slice(start, end)])
  expect(found).toEqual([
    ['a', '"]},\\""'],
    ['b', '[{"a":1}]'],
    ['c', '-1.5e3'],
  ])
  expect(membersOf('[{"a":1}]', 0)).toEqual([])
  expect(membersOf('[{"a":1}]', 1)).toMatchObject([{ key: 'a', start: 6, end: 7 }])
  expect(membersOf('{}', 0)).toEqual([])
  expect(rootOf('\ufeff {}')).toBe(2)
})

test('finds where items begin', () => {
  expect(itemStarts('[1, {"a":[2]} ,"x"]', 0)).toEqual([1, 4, 15])
  expect(itemStarts('[]', 0)).toEqual([])
  expect(itemStarts('{}', 0)).toEqual([])
})

test.each([
  ['{"a":1,"b":2,"c":3}', ['a'], '{"b":2,"c":3}'],
  ['{"a":1,"b":2,"c":3}', ['b'], '{"a":1,"c":3}'],
  ['{"a":1,"b":2,"c":3}', ['c'], '{"a":1,"b":2}'],
  ['{"a":1,"b":2,"c":3}', ['a', 'b'], '{"c":3}'],
  ['{"a":1,"b":2,"c":3}', ['b', 'c'], '{"a":1}'],
  ['{"a":1,"b":2,"c":3}', ['a', 'c'], '{"b":2}'],
  ['{"a":1,"b":2,"c":3}', ['a', 'b', 'c'], '{}'],
  ['{"a":1,"a":2,"b":3}', ['a'], '{"b":3}'],
  ['{\n  "a": 1,\n  "b": 2\n}', ['b'], '{\n  "a": 1\n}'],
  ['{\n  "a": 1,\n  "b": 2\n}', ['a'], '{\n  "b": 2\n}'],
])('of %s without %j stays %s', (text, keys, left) => {
  expect(cut(text, ...keys)).toBe(left)
})

test('what is left of any object is that object without the members', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true })
  fc.assert(
    fc.property(object, fc.integer({ min: 0, max: 3 }), fc.func(fc.boolean()), (value, indent, isOut) => {
      const text = JSON.stringify(value, null, indent)
      const kept = Object.entries(value).filter(([key]) => !isOut(key))
      const edits = withoutMembers(membersOf(text, 0), ({ key }) => isOut(key))
      expect(JSON.parse(edited(text, edits))).toEqual(JSON.parse(JSON.stringify(Object.fromEntries(kept))))
    }),
  )
})

const MEGABYTE = 1 << 20
test.each([
  ['open brackets', '{"a":' + '['.repeat(MEGABYTE)],
  ['open objects', '{"a":'.repeat(MEGABYTE / 5)],
  ['backslashes', '{"' + '\\'.repeat(MEGABYTE)],
  ['escaped quotes', '{"a":"' + '\\"'.repeat(MEGABYTE / 2)],
  ['backslashes before quotes', '{"a":[' + '"\\\\\\\\\\\\",'.repeat(MEGABYTE / 9)],
  ['commas', '{"a":1' + ','.repeat(MEGABYTE)],
  ['escaped keys', '{' + '"\\u0069":1,'.repeat(MEGABYTE / 11)],
  ['nothing but words', 'a'.repeat(MEGABYTE)],
])('a megabyte of %s is read once and gives no error', (_name, text) => {
  expect(membersOf(text, 0).length + itemStarts(text, 5).length).toBeLessThanOrEqual(MEGABYTE)
})
