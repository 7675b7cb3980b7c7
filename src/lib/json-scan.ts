import { AuditError } from '../domain/errors.ts'

/** Byte positions, end exclusive: `bytes.subarray(start, end)`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/**
 * Lines of NDJSON, verbatim and without their end (LF or CRLF); blank ones are left out. Throws `too_large` beyond
 * `maxItems`. Like all functions here: one pass over bytes that somebody else wrote, no recursion, and nothing is copied.
 */
export function splitLines(bytes: Uint8Array, maxItems = Infinity): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(LF, start)
    const next = newline < 0 ? bytes.length : newline
    const end = next > start && bytes[next - 1] === CR ? next - 1 : next
    if (skipSpace(bytes, start, end) < end) {
      if (lines.length >= maxItems) throw tooMany(maxItems)
      lines.push(bytes.subarray(start, end))
    }
    start = next + 1
  }
  return lines
}

/**
 * Spans of the items of the JSON array that begins at `from` (white space may precede it), verbatim. When `from` is 0 the
 * array must be the whole text. Finds the borders only: an item may still be broken in itself, and harms no other.
 * Throws `bad_request` naming the byte where it stopped being an array, `too_large` beyond `maxItems`.
 */
export function arraySpans(bytes: Uint8Array, from = 0, maxItems = Infinity): Span[] {
  const spans: Span[] = []
  let at = expect(bytes, skipSpace(bytes, from), OPEN_ARRAY, 'an array')
  at = skipSpace(bytes, at)
  if (bytes[at] !== CLOSE_ARRAY) {
    for (;;) {
      if (spans.length >= maxItems) throw tooMany(maxItems)
      const end = skipValue(bytes, at)
      spans.push({ start: at, end })
      at = skipSpace(bytes, end)
      if (bytes[at] === CLOSE_ARRAY) break
      at = skipSpace(bytes, expect(bytes, at, COMMA, ', or ]'))
    }
  }
  if (from === 0) expectEnd(bytes, at + 1)
  return spans
}

/**
 * Spans of the items of `{"key": [ … ]}`, the key at depth 1 and wherever it stands; none for `null` (Go's empty list).
 * Undefined when there is no such key. Throws like `arraySpans`, also when the key is there twice: which one counts
 * would depend on the reader.
 */
export function itemSpans(bytes: Uint8Array, key: string, maxItems = Infinity): Span[] | undefined {
  const value = memberSpan(bytes, key)
  if (value === undefined) return undefined
  if (bytes[value.start] === LETTER_N) return []
  return arraySpans(bytes, value.start, maxItems)
}

/** Span of the value of one key at depth 1 of a JSON object that is the whole text; undefined when it is not there. */
export function memberSpan(bytes: Uint8Array, key: string): Span | undefined {
  const wanted = new TextEncoder().encode(key)
  let found: Span | undefined
  let at = skipSpace(bytes, expect(bytes, skipSpace(bytes, 0), OPEN_OBJECT, 'an object'))
  while (bytes[at] !== CLOSE_OBJECT) {
    if (bytes[at] !== QUOTE) throw broken(at, 'a key')
    const keyEnd = skipString(bytes, at)
    const isWanted = isKey(bytes, at, keyEnd, wanted)
    if (isWanted && found) throw new AuditError('bad_request', `JSON has key "${key}" twice, again at byte ${at}`)
    const start = skipSpace(bytes, expect(bytes, skipSpace(bytes, keyEnd), COLON, ':'))
    const end = skipValue(bytes, start)
    if (isWanted) found = { start, end }
    at = skipSpace(bytes, end)
    if (bytes[at] === CLOSE_OBJECT) break
    at = skipSpace(bytes, expect(bytes, at, COMMA, ', or }'))
    if (bytes[at] === CLOSE_OBJECT) throw broken(at, 'a key')
  }
  expectEnd(bytes, at + 1)
  return found
}

/** How deep arrays and objects lie in each other: 0 for a plain value, 1 for `{}`. Says nothing of whether it is JSON. */
export function jsonDepth(bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) at = endOfString(bytes, at) - 1
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) deepest = Math.max(deepest, ++depth)
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--
  }
  return deepest
}

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const LETTER_N = 0x6e
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === LF || byte === CR || byte === 0x09
}

function skipSpace(bytes: Uint8Array, from: number, to = bytes.length): number {
  let at = from
  while (at < to && isSpace(bytes[at])) at++
  return at
}

/** Where the value that begins at `from` ends. Brackets are counted, not matched: the item's own parser does that. */
function skipValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from]
  if (first === QUOTE) return skipString(bytes, from)
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return skipPlain(bytes, from)
  let depth = 0
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) at = skipString(bytes, at) - 1
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) return at + 1
  }
  throw new AuditError('bad_request', `JSON ends inside the value that begins at byte ${from}`)
}

/** A number or a word. */
function skipPlain(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && !isSpace(bytes[at]) && !isMark(bytes[at])) at++
  if (at === from) throw broken(at, 'a value')
  return at
}

function isMark(byte: number | undefined): boolean {
  return (
    byte === COMMA ||
    byte === COLON ||
    byte === QUOTE ||
    byte === OPEN_ARRAY ||
    byte === CLOSE_ARRAY ||
    byte === OPEN_OBJECT ||
    byte === CLOSE_OBJECT
  )
}

function skipString(bytes: Uint8Array, from: number): number {
  const end = endOfString(bytes, from)
  if (end > bytes.length) throw new AuditError('bad_request', `JSON ends inside the text that begins at byte ${from}`)
  return end
}

/** Behind the closing quote; beyond the end of the bytes when there is none. */
function endOfString(bytes: Uint8Array, from: number): number {
  let at = from + 1
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    at += byte === BACKSLASH ? 2 : 1
  }
  return bytes.length + 1
}

function isKey(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  const text = bytes.subarray(start + 1, end - 1)
  if (text.includes(BACKSLASH)) return unescaped(bytes.subarray(start, end)) === new TextDecoder().decode(wanted)
  return text.length === wanted.length && wanted.every((byte, n) => text[n] === byte)
}

/** A key may hide what it is: `"\u0069tems"`. What does not parse is no key of ours. */
function unescaped(text: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(text))
  } catch {
    return undefined
  }
}

function expect(bytes: Uint8Array, at: number, byte: number, what: string): number {
  if (bytes[at] !== byte) throw broken(at, what)
  return at + 1
}

function expectEnd(bytes: Uint8Array, from: number): void {
  const at = skipSpace(bytes, from)
  if (at < bytes.length) throw broken(at, 'the end')
}

function broken(at: number, expected: string): AuditError {
  return new AuditError('bad_request', `JSON is broken at byte ${at}: expected ${expected}`)
}

function tooMany(maxItems: number): AuditError {
  const hint = 'send smaller batches'
  return new AuditError('too_large', `more than ${maxItems} records in one batch`, { hint })
}
