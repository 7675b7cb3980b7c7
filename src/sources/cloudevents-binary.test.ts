import { expect, test } from 'vitest'
import { Intake } from '../../test/contract/source.ts'
import { structuredEvent } from './cloudevents-binary.ts'
import { createHttp } from './http.ts'

const HEADERS = new Map([
  ['ce-specversion', '1.0'],
  ['ce-id', 'A%20234'],
  ['ce-source', '/shop/orders'],
  ['ce-type', 'com.example.order.deleted'],
  ['content-type', 'application/json'],
  ['x-request-id', '7'],
])

function textOf(headers: ReadonlyMap<string, string>, body: string): string | undefined {
  const event = structuredEvent(headers, Buffer.from(body))
  return event && Buffer.from(event).toString()
}

test('attributes come from the headers, JSON stays as it was sent', () => {
  expect(textOf(HEADERS, '{"n": 1.0}')).toBe(
    '{"specversion":"1.0","id":"A 234","source":"/shop/orders","type":"com.example.order.deleted","datacontenttype":"application/json","data":{"n": 1.0}}',
  )
})

test('data that is no JSON is base64, and none is none', () => {
  expect(textOf(new Map([...HEADERS, ['content-type', 'text/plain']]), 'hello')).toContain('"data_base64":"aGVsbG8="')
  expect(textOf(HEADERS, '')).not.toContain('data":')
})

test('a request without the header is in another mode, a value that is no percent-encoding is refused by name', () => {
  expect(textOf(new Map([['content-type', 'application/json']]), '{}')).toBeUndefined()
  expect(() => textOf(new Map([...HEADERS, ['ce-subject', '%zz']]), '{}')).toThrow('ce-subject')
})

test('an http source of this format takes all three modes', async () => {
  const intake = new Intake()
  const receiver = createHttp({ name: 'orders', kind: 'http', format: 'cloudevents' })
  const post = (headers: ReadonlyMap<string, string>, body: string) =>
    receiver.handle(
      { method: 'POST', path: '', query: '', headers, body: Buffer.from(body) },
      intake.emit,
      AbortSignal.any([]),
    )
  await post(HEADERS, '{}')
  await post(new Map([['content-type', 'application/cloudevents+json']]), '{"specversion":"1.0"}')
  await post(
    new Map([['content-type', 'application/cloudevents-batch+json']]),
    '[{"specversion":"1.0"},{"specversion":"1.0"}]',
  )
  expect(intake.batches.map((batch) => batch.records.length)).toEqual([1, 1, 2])
})
