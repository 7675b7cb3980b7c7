import { expect, test } from 'vitest'
import { cutEvent } from '../../src/domain/blocks.ts'
import type { DecodedEvent, Format } from '../../src/formats/format.ts'
import { PARSE_LIMIT_BYTES } from '../../src/formats/limits.ts'
import { claimsOurs } from '../../src/ingest/judge.ts'
import type { FormatCase } from '../format-fixtures.ts'
import { casesOf, decodeExample } from '../format-fixtures.ts'
import { seeded } from '../seeded.ts'

export interface FormatTraits {
  /**
   * Why `event.original` is not, word for word, a part of the record: the event says all that the record said, or the
   * record came in a binary wrapping. Left out: it is.
   */
  readonly originalIs?: string
}

const MEGABYTE = 1 << 20
const ROUNDS = 40

/** What every format must do with its own examples, and with whatever becomes of them on the way. */
export function formatContract(name: string, traits: FormatTraits = {}): void {
  const cases = casesOf(name)

  test(`${name}: has examples, and all of them become events that can be sealed`, () => {
    expect(cases.length).toBeGreaterThan(2)
    for (const each of cases) {
      const events = eventsOf(each.format, each.bytes, each.name)
      expect(events.length, each.name).toBeGreaterThan(0)
      for (const event of events) expectGood(event, each.name)
    }
  })

  test(`${name}: says the same of the same record each time`, () => {
    for (const { format, bytes } of cases) {
      expect(decodeExample(format, bytes)).toEqual(decodeExample(format, bytes))
    }
  })

  if (traits.originalIs === undefined) {
    test(`${name}: the original is what was sent`, () => {
      for (const each of cases) {
        for (const decoded of eventsOf(each.format, each.bytes, each.name)) expectPartOf(each, decoded)
      }
    })
  }

  test(`${name}: never throws, whatever becomes of a record on the way`, () => {
    for (const each of cases) {
      for (const hostile of mutationsOf(each.bytes)) expectNamedFate(each.format, hostile, traits)
    }
  })

  test(`${name}: a megabyte of anything takes no longer than a megabyte should`, () => {
    for (const each of cases.slice(0, 6)) {
      for (const hostile of megabytesOf(each.bytes)) expectNamedFate(each.format, hostile, traits)
    }
  })

  test(`${name}: what is too large to parse is refused by name`, () => {
    const decoded = decodeExample(cases[0]?.format ?? never(), Buffer.alloc(PARSE_LIMIT_BYTES + 1, 'x'))
    expect(decoded).toMatchObject({ kind: 'reject', reason: 'too_large' })
  })
}

function eventsOf(format: Format, bytes: Uint8Array, name: string): readonly DecodedEvent[] {
  const decoded = decodeExample(format, bytes)
  if (decoded.kind === 'reject') throw new Error(`${name} is rejected: ${decoded.reason}: ${decoded.message}`)
  return decoded.events
}

function expectGood(decoded: DecodedEvent, name: string): void {
  const { event } = decoded
  expect(event.event.action, name).toBeTypeOf('string')
  expect(event.event.action, name).not.toBe('')
  expect(event['@timestamp'], name).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/)
  expect(claimsOurs(decoded), name).toBeUndefined()
  expect(() => cutEvent(event, '2026-11-20T14:00:00.000Z')).not.toThrow()
}

function expectPartOf({ name, bytes }: FormatCase, decoded: DecodedEvent): void {
  if (saysSo(decoded)) return
  expect(decoded.event.event.original ?? '', `${name} keeps no original`).not.toBe('')
  expect(isPart(bytes, decoded), `${name}: the original is no part of the record`).toBe(true)
}

/** What was cut or masked is not the record any more, and says which and why. */
function saysSo({ truncated, masked }: DecodedEvent): boolean {
  return truncated !== undefined || masked !== undefined
}

/** Verbatim, as bytes where they are no text, or as the text that a string in an envelope stands for. */
function isPart(bytes: Uint8Array, { event, originalBase64 }: DecodedEvent): boolean {
  const record = Buffer.from(bytes)
  if (originalBase64 !== undefined) return record.includes(Buffer.from(originalBase64, 'base64'))
  const original = event.event.original ?? ''
  return record.includes(original) || record.includes(JSON.stringify(original).slice(1, -1))
}

