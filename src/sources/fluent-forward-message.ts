import { inflateBounded } from '../lib/inflate.ts'
import { BrokenMessage, bytesAt, ItemEnd, placesInside, textAt, wholeHead } from './fluent-forward-msgpack.ts'

/** A message of the forward protocol, version 1, in any of its modes. */
export interface Message {
  readonly tag: string
  /** Where each entry's time and record begin, in bytes of their own or of the message. */
  readonly entries: readonly Entry[]
  /** The id to acknowledge; the sender waits for it and sends the message again without. Its bytes are MessagePack. */
  readonly chunk: Uint8Array | undefined
}

export interface Entry {
  readonly bytes: Uint8Array
  readonly time: number
  readonly record: number
}

export const MESSAGE_LIMITS = { bytes: 32 << 20, depth: 40 } as const

const MOST_ENTRIES = 200_000
const MAX_RATIO = 200
const MOST_OPTIONS = 128

/**
 * Reads a message: `[tag, time, record]`, `[tag, [[time, record], …]]` or `[tag, entries as bytes]`, each with options
 * (https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1, Event Modes). Undefined: a heartbeat, or
 * what is no log (metrics and traces of Fluent Bit have a signal of their own).
 *
 * @param bytes One whole item, looked at by `ItemEnd`.
 * @throws BrokenMessage, AuditError `bad_request` or `too_large` of inflating.
 */
export async function readMessage(bytes: Uint8Array): Promise<Message | undefined> {
  const head = wholeHead(bytes, 0)
  if (head.kind === 'nil') return undefined
  if (head.kind !== 'list' || head.inside < 2 || head.inside > 4) {
    throw new BrokenMessage('a message is a list of two to four items')
  }
  const places = placesInside(bytes, 0)
  const [tagAt = 0, second = 0, third = 0] = places
  const tag = textAt(bytes, tagAt)
  if (tag === undefined) throw new BrokenMessage('a message begins with its tag, a text')
  const { kind } = wholeHead(bytes, second)
  if (kind === 'list' && !isTimeOf(bytes, second, third, head.inside)) {
    const options = optionsAt(bytes, head.inside > 2 ? third : undefined)
    if (options.isOther) return undefined
    return { tag, entries: entriesIn(bytes, second), chunk: options.chunk }
  }
  if (kind === 'text' || kind === 'bytes') {
    const options = optionsAt(bytes, head.inside > 2 ? third : undefined)
    if (options.isOther) return undefined
    return { tag, entries: await packedEntries(bytes, second, options.compressed), chunk: options.chunk }
  }
  if (head.inside < 3) throw new BrokenMessage('a message with a time has a record')
  const options = optionsAt(bytes, head.inside > 3 ? places[3] : undefined)
  return { tag, entries: [{ bytes, time: second, record: third }], chunk: options.chunk }
}

/** A single entry's time may be `[time, metadata]` (Fluent Bit 2.1); a list of entries holds lists. */
function isTimeOf(bytes: Uint8Array, second: number, third: number, items: number): boolean {
  if (items < 3 || wholeHead(bytes, third).kind !== 'map') return false
  const head = wholeHead(bytes, second)
  return head.inside === 2 && !['list', 'map', 'nil'].includes(wholeHead(bytes, head.at).kind)
}

interface Options {
  readonly chunk: Uint8Array | undefined
  readonly compressed: string
  /** Neither logs nor anything that is read here. */
  readonly isOther: boolean
}

function optionsAt(bytes: Uint8Array, at: number | undefined): Options {
  const found = { chunk: undefined as Uint8Array | undefined, compressed: '', isOther: false }
  if (at === undefined || wholeHead(bytes, at).kind !== 'map') return found
  if (wholeHead(bytes, at).inside > MOST_OPTIONS) throw new BrokenMessage('its options are too many')
  const places = placesInside(bytes, at)
  for (let n = 0; n + 2 < places.length; n += 2) {
    const name = textAt(bytes, places[n] ?? 0)
    const [value = 0, end = 0] = places.slice(n + 1)
    if (name === 'chunk' && bytesAt(bytes, value) !== undefined) found.chunk = bytes.slice(value, end)
    else if (name === 'compressed') found.compressed = textAt(bytes, value) ?? ''
    else if (name === 'fluent_signal') found.isOther = bytes[value] !== 0
  }
  return found
}

function entriesIn(bytes: Uint8Array, at: number): readonly Entry[] {
  if (wholeHead(bytes, at).inside > MOST_ENTRIES) throw tooMany()
  return placesInside(bytes, at)
    .slice(0, -1)
    .map((place) => entryAt(bytes, place))
}

async function packedEntries(bytes: Uint8Array, at: number, compressed: string): Promise<readonly Entry[]> {
  const packed = bytesAt(bytes, at) ?? new Uint8Array()
  const isPlain = compressed === '' || compressed === 'text'
  const limits = { maxBytes: MESSAGE_LIMITS.bytes, maxRatio: MAX_RATIO }
  const inflated = isPlain ? packed : await inflateBounded(packed, compressed, limits)
  const entries: Entry[] = []
  for (let next = 0; next < inflated.length;) {
    if (entries.length >= MOST_ENTRIES) throw tooMany()
    const end = new ItemEnd(next, MESSAGE_LIMITS).find(inflated, inflated.length)
    if (end === undefined) throw new BrokenMessage('its packed entries end too early')
    entries.push(entryAt(inflated, next))
    next = end
  }
  return entries
}

/** What is no pair of time and record is handed on as it is, to be rejected and counted like any record. */
function entryAt(bytes: Uint8Array, at: number): Entry {
  const head = wholeHead(bytes, at)
  if (head.kind !== 'list' || head.inside < 2) return { bytes, time: at, record: at }
  const [time = at, record = at] = placesInside(bytes, at, 2)
  // Fluent Bit 2.1 and later: [[time, metadata], record].
  const first = wholeHead(bytes, time)
  return { bytes, time: first.kind === 'list' && first.inside > 0 ? first.at : time, record }
}

function tooMany(): BrokenMessage {
  return new BrokenMessage(`it has more than ${MOST_ENTRIES} entries`)
}
