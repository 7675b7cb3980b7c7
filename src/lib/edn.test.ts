import type { EDNVal } from 'edn-data'
import { parseEDNString, toEDNString } from 'edn-data'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readEdn } from './edn.ts'

function valueOf(text: string): unknown {
  const read = readEdn(text, 64)
  if (read.kind === 'broken') throw new Error(read.message)
  return read.value
}

describe('EDN', () => {
  test.each([
    ['nil', null],
    ['true', true],
    ['-12', -12],
    ['+7N', 7],
    ['1.50M', 1.5],
    ['6.02e23', 6.02e23],
    ['12345678901234567890', '12345678901234567890'],
    ['0.1234567890123456789M', '0.1234567890123456789'],
    ['1e999', '1e999'],
    ['##Inf', 'Inf'],
    [':a', 'a'],
    [':request/ctx', 'request/ctx'],
    ['my.ns/sym', 'my.ns/sym'],
    ['"a\\n\\"b\\" \\u00e9 \\\\"', 'a\n"b" é \\'],
    ['"two\nlines"', 'two\nlines'],
    ['[\\a \\newline \\{ \\u0041]', ['a', '\n', '{', 'A']],
    ['(1, 2 ,3)', [1, 2, 3]],
    ['#{:a "b"}', ['a', 'b']],
    ['#inst "2026-11-20T14:00:00Z"', '2026-11-20T14:00:00Z'],
    ['#uuid "e69002ee-467d-4d6f-8236-054c58b2a00c"', 'e69002ee-467d-4d6f-8236-054c58b2a00c'],
    ['#my/tag {:a 1}', { a: 1 }],
    ['#a #b #c 1', 1],
    ['[1 #_ 2 3 #_#_ 4 5]', [1, 3]],
    ['; first\n[1 ; one\n2]', [1, 2]],
    ['#:request{:ctx 1 :_/plain 2 :other/ns 3 "text" 4}', { 'request/ctx': 1, plain: 2, 'other/ns': 3, text: 4 }],
    ['{[1 2] :a nil :b 3 :c}', { '[1 2]': 'a', null: 'b', '3': 'c' }],
    ['\ufeff{:a 1}', { a: 1 }],
  ])('reads %s', (text, value) => {
    expect(valueOf(text)).toEqual(value)
  })

  test.each([
    ['', 'no value'],
    [' ; only a comment', 'no value'],
    ['[1 2}', 'closes what is not open'],
    ['[1 2', 'ends too early'],
    [']', 'closes what is not open'],
    ['1 2', 'more behind'],
    ['{:a}', 'key without a value'],
    ['{:a 1 :b}', 'key without a value'],
    ['"abc', 'no end'],
    ['"abc\\', 'no end'],
    ['"\\x"', 'escape'],
    ['"\\u12"', 'escape'],
    [':', 'no name'],
    ['{"a": 1}', 'no name'],
    ['#tag', 'ends too early'],
    ['[#tag]', 'ends too early'],
    ['[#_]', 'ends too early'],
    ['# 1', 'followed by nothing'],
  ])('says what is wrong with %s, without quoting it', (text, message) => {
    expect(readEdn(text, 64)).toMatchObject({ kind: 'broken', message: expect.stringContaining(message) as unknown })
  })

  test('leaves out keys that would change what objects inherit', () => {
    const read = readEdn('{:__proto__ {:admin true} :constructor {:prototype {:x 1}} :a {:constructor "x"}}', 64)

    expect(read).toEqual({ kind: 'value', value: { a: { constructor: 'x' } }, cutDeep: false, unsafeKeys: true })
    expect(Reflect.get({}, 'admin')).toBeUndefined()
  })

  test('reads what is nested too deep as null, and what stands behind it', () => {
    expect(readEdn('{:a [[[")" \\] ; ]\n #{1}]]] :b 2}', 3)).toMatchObject({
      value: { a: [[null]], b: 2 },
      cutDeep: true,
    })
    expect(readEdn('{:a [[[)]]] :b 2}', 3)).toMatchObject({ kind: 'broken' })
  })

  test.each([
    '[',
    '{:a ',
    '#a ',
    '#_ ',
    '#{',
    '"',
    '\\',
    'a',
    '0',
    ':',
    ',',
    ';',
    '\\"',
    '""',
    '"\\\\',
    '[]',
    '; \n',
    '()',
  ])('a megabyte of %j is read in a moment', (unit) => {
    const long = unit.repeat((1 << 20) / unit.length)
    const began = performance.now()
    for (const text of [long, `{:a ${long}`, `{:a ${long} 1}`, `["${long}"]`]) readEdn(text, 64)
    expect(performance.now() - began).toBeLessThan(5000)
  })

  test('reads what another implementation writes', () => {
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'binary' }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('json'), { maxLength: 4 }),
        fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), tie('json'), { maxKeys: 4 }),
      ),
    }))
    fc.assert(
      fc.property(json, (value) => {
        expect(valueOf(toEDNString(withKeywords(value)))).toEqual(value)
      }),
    )
  })

  test('agrees with another implementation on every kind of value', () => {
    const text = '{:a [1 2.5 "x" :k/w sym nil true] :b #{:one} :c (1 (2)) :d {"s" \\c}}'
    const theirs: unknown = parseEDNString(text, {
      mapAs: 'object',
      setAs: 'array',
      listAs: 'array',
      keywordAs: 'string',
      symbolAs: 'string',
      charAs: 'string',
    })
    expect(valueOf(text)).toEqual(theirs)
  })
})

/** The other implementation writes maps from Map and keywords from `{ key }`. */
function withKeywords(value: unknown): EDNVal {
  if (Array.isArray(value)) return value.map(withKeywords)
  if (typeof value !== 'object' || value === null) return value as string | number | boolean | null
  return new Map(Object.entries(value).map(([key, each]) => [{ key }, withKeywords(each)]))
}
