import { expect, test } from 'vitest'
import { casesOf, decodeExample } from '../../test/format-fixtures.ts'
import { attribute, decoded as decodedProtobuf, logs, protobufOf } from '../../test/otlp-logs.ts'
import { seeded } from '../../test/seeded.ts'
import { configuredFormat } from './formats.ts'
import type { Decoded, DecodedEvent } from './format.ts'
import { splitEnvelope } from './otlp-envelope.ts'

const otlp = configuredFormat('otlp', undefined)
const LIMITS = { maxRecords: 100, maxBytes: 1 << 20 }

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
const read = (request: unknown, encoding: 'json' | 'protobuf' = 'json', format = otlp): Decoded =>
  decodeExample(format, encoding === 'json' ? Buffer.from(JSON.stringify(request)) : protobufOf(request))

function eventsOf(decoded: Decoded): readonly DecodedEvent[] {
  if (decoded.kind === 'reject') throw new Error(`${decoded.reason}: ${decoded.message}`)
  return decoded.events
}

/** What is said of a record apart from the record itself. */
function withoutOriginal({ originalBase64: _bytes, ...rest }: DecodedEvent): unknown {
  const { original: _text, ...event } = rest.event.event
  return { ...rest, event: { ...rest.event, event } }
}

test('says the same of a record in protobuf and in JSON', () => {
  // A time that is a JSON number is not exact, and its microseconds are rounded.
  const cases = casesOf('otlp').filter(({ name }) => name !== 'no-resource')
  expect(cases.length).toBeGreaterThan(10)
  for (const { name, bytes, format } of cases) {
    const json = eventsOf(decodeExample(format, bytes))
    const binary = eventsOf(decodeExample(format, protobufOf(JSON.parse(textOf(bytes)))))
    expect(binary.map(withoutOriginal), name).toEqual(json.map(withoutOriginal))
  }
})

test('keeps the bytes of a record: JSON as text, protobuf as base64', () => {
  const request = logs([{ body: 'approved', eventName: 'approve' }])
  const json = Buffer.from(JSON.stringify(request, undefined, 1))
  expect(eventsOf(decodeExample(otlp, json))[0]?.event.event.original).toBe(json.toString('utf8'))

  const binary = protobufOf(request)
  const [event] = eventsOf(decodeExample(otlp, binary))
  expect(event?.event.event.original).toBeUndefined()
  expect(Buffer.from(event?.originalBase64 ?? '', 'base64')).toEqual(binary)
})

test('splits a request into envelopes of one record whose parts have the bytes they had', () => {
  const spaced = `{ "resourceLogs": [ { "resource": { "attributes": [ ] }, "unknown": 7,
    "scopeLogs": [ { "scope":{"name" : "a"}, "logRecords": [ {"body":{"stringValue":"x"},"mine": 1.0 }, { } ] } ] } ] }`
  const [first, second] = [...splitEnvelope(Buffer.from(spaced), 'json', LIMITS)].map(({ bytes }) => textOf(bytes))
  expect(first).toBe(
    '{"resourceLogs":[{"resource":{ "attributes": [ ] },"scopeLogs":[{"scope":{"name" : "a"},"logRecords":[' +
      '{"body":{"stringValue":"x"},"mine": 1.0 }]}]}]}',
  )
  expect(second).toContain('"logRecords":[{ }]')

  const request = logs([{ body: 'one' }, { body: 'two' }])
  const parts = [...splitEnvelope(protobufOf(request), 'protobuf', LIMITS)].map(({ bytes }) => bytes)
  expect(parts.map((bytes) => decodedProtobuf('Request', bytes))).toEqual(
    [logs([{ body: 'one' }]), logs([{ body: 'two' }])].map((each) => decodedProtobuf('Request', protobufOf(each))),
  )
})

test('bounds how many records a request has, and how large they are together with their resources', () => {
  const many = protobufOf(logs(Array.from({ length: 101 }, () => ({ body: 'x' }))))
  expect(() => [...splitEnvelope(many, 'protobuf', LIMITS)]).toThrow('more than 100 log records')
  const large = Buffer.from(JSON.stringify(logs([{}, {}, {}], [attribute('a', 'x'.repeat(400_000))])))
  expect(() => [...splitEnvelope(large, 'json', LIMITS)]).toThrow('more than 1048576 bytes')
})

test('whatever becomes of protobuf on the way, it is an event or a named reject, in linear time', () => {
  const random = seeded(7)
  const whole = protobufOf(logs([{ body: 'b'.repeat(50), attributes: [attribute('enduser.id', 'ada')] }]))
  for (let n = 0; n < 3000; n++) {
    const bytes = Uint8Array.from(whole.subarray(0, n % 3 === 0 ? random.between(0, whole.length) : whole.length))
    for (let flips = n % 4; flips > 0 && bytes.length > 0; flips--) {
      bytes[random.between(0, bytes.length - 1)] = random.between(0, 255)
    }
    const decoded = decodeExample(otlp, bytes)
    if (decoded.kind === 'reject') expect(decoded.message).not.toBe('')
  }
  for (const byte of [0x00, 0x0a, 0x0b, 0x12, 0x80, 0xff]) {
    decodeExample(otlp, Buffer.alloc(1 << 20, byte))
  }
})

