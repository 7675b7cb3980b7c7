import type { DefaultMask, Hit } from './default-masks-names.ts'

/**
 * Looks at what may be a secret.
 *
 * @param at Last character of the three that called for it.
 * @param found It adds to these. What it looks at far ahead it must add, or else give up soon: the scan is linear by that.
 */
export type Detector = (text: string, at: number, found: Hit[]) => void

/**
 * Three characters, and who looks when they come along. Letters stand for both cases, `9` for any digit, `_`, `-`, `.` and
 * `:` for themselves, a blank for everything else.
 */
export type Trigger = readonly [three: string, detector: Detector]

export interface Scan {
  /** What the detectors find, in order and none inside another. */
  all(text: string, isOff: (rule: DefaultMask) => boolean): readonly Hit[]
  /** Whether there is any. */
  any(text: string): boolean
}

/** One pass over the text with a look into a table at every character: the time does not grow with the triggers. */
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
    any(text) {
      const found: Hit[] = []
      let three = 0
      for (let at = 0; at < text.length; at++) {
        const code = text.charCodeAt(at)
        three = ((three << 5) | (code < 128 ? (CLASSES[code] ?? 0) : 0)) & 0x7fff
        const called = table[three] ?? 0
        if (called === 0) continue
        detectors[called]?.(text, at, found)
        if (found.length > 0) return true
      }
      return false
    },
  }
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

const CLASSES = classesOf()

function codeOf(three: string): number {
  let code = 0
  for (const each of three) code = (code << 5) | (each === ' ' ? 0 : (CLASSES[each.charCodeAt(0)] ?? 0))
  return code
}

function classesOf(): Uint8Array {
  const classes = new Uint8Array(128)
  for (let n = 0; n < 26; n++) classes[0x61 + n] = classes[0x41 + n] = n + 1
  for (const digit of '0123456789') classes[digit.charCodeAt(0)] = 27
  for (const [n, mark] of ['_', '-', '.', ':'].entries()) classes[mark.charCodeAt(0)] = 28 + n
  return classes
}