function expectNamedFate(format: Format, bytes: Uint8Array, { originalIs }: FormatTraits): void {
  const decoded = decodeExample(format, bytes)
  if (decoded.kind === 'reject') {
    expect(decoded.message.length).toBeGreaterThan(0)
    expect(decoded.message.length).toBeLessThan(600)
    return
  }
  for (const each of decoded.events) {
    expect(each.event['@timestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/)
    expect(() => cutEvent(each.event, '2026-11-20T14:00:00.000Z')).not.toThrow()
    if (originalIs !== undefined || saysSo(each)) continue
    expect(isPart(bytes, each), `of ${Buffer.from(bytes).toString('utf8', 0, 300)}`).toBe(true)
  }
}

/** Cut short, with flipped bits, doubled, in the wrong character set, encoded once more, deeper, wider. */
function mutationsOf(bytes: Uint8Array): readonly Uint8Array[] {
  const random = seeded(bytes.length)
  const at = (): number => random.between(0, bytes.length - 1)
  const text = Buffer.from(bytes).toString('utf8')
  const cuts = Array.from({ length: ROUNDS }, () => bytes.subarray(0, at()))
  const flips = Array.from({ length: ROUNDS }, () => {
    const flipped = Uint8Array.from(bytes)
    const place = at()
    flipped[place] = (flipped[place] ?? 0) ^ (1 << random.between(0, 7))
    return flipped
  })
  const inserted = ['"', '\\', '\0', '\n', ',', '[', '{', '}', '=', ' ', '|', '\u2028', '\u202e', '%', ':'].map(
    (mark) => {
      const place = at()
      return Buffer.concat([bytes.subarray(0, place), Buffer.from(mark), bytes.subarray(place)])
    },
  )
  return [
    new Uint8Array(),
    ...cuts,
    ...flips,
    ...inserted,
    Buffer.concat([bytes, bytes]),
    Buffer.from(text, 'utf16le'),
    Buffer.from(text.replaceAll('a', 'ä'), 'latin1'),
    Buffer.from(JSON.stringify(text)),
    Buffer.from(JSON.stringify(JSON.stringify(text))),
    Buffer.from(`[${text}]`),
    Buffer.from(`\ufeff${text}`),
    ...withInside(text, `${'['.repeat(1000)}${']'.repeat(1000)}`),
    ...withInside(text, `{${Array.from({ length: 10_000 }, (_, n) => `"k${n}":${n}`).join(',')}}`),
    ...withInside(text, '{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}}}'),
    ...withInside(text, '"9999-12-31T23:59:59Z"'),
    ...withInside(text, '"not an address"'),
    ...withInside(text, '1e400'),
    ...withInside(text, 'null'),
  ]
}

/** Each of the first values of a JSON record replaced by something else; a text that is no JSON gets it at its end. */
function withInside(text: string, value: string): readonly Uint8Array[] {
  const places = [...text.matchAll(/"([^"\\]{0,40})":("[^"\\]*"|[\d.]+|true|false|null)/g)].slice(0, 25)
  if (places.length === 0) return [Buffer.from(`${text} ${value}`)]
  return places.map((place) => {
    const before = text.slice(0, place.index)
    return Buffer.from(`${before}"${place[1]}":${value}${text.slice(place.index + place[0].length)}`)
  })
}

/** Texts on which a scanner that looks back again and again would never end. */
function megabytesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const text = Buffer.from(bytes).toString('utf8')
  const middle = Math.floor(text.length / 2)
  return [' ', '"', '\\', '(', '[', 'a', '0', ',', '=', ': ', '{"a":', '""', '\\"', '; ', '\t', '|'].map((unit) => {
    const filler = unit.repeat(Math.floor(MEGABYTE / unit.length))
    return Buffer.from(text.slice(0, middle) + filler + text.slice(middle))
  })
}

function never(): never {
  throw new Error('no examples')
}
