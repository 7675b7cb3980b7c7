export const LOWER = 1
export const UPPER = 2
export const DIGIT = 4
export const UNDERSCORE = 8
export const DASH = 16
/** `+` and `/` */
export const BASE64_MARKS = 32
export const EQUALS = 64
export const DOT = 128
export const LETTERS_AND_DIGITS = LOWER | UPPER | DIGIT

const CLASSES = classesOf()

/** Behind the run of characters of these classes that begins at `from`; `from` itself when none does. */
export function runEnd(text: string, from: number, classes: number, most = Infinity): number {
  const limit = Math.min(text.length, from + most)
  let at = from
  while (at < limit && isOneOf(text, at, classes)) at++
  return at
}

/** Where the run of characters of these classes begins that ends before `to`. */
export function runStart(text: string, to: number, classes: number, most: number): number {
  const limit = Math.max(0, to - most)
  let at = to
  while (at > limit && isOneOf(text, at - 1, classes)) at--
  return at
}

export function isOneOf(text: string, at: number, classes: number): boolean {
  const code = text.charCodeAt(at)
  return code < 128 && ((CLASSES[code] ?? 0) & classes) !== 0
}

/** Whether a word may begin at `start`: what stands before is no part of it, or is an escape of JSON (`\n`, `\u0026`). */
export function beginsWord(text: string, start: number, classes = LETTERS_AND_DIGITS | UNDERSCORE): boolean {
  if (start === 0 || !isOneOf(text, start - 1, classes)) return true
  return (
    (text[start - 2] === '\\' && 'nrtbf'.includes(text.charAt(start - 1))) ||
    (text[start - 6] === '\\' && text[start - 5] === 'u') ||
    (text[start - 3] === '%' && /^[2-7][\dA-Fa-f]$/.test(text.slice(start - 2, start)))
  )
}

function classesOf(): Uint8Array {
  const classes = new Uint8Array(128)
  const put = (characters: string, flag: number): void => {
    for (const each of characters) classes[each.charCodeAt(0)] = flag
  }
  put('abcdefghijklmnopqrstuvwxyz', LOWER)
  put('ABCDEFGHIJKLMNOPQRSTUVWXYZ', UPPER)
  put('0123456789', DIGIT)
  put('_', UNDERSCORE)
  put('-', DASH)
  put('+/', BASE64_MARKS)
  put('=', EQUALS)
  put('.', DOT)
  return classes
}
