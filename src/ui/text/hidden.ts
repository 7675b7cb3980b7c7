/** A piece of untrusted text: as it is, or a mark that stands for a character nobody would see. */
export type Piece =
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

// Controls, soft hyphen, direction marks, zero-width, separators, interlinear, tags, lone surrogates,
// and a fifth and further combining mark on one letter.
const UNSEEN =
  // eslint-disable-next-line no-control-regex -- controls are what we look for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}|(?<=\p{M}{4})\p{M}+/gu

function markFor(char: string): Piece & { kind: 'mark' } {
  const code = char.codePointAt(0) ?? 0
  if (/^\p{M}+$/u.test(char)) return { kind: 'mark', label: `+${[...char].length} marks`, quiet: false }
  if (char === '\n') return { kind: 'mark', label: '⏎', quiet: true }
  if (char === '\t') return { kind: 'mark', label: '⇥', quiet: true }
  // U+2400 and on are pictures of the C0 controls.
  if (code < 0x20) return { kind: 'mark', label: String.fromCodePoint(0x24_00 + code), quiet: false }
  return { kind: 'mark', label: `U+${code.toString(16).toUpperCase().padStart(4, '0')}`, quiet: false }
}

/** A zero-width joiner inside an emoji belongs to its picture. */
function isEmojiJoiner(text: string, at: number, char: string): boolean {
  if (char !== '\u200d') return false
  const before = text.slice(Math.max(0, at - 4), at)
  return (
    /\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?$/u.test(before) &&
    /^.\p{Extended_Pictographic}/u.test(text.slice(at, at + 3))
  )
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd8_00 && unit <= 0xdb_ff
}
