import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { arraySpans, itemSpans, jsonDepth, memberSpan, splitLines } from './json-scan.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const cut = (text: string, spans: readonly { start: number; end: number }[] | undefined) =>
  spans?.map((span) => textOf(bytesOf(text).subarray(span.start, span.end)))

test('splits lines, tolerates CRLF, and leaves out blank ones', () => {
  expect(splitLines(bytesOf('{"a":1}\r\n\n  \t\r\n {"b":2} \n{"c":3}')).map(textOf)).toEqual([
    '{"a":1}',
    ' {"b":2} ',
    '{"c":3}',
  ])
  expect(splitLines(bytesOf(''))).toEqual([])
})

test('refuses more lines or items than asked for', () => {
  expect(() => splitLines(bytesOf('1\n2\n3'), 2)).toThrow('more than 2 records')
  expect(() => arraySpans(bytesOf('[1,2,3]'), 0, 2)).toThrow('more than 2 records')
  expect(arraySpans(bytesOf('[1,2]'), 0, 2)).toHaveLength(2)
})

test('finds the items of an array verbatim', () => {
  const text = ' [ {"a": "]},\\"[" , "b":[1,[2]]} ,"x,\\\\" ,-1.5e3, null,[] ] '
  expect(cut(text, arraySpans(bytesOf(text)))).toEqual([
    '{"a": "]},\\"[" , "b":[1,[2]]}',
    '"x,\\\\"',
    '-1.5e3',
    'null',
    '[]',
  ])
  expect(arraySpans(bytesOf('[]'))).toEqual([])
})

test('what JSON.stringify writes is cut into the same items, however it is spaced', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.integer({ min: 0, max: 3 }), (items, indent) => {
      const bytes = bytesOf(JSON.stringify(items, null, indent))
      const found = arraySpans(bytes).map((span) => JSON.parse(textOf(bytes.subarray(span.start, span.end))) as unknown)
      expect(found).toEqual(JSON.parse(JSON.stringify(items)))
    }),
  )
})

test.each([
  ['{}', 'byte 0: expected an array'],
  ['[1 2]', 'byte 3: expected , or ]'],
  ['[1,]', 'byte 3: expected a value'],
  ['[,1]', 'byte 1: expected a value'],
  ['[{"a":1', 'inside the value that begins at byte 1'],
  ['["abc\\"', 'inside the text that begins at byte 1'],
  ['["abc\\', 'inside the text that begins at byte 1'],
  ['[1] 2', 'byte 4: expected the end'],
  ['[1', 'byte 2: expected , or ]'],
  ['', 'byte 0: expected an array'],
])('says where %s stops being an array', (text, message) => {
  expect(() => arraySpans(bytesOf(text))).toThrow(message)
})

test('finds the items of an envelope wherever the key stands, and not those of an inner one', () => {
  const text = '{"kind":"EventList","metadata":{"items":[0]},"items":[{"a":1}, {"items":[2]}],"x":"items"}'
  expect(cut(text, itemSpans(bytesOf(text), 'items'))).toEqual(['{"a":1}', '{"items":[2]}'])
  expect(itemSpans(bytesOf('{"items":null}'), 'items')).toEqual([])
  expect(itemSpans(bytesOf('{"metadata":{"items":[0]}}'), 'items')).toBeUndefined()
  expect(itemSpans(bytesOf('{}'), 'items')).toBeUndefined()
  expect(cut(text, [memberSpan(bytesOf(text), 'kind')!])).toEqual(['"EventList"'])
})

test('refuses an envelope that has its key twice, also when one is written with escapes', () => {
  expect(() => itemSpans(bytesOf('{"items":[1],"\\u0069tems":[2]}'), 'items')).toThrow('key "items" twice')
})

test.each([
  ['[1]', 'expected an object'],
  ['{"items":[1]', 'byte 12: expected , or }'],
  ['{"items":[1],}', 'byte 13: expected a key'],
  ['{"items" [1]}', 'byte 9: expected :'],
  ['{items:[1]}', 'byte 1: expected a key'],
  ['{"items":[1]}x', 'byte 13: expected the end'],
  ['{"items":{}}', 'byte 9: expected an array'],
])('says where %s stops being an envelope', (text, message) => {
  expect(() => itemSpans(bytesOf(text), 'items')).toThrow(message)
})

test('counts how deep brackets lie in each other, but not those in texts', () => {
  expect(jsonDepth(bytesOf('"[[["'))).toBe(0)
  expect(jsonDepth(bytesOf('{"a":[{"b":"[[["}],"c":[]}'))).toBe(3)
  expect(jsonDepth(bytesOf('[[[['))).toBe(4)
  expect(jsonDepth(bytesOf('"[[['))).toBe(0)
})

const MEGABYTE = 1 << 20
test.each([
  ['open brackets', '['.repeat(MEGABYTE)],
  ['open objects', '[' + '{"a":'.repeat(MEGABYTE / 5)],
  ['closing brackets', '[' + ']'.repeat(MEGABYTE)],
  ['backslashes', '["' + '\\'.repeat(MEGABYTE)],
  ['escaped quotes', '["' + '\\"'.repeat(MEGABYTE / 2)],
  ['quotes', '[' + '"'.repeat(MEGABYTE)],
  ['commas', '[' + ','.repeat(MEGABYTE)],
  ['spaces', ' '.repeat(MEGABYTE)],
  ['escaped keys', '{' + '"\\u0069":1,'.repeat(MEGABYTE / 11)],
])('reads a megabyte of %s at most four times over', (_name, text) => {
  const reads = { count: 0 }
  const bytes = counted(bytesOf(text), reads)
  for (const scan of [arraySpans, jsonDepth, (all: Uint8Array) => itemSpans(all, 'items')]) {
    reads.count = 0
    try {
      scan(bytes)
    } catch {
      // Refusing is fine; what counts is what it cost.
    }
    expect(reads.count).toBeLessThan(4 * text.length + 100)
  }
})

/** The same bytes, counting each one that is looked at by its index. */
function counted(bytes: Uint8Array, reads: { count: number }): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string' && /^\d/.test(key)) reads.count++
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
