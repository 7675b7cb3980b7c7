import { Buffer } from 'node:buffer'
import type { DefaultMask, Hit } from './default-masks-names.ts'

/**
 * Looks at what may be a secret.
 *
 * @param at Last character of the three that called for it.
 * @param found It adds to these. What it looks at far ahead it must add, or else give up soon: the scan is linear by that.
 */
export type Detector = (text: string, at: number, found: Hit[]) => void

/**
 * Three characters, and who looks when they come along. Letters stand for both cases, `9` for any digit, a blank for what
 * may stand before an option; `_`, `-`, `.`, `:` and `/` for themselves.
 */
export type Trigger = readonly [three: string, detector: Detector]

const CLASSES = classesOf()
let shared = createPairs(1 << 16)

export interface Scan {
  /** What the detectors find, in order and none inside another. */
  all(text: string, isOff: (rule: DefaultMask) => boolean): readonly Hit[]
  /** Whether there is any. */
  any(text: string): boolean
}

/** One pass over the text with a look into a table, so the time does not grow with the triggers. */
export function createScan(triggers: readonly Trigger[]): Scan {
  const table = new Uint8Array(1 << 15)
  const detectors: Detector[] = [() => undefined]
  for (const [three, detector] of triggers) {
    const code = codeOf(three)
    const before = table[code] ?? 0
    const called = before === 0 ? detector : both(detectors[before] ?? detector, detector)
    const known = detectors.indexOf(called)
    table[code] = known < 0 ? detectors.push(called) - 1 : known
  }
  const isHalf = halvesOf(triggers)
  if (detectors.length > 256) throw new RangeError('more triggers than a byte counts')
  return {
    all(text, isOff) {
      const kept: Hit[] = []
      const found: Hit[] = []
      let three = 0
      for (let at = 0; at < text.length; at++) {
        const code = text.charCodeAt(at)
        three = ((three << 5) | (code < 128 ? (CLASSES[code] ?? 0) : 0)) & 0x7fff
        const called = table[three] ?? 0
        if (called === 0) continue
        detectors[called]?.(text, at, found)
        for (const hit of found.splice(0)) {
          if (!isOff(hit.rule)) kept.push(hit)
          // Not looked at again: a secret in a secret is masked with it, and looking twice would not be linear.
          if (hit.end <= at + 1) continue
          at = hit.end - 1
          three = 0
        }
      }
      return outermost(kept)
    },
    // Nearly all texts hold nothing, and this is all that is done for them: every second pair of characters is looked at,
    // which shows one half or the other of all threes.
    any(text) {
      const found: Hit[] = []
      const { bytes, pairs } = asPairs(text)
      const count = (text.length + 1) >> 1
      for (let n = 0; n < count; n++) {
        if (isHalf[pairs[n] ?? 0] === 0) continue
        // The two threes that the pair is part of, by where they end.
        for (let end = n * 2 + 1; end < n * 2 + 3; end++) {
          const three =
            ((CLASSES[bytes[end - 2] ?? 0] ?? 0) << 10) |
            ((CLASSES[bytes[end - 1] ?? 0] ?? 0) << 5) |
            (CLASSES[bytes[end] ?? 0] ?? 0)
          const called = table[three] ?? 0
          if (called !== 0) detectors[called]?.(text, end, found)
        }
        if (found.length > 0) return true
      }
      return false
    },
  }
}

/** Characters beyond Latin-1 become others of it, which shows too much at worst: detectors look at the text itself. */
function asPairs(text: string): typeof shared {
  if (text.length + 2 > shared.bytes.length) shared = createPairs(text.length * 2)
  shared.bytes.write(text, 'latin1')
  shared.bytes[text.length] = 0
  return shared
}

function createPairs(sizeBytes: number): { readonly bytes: Buffer; readonly pairs: Uint16Array } {
  const bytes = Buffer.alloc(sizeBytes + (sizeBytes & 1))
  return { bytes, pairs: new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2) }
}

/** In order; what lies in another is part of it, and what reaches beyond it makes it longer. */
export function outermost<Piece extends { readonly start: number; readonly end: number }>(
  pieces: readonly Piece[],
): readonly Piece[] {
  if (pieces.length < 2) return pieces
  const kept: Piece[] = []
  for (const piece of pieces.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = kept.at(-1)
    if (last === undefined || piece.start >= last.end) kept.push(piece)
    else if (piece.end > last.end) kept[kept.length - 1] = { ...last, end: piece.end }
  }
  return kept
}

function both(one: Detector, other: Detector): Detector {
  return (text, at, found) => {
    one(text, at, found)
    other(text, at, found)
  }
}

const OTHERS = [' ', '=', '&', '+', '"', "'", '\t', '\n', ',', '(']

/** Pairs of characters, as they lie in memory, that are the first or the last two of a trigger. */
function halvesOf(triggers: readonly Trigger[]): Uint8Array {
  const isHalf = new Uint8Array(1 << 16)
  for (const [three] of triggers)
    for (const [one, other] of [three.slice(0, 2), three.slice(1)].map((two) => two.split('').map(meantBy)))
      for (const a of one ?? []) for (const b of other ?? []) isHalf[asPairs(a + b).pairs[0] ?? 0] = 1
  return isHalf
}

function meantBy(character: string): readonly string[] {
  if (character === ' ') return OTHERS
  if (character === '9') return '0123456789'.split('')
  return [...new Set([character.toLowerCase(), character.toUpperCase()])]
}

function codeOf(three: string): number {
  let code = 0
  for (const each of three) code = (code << 5) | (CLASSES[each.charCodeAt(0)] ?? 0)
  return code
}

/** What a character is to the table: 32 of them, the same for both cases of a letter and for all digits. */
function classesOf(): Uint8Array {
  const classes = new Uint8Array(256)
  for (let n = 0; n < 26; n++) classes[0x61 + n] = classes[0x41 + n] = n + 1
  for (const digit of '0123456789') classes[digit.charCodeAt(0)] = 27
  for (const [n, mark] of ['_', '-', '.', '/'].entries()) classes[mark.charCodeAt(0)] = 28 + n
  return classes
}
