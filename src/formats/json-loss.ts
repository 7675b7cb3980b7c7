import type { Json } from '../domain/event.ts'

/**
 * Whether a parsed value says all that its text said: no key was there twice (the last one won) and no number has more
 * digits than a double holds. White space, the order of escapes and `1.0` for `1` say nothing. One pass, no recursion
 * over the text.
 *
 * @param text JSON that was parsed to `value`; `value` is at most as deep as DEPTH_LIMIT.
 */
export function losesNothing(text: string, value: Json): boolean {
  let members = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) at = closingQuote(text, at)
    else if (char === COLON) members++
    else if (char === MINUS || (char >= ZERO && char <= NINE)) {
      const end = endOfNumber(text, at)
      if (!isExact(text.slice(at, end))) return false
      at = end - 1
    }
  }
  return members === countMembers(value)
}

const QUOTE = 0x22
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const BACKSLASH = 0x5c
const EXACT_DIGITS = 15

function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from + 1)
  while (at >= 0 && isEscaped(text, at)) at = text.indexOf('"', at + 1)
  return at < 0 ? text.length : at
}

/** Behind an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1
  while (text.charCodeAt(before) === BACKSLASH) before--
  return (at - before) % 2 === 0
}

function endOfNumber(text: string, from: number): number {
  let at = from
  while (at < text.length && '+-.eE0123456789'.includes(text.charAt(at))) at++
  return at
}

/** A double gives back every decimal of 15 digits; a longer one only when it prints the same again. */
function isExact(number: string): boolean {
  if (number.length <= EXACT_DIGITS) return Number.isFinite(Number(number))
  const digits = number.replace(/e.*$/i, '').replaceAll(/[-+.]/g, '').replace(/^0+/, '')
  const value = Number(number)
  return Number.isFinite(value) && (digits.length <= EXACT_DIGITS || String(value) === number)
}

function countMembers(value: Json | undefined): number {
  if (typeof value !== 'object' || value === null) return 0
  const inside: readonly (Json | undefined)[] = Array.isArray(value) ? value : Object.values(value)
  let members = Array.isArray(value) ? 0 : inside.length
  for (const each of inside) members += countMembers(each)
  return members
}