test('values that lie too deep in each other refuse the record by name', () => {
  let value = Buffer.from([0x0a, 0x01, 0x78])
  for (let n = 0; n < 200; n++)
    value = Buffer.concat([Buffer.from([0x2a]), sized(Buffer.concat([Buffer.from([0x0a]), sized(value)]))])
  const record = Buffer.concat([Buffer.from([0x2a]), sized(value)])
  const scope = Buffer.concat([Buffer.from([0x12]), sized(record)])
  const resource = Buffer.concat([Buffer.from([0x12]), sized(scope)])
  const decoded = decodeExample(otlp, Buffer.concat([Buffer.from([0x0a]), sized(resource)]))
  expect(decoded).toMatchObject({ kind: 'reject', reason: 'wrong_type' })
})

function sized(bytes: Uint8Array): Buffer {
  const length = [bytes.length & 0x7f]
  for (let rest = bytes.length >> 7; rest > 0; rest >>= 7) {
    length[length.length - 1] = (length.at(-1) ?? 0) | 0x80
    length.push(rest & 0x7f)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}

test('nobody but us speaks as whodid', () => {
  const claims = [attribute('whodid.stream', 'whodid'), attribute('event.dataset', 'whodid.trail')]
  for (const claim of claims) {
    expect(read(logs([{ attributes: [claim] }]))).toMatchObject({ kind: 'reject', reason: 'claims_whodid' })
    expect(read(logs([{}], [claim]))).toMatchObject({ kind: 'reject', reason: 'claims_whodid' })
  }
})

test('names of attributes are fields, labels, or in the original only, and never more than that', () => {
  const names = [
    '__proto__',
    'constructor',
    'a.__proto__.b',
    'toString',
    'actor',
    'whodidnt',
    '@timestamp',
    'event.original',
  ]
  const [event] = eventsOf(read(logs([{ body: 'b', attributes: names.map((name) => attribute(name, 'evil')) }])))
  expect(event?.event['@timestamp']).toBe('2026-11-20T14:03:22.125Z')
  expect(event?.event.labels).toEqual({
    a___proto___b: 'evil',
    toString: 'evil',
    actor: 'evil',
    whodidnt: 'evil',
    '@timestamp': 'evil',
    event_original: 'evil',
  })
  expect(Object.getPrototypeOf({})).toBe(Object.prototype)
  const many = Array.from({ length: 10_000 }, (_, n) => attribute(`key-${n}`, 'x'))
  const [crowded] = eventsOf(read(logs([{ attributes: many }])))
  expect(Object.keys(crowded?.event.labels ?? {})).toHaveLength(64)
  expect(crowded?.truncated).toEqual([{ path: 'labels', bytes: 0, reason: 'labels_limit' }])
})

test('the attribute with the field\u2019s own name is preferred to one that only means the same', () => {
  const attributes = [attribute('enduser.id', 'claimed'), attribute('user.id', 'own')]
  for (const order of [attributes, attributes.toReversed()]) {
    expect(eventsOf(read(logs([{ attributes: order }])))[0]?.event.user?.id).toBe('own')
  }
})

test('an address that is none is no address, and a status that is none no outcome', () => {
  const attributes = [attribute('client.address', 'not an address'), attribute('http.response.status_code', 'many')]
  const [event] = eventsOf(read(logs([{ attributes }])))
  expect(event?.event.source).toEqual({ address: 'not an address' })
  expect(event?.event.event.outcome).toBe('unknown')
})

test('reads a body that is a record of another system as that system\u2019s format does', () => {
  const format = configuredFormat('otlp', { body: 'kubernetes-audit' })
  const own = casesOf('kubernetes-audit')[0]
  const bytes = own?.bytes ?? new Uint8Array()
  const wanted = decodeExample(configuredFormat('kubernetes-audit', undefined), bytes)
  expect(read(logs([{ body: textOf(bytes) }]), 'protobuf', format)).toEqual(wanted)
  expect(read(logs([{}]), 'json', format)).toMatchObject({ kind: 'reject', reason: 'missing_field' })
  expect(read(logs([{ body: 'no record' }]), 'json', format)).toMatchObject({ kind: 'reject', reason: 'not_json' })
})

test('refuses options that it does not have', () => {
  expect(() => configuredFormat('otlp', { boddy: 'ecs' })).toThrow('options of otlp')
  expect(() => configuredFormat('otlp', { body: 'kubernetes' })).toThrow('there is no format kubernetes')
  expect(() => configuredFormat('otlp', { body: 'otlp' })).toThrow('another format')
})
