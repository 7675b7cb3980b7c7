/**
 * Text from outside, safe to print on a terminal: control characters (C0, DEL, C1), bidirectional overrides, invisible
 * characters and lone surrogates become visible escapes (`\x1b`, `\u202e`). Line ends too: what is printed as a line stays one.
 */
export function escapeTerminal(text: string): string {
  return text.replace(UNSAFE, escaped)
}

// General categories: Cc control, Cf format (bidi, zero width, tags), Zl and Zp separators, Cs lone surrogates.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\u{${code.toString(16)}}`
}
