/** A piece of untrusted text: as it is, or a mark that stands for a character nobody would see. */
type Piece =
  | { readonly kind: 'text'; readonly text: string }
  /** `quiet` marks are everyday ones (line end, tab); the others deserve a second look. */
  | { readonly kind: 'mark'; readonly label: string; readonly quiet: boolean }

export interface Visible {
  readonly pieces: readonly Piece[]
  /** How many characters were marked that would not have been seen, line ends and tabs apart. */
  readonly hidden: number
  /** UTF-16 units that were cut off at the end. */
  readonly cut: number
}

/**
 * Takes text from an event apart, so that controls, direction overrides and zero-width characters show as marks and
 * reach no layout. Only the first `limit` UTF-16 units are looked at.
 */
export function visible(text: string, limit = 200): Visible {
  const end = text.length > limit ? limit - (isHighSurrogate(text.charCodeAt(limit - 1)) ? 1 : 0) : text.length
  const shown = text.slice(0, end)
  const pieces: Piece[] = []
  let hidden = 0
  let from = 0
  for (const match of shown.matchAll(UNSEEN)) {
    if (isEmojiJoiner(shown, match.index, match[0])) continue
    if (match.index > from) pieces.push({ kind: 'text', text: shown.slice(from, match.index) })
    const mark = markFor(match[0])
    pieces.push(mark)
    if (!mark.quiet) hidden += 1
    from = match.index + match[0].length
  }
  if (from < shown.length) pieces.push({ kind: 'text', text: shown.slice(from) })
  return { pieces, hidden, cut: text.length - end }
}

/** Whether a name mixes letters of alphabets that look alike, as `аdmin` with a Cyrillic а does. */
export function mixesAlphabets(name: string): boolean {
  return LOOKALIKE_ALPHABETS.filter((alphabet) => alphabet.test(name)).length > 1
}

const LOOKALIKE_ALPHABETS = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u, /\p{Script=Armenian}/u]

// Controls, formats (direction marks, zero-width, soft hyphen, tags), separators, fillers, lone surrogates,
// and a fifth and further combining mark on one letter.
const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029\u115f\u1160\u3164]|\u034f|\u17b4|\u17b5|\p{Surrogate}|(?<=\p{M}{4})\p{M}+/gu

// By their names: fonts rarely have the pictures of U+2400 and on.
const CONTROLS =
  'NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(
    ' ',
  )

function markFor(char: string): Piece & { kind: 'mark' } {
  const code = char.codePointAt(0) ?? 0
  if (/^\p{M}+$/u.test(char)) return { kind: 'mark', label: `+${Array.from(char).length} marks`, quiet: false }
  if (char === '\n') return { kind: 'mark', label: '⏎', quiet: true }
  if (char === '\t') return { kind: 'mark', label: '⇥', quiet: true }
  const control = code === 0x7f ? 'DEL' : CONTROLS[code]
  if (control !== undefined) return { kind: 'mark', label: control, quiet: false }
  return { kind: 'mark', label: `U+${code.toString(16).toUpperCase().padStart(4, '0')}`, quiet: false }
}

/** A zero-width joiner inside an emoji belongs to its picture. */
function isEmojiJoiner(text: string, at: number, char: string): boolean {
  if (char !== '\u200d') return false
  const before = text.slice(Math.max(0, at - 4), at)
  return (
    /\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?$/u.test(before) &&
    /^.\p{Extended_Pictographic}/u.test(text.slice(at, at + 3))
  )
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd8_00 && unit <= 0xdb_ff
}
