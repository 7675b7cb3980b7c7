import type { BlockName } from '../domain/sealed.ts'
import { BLOCK_NAMES } from '../domain/sealed.ts'
import type { TextTerm } from '../query/ast.ts'
import { HEADER_TEXTS } from '../query/free-text.ts'
import type { HiddenFields } from '../query/resolve.ts'
import { visibleBlocks } from '../query/resolve.ts'
import { wordPattern, wordsOf } from '../query/words.ts'
import { columnOf } from './where-columns.ts'
import { wellFormed } from './where-json.ts'
import type { Parameters } from './where-parameters.ts'
import { allOf, anyOf } from './where-tests.ts'

/**
 * The words of a text term, one behind the other, in one value of a visible block. The twin of query/free-text.ts. A cheap
 * condition comes first and decides for most rows; the expression that finds the words is written once, since each time
 * it stands in a statement it is compiled, for milliseconds.
 */
export function textCondition(term: TextTerm, hidden: HiddenFields, parameters: Parameters): string {
  const words = wordsOf(term.text, term.quoted)
  const visible = visibleBlocks(hidden)
  const mayHoldAll = (text: string): string => allOf(words.map((word) => mayHold(text, word, parameters)))
  const header = visible.has('header') ? HEADER_TEXTS.map((path) => `toString(${columnOf(path)?.sql ?? "''"})`) : []
  const blocks = BLOCK_NAMES.filter((block) => visible.has(block))
  if (header.length === 0 && blocks.length === 0) return 'false'
  const values = [
    `[${header.join(', ')}]`,
    ...blocks.map((block) => `if(${mayHoldAll(block)}, ${valuesOf(block)}, [])`),
  ]
  const found = `arrayExists(s -> match(lowerUTF8(s), ${parameters.text(wordPattern(words))}), arrayConcat(${values.join(', ')}))`
  return allOf([anyOf([...header, ...blocks].map(mayHoldAll)), found])
}

/** Texts and numbers of a block without its keys: in what JSON.stringify writes, only keys are followed by a colon. */
function valuesOf(block: BlockName): string {
  const tokens = String.raw`extractAll(${block}, '"(?:[^"\\\\]|\\\\.)*":?|-?[0-9][0-9.eE+-]*')`
  const values = `arrayFilter(k -> NOT endsWith(k, ':'), ${tokens})`
  const decoded = `JSONExtractString(${wellFormed('v')})`
  return `arrayMap(v -> if(position(v, '\\\\') = 0, v, ${decoded}), ${values})`
}

/**
 * A cheap condition that a text with that word in it fulfils: JSON never escapes letters and digits. Plain letters are looked
 * for without folding the text, but for k and i, which are also what the Kelvin sign and the dotted capital I fold to.
 */
function mayHold(text: string, word: string, parameters: Parameters): string {
  const pieces = word.split('*').flatMap((piece) => piece.match(/[a-hjl-z0-9]+/g) ?? [])
  const longest = pieces.reduce((best, piece) => (piece.length > best.length ? piece : best), '')
  if (longest.length >= 3) return `positionCaseInsensitive(${text}, ${parameters.text(longest)}) > 0`
  const letters = word.split('*').reduce((best, piece) => (piece.length > best.length ? piece : best), '')
  return `position(lowerUTF8(${text}), ${parameters.text(letters)}) > 0`
}
