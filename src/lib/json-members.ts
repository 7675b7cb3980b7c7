import type { Edit } from './edited-text.ts'

/** One `"key": value` of an object in a JSON text; positions of characters, ends exclusive. */
export interface Member {
  /** As it is meant: escapes are undone. */
  readonly key: string
  /** Of the quote before the key. */
  readonly from: number
  /** Of the value. */
  readonly start: number
  readonly end: number
}

/**
 * Members of the object that begins at `at`, in order, also those that are there twice; none when no object begins there.
 * For text that was parsed before: one pass, no recursion, and for text that is no JSON members at worst, never an error.
 */
export function membersOf(text: string, at: number): Member[] {
  const members: Member[] = []
  if (text.charCodeAt(at) !== OPEN_OBJECT) return members
  let place = skipSpace(text, at + 1)
  while (text.charCodeAt(place) === QUOTE) {
    const from = place
    const keyEnd = endOfString(text, from)
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = endOfValue(text, start)
    members.push({ key: keyOf(text, from, keyEnd), from, start, end })
    place = skipSpace(text, end)
    if (text.charCodeAt(place) !== COMMA) break
    place = skipSpace(text, place + 1)
  }
  return members
}

/** Where the items of the array that begins at `at` begin; none when no array begins there. */
export function itemStarts(text: string, at: number): number[] {
  const starts: number[] = []
  if (text.charCodeAt(at) !== OPEN_ARRAY) return starts
  let place = skipSpace(text, at + 1)
  while (place < text.length && text.charCodeAt(place) !== CLOSE_ARRAY) {
    starts.push(place)
    place = skipSpace(text, endOfValue(text, place))
    if (text.charCodeAt(place) !== COMMA) break
    place = skipSpace(text, place + 1)
  }
  return starts
}

/** Where the value of the whole text begins: behind white space and a byte order mark. */
export function rootOf(text: string): number {
  return skipSpace(text, text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0)
}

/**
 * Takes members out of an object, each with the comma that it no longer needs; what is left is JSON, and otherwise as it
 * was.
 *
 * @param members All of one object, as `membersOf` gives them.
 */
export function withoutMembers(members: readonly Member[], isOut: (member: Member) => boolean): Edit[] {
  const edits: Edit[] = []
  let before: Member | undefined
  let keeps = false
  for (const [n, member] of members.entries()) {
    if (!isOut(member)) keeps = true
    else {
      const start = keeps && before !== undefined ? before.end : member.from
      const end = keeps ? member.end : (members[n + 1]?.from ?? member.end)
      edits.push({ start, end, replacement: '' })
    }
    before = member
  }
  return edits
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const SPACE = 0x20
const BYTE_ORDER_MARK = 0xfeff

/** All that is not above a space: JSON has no other characters down there outside of its texts. */
function skipSpace(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) <= SPACE) at++
  return at
}

function endOfValue(text: string, from: number): number {
  const first = text.charCodeAt(from)
  if (first === QUOTE) return endOfString(text, from)
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return endOfPlain(text, from)
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) at = endOfString(text, at) - 1
    // Numbers, colons, commas and white space are all below the brackets.
    else if (char < OPEN_ARRAY) continue
    else if (char === OPEN_OBJECT || char === OPEN_ARRAY) depth++
    else if ((char === CLOSE_OBJECT || char === CLOSE_ARRAY) && --depth === 0) return at + 1
  }
  return text.length
}

/** A number or a word. */
function endOfPlain(text: string, from: number): number {
  let at = from
  for (; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char <= SPACE || char === COMMA || char === CLOSE_OBJECT || char === CLOSE_ARRAY) break
  }
  return Math.max(at, from + 1)
}

/** Behind the closing quote, or the end of the text. */
function endOfString(text: string, from: number): number {
  let at = text.indexOf('"', from + 1)
  while (at >= 0 && text.charCodeAt(at - 1) === BACKSLASH && isEscaped(text, at, from)) at = text.indexOf('"', at + 1)
  return at < 0 ? text.length : at + 1
}

/** Behind an odd number of backslashes. Each run of them ends at one quote, so none is counted twice. */
function isEscaped(text: string, at: number, opening: number): boolean {
  let before = at - 1
  while (before > opening && text.charCodeAt(before) === BACKSLASH) before--
  return (at - before) % 2 === 0
}

function keyOf(text: string, from: number, end: number): string {
  const raw = text.slice(from + 1, end - 1)
  if (!raw.includes('\\')) return raw
  try {
    // What stands between quotes and parses is a text.
    return JSON.parse(text.slice(from, end)) as string
  } catch {
    return raw
  }
}
