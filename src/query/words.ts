/**
 * Words of free text: maximal runs of letters, marks and digits. The store's engine (RE2) and JavaScript mean the same
 * by these classes, but for characters that are newer than the older one's Unicode.
 */
const WORD_CLASS = String.raw`\p{L}\p{M}\p{N}`

const WORDS = new RegExp(`[${WORD_CLASS}]+`, 'gu')
const WORDS_WITH_WILDCARDS = new RegExp(`[${WORD_CLASS}*]+`, 'gu')

/** The words that a text term looks for, case-folded, one behind the other. In a text that is not quoted `*` is part of a word. */
export function wordsOf(text: string, quoted: boolean): readonly string[] {
  const found = fold(text).match(quoted ? WORDS : WORDS_WITH_WILDCARDS) ?? []
  return found.filter((word) => /[^*]/.test(word))
}

/** The words as a regular expression over folded text, in the syntax that JavaScript (flag u) and RE2 share. */
export function wordPattern(words: readonly string[]): string {
  const parts = words.map((word) => word.replaceAll(/\*+/g, `[${WORD_CLASS}]*`))
  return `(?:^|[^${WORD_CLASS}])${parts.join(`[^${WORD_CLASS}]+`)}(?:[^${WORD_CLASS}]|$)`
}

/** Case folding, as the store's `lowerUTF8` does it: Unicode's full lower case, in no language. */
export function fold(text: string): string {
  return text.toLowerCase()
}
