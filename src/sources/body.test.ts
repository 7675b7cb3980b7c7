import { expect, test } from 'vitest'
import { recordsOf } from './body.ts'

function textsOf(body: string, contentType?: string, maxRecords?: number): string[] {
  return recordsOf(Buffer.from(body), contentType, 'ecs', maxRecords).map(({ bytes }) => Buffer.from(bytes).toString())
}

test('takes one object as one record, over however many lines', () => {
  expect(textsOf('{"a":1}')).toEqual(['{"a":1}'])
  expect(textsOf('{\n  "a": 1\n}\n')).toEqual(['{\n  "a": 1\n}\n'])
})

test('cuts an array into its items, verbatim', () => {
  expect(textsOf(' [ {"a" : 1.0}, {"b":"\\u0026"},7 ]')).toEqual(['{"a" : 1.0}', '{"b":"\\u0026"}', '7'])
  expect(textsOf('[]')).toEqual([])
})

test('takes an object a line, and one broken line harms no other', () => {
  expect(textsOf('{"a":1}\n{"b":\n\n{"c":3}\r\n')).toEqual(['{"a":1}', '{"b":', '{"c":3}'])
})

test('believes a content type that says lines', () => {
  expect(textsOf('{"a":\n[1]\n', 'application/x-ndjson; charset=utf-8')).toEqual(['{"a":', '[1]'])
})

test('names what is wrong with a body that holds no records', () => {
  expect(() => textsOf(' \n')).toThrow('the body is empty')
  expect(() => textsOf('[{"a":1} {"b":2}]')).toThrow('byte 9')
  expect(() => textsOf('[1,2,3]', undefined, 2)).toThrow('more than 2 records')
})
