export interface Unescaped {
  readonly text: string
  /** Where each character of `text`, and its end, stands in what it was made of. */
  readonly offsets: Uint32Array
}

/**
 * What stands between the quotes of a JSON string (RFC 8259 section 7) as the text that it means. A backslash that begins
 * no escape stands for itself: this reads what others wrote, and refuses nothing.
 */
export function unescapedJson(raw: string): Unescaped {
  const offsets = new Uint32Array(raw.length + 1)
  const parts: string[] = []
  let length = 0
  let at = 0
  while (at < raw.length) {
    const backslash = raw.indexOf('\\', at)
    const end = backslash < 0 ? raw.length : backslash
    if (end > at) parts.push(raw.slice(at, end))
    while (at < end) offsets[length++] = at++
    if (backslash < 0) break
    const { char, taken } = escapeAt(raw, at)
    parts.push(char)
    offsets[length++] = at
    at += taken
  }
  offsets[length] = raw.length
  return { text: parts.join(''), offsets: offsets.subarray(0, length + 1) }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

function escapeAt(raw: string, at: number): { readonly char: string; readonly taken: number } {
  const next = raw.charAt(at + 1)
  const plain = ESCAPES.get(next)
  if (plain !== undefined) return { char: plain, taken: 2 }
  const hex = raw.slice(at + 2, at + 6)
  if (next === 'u' && /^[0-9a-f]{4}$/i.test(hex)) return { char: String.fromCharCode(parseInt(hex, 16)), taken: 6 }
  return { char: '\\', taken: 1 }
}
