/** Told of the parts of a JSON text in order; positions of characters, ends exclusive, quotes included. */
export interface JsonVisitor {
  key(start: number, end: number): void
  /** A text, a number or a word. */
  scalar(start: number, end: number): void
  open(isObject: boolean, start: number): void
  close(end: number): void
}

/**
 * Goes through a JSON text once, without recursion. Text that is no JSON gives parts at worst, never an error: more may
 * be opened than closed, and the other way round.
 */
export function walkJson(text: string, visitor: JsonVisitor): void {
  /** Whether what is open is an object, innermost last. */
  const open: boolean[] = []
  let awaitsKey = false
  for (let at = 0; at < text.length;) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      const end = endOfText(text, at)
      if (awaitsKey) visitor.key(at, end)
      else visitor.scalar(at, end)
      awaitsKey = false
      at = end
    } else if (char === OPEN_OBJECT || char === OPEN_ARRAY) {
      visitor.open(char === OPEN_OBJECT, at)
      open.push(char === OPEN_OBJECT)
      awaitsKey = char === OPEN_OBJECT
      at++
    } else if (char === CLOSE_OBJECT || char === CLOSE_ARRAY) {
      at++
      if (open.pop() !== undefined) visitor.close(at)
      awaitsKey = false
    } else if (char === COMMA) {
      awaitsKey = open.at(-1) === true
      at++
    } else if (char === COLON || char <= SPACE || char === BYTE_ORDER_MARK) at++
    else {
      const end = endOfWord(text, at)
      visitor.scalar(at, end)
      at = end
    }
  }
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const SPACE = 0x20
const BYTE_ORDER_MARK = 0xfeff

/** Behind the closing quote, or the end of the text. */
function endOfText(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) return at + 1
    if (char === BACKSLASH) at++
  }
  return text.length
}

/** Behind a number or a word. */
function endOfWord(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && !' ,:"[]{}\t\r\n'.includes(text.charAt(at))) at++
  return at
}
