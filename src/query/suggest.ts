import type { Field } from '../domain/fields.ts'
import { declaredField, fieldNames } from '../domain/fields.ts'
import type { Span } from './ast.ts'
import { escapeName, lex } from './lex.ts'
import type { Token } from './lex.ts'
import { printValue } from './print.ts'
import type { HiddenFields } from './resolve.ts'
import { KEYWORDS, NOTHING_HIDDEN, resolveField } from './resolve.ts'

/** What may stand at the caret, in place of the span. */
export interface Completion extends Span {
  /** What was typed of it, without quotes. */
  readonly typed: string
  /** The field whose value is being typed: its values are counted by whoever knows events. Absent: a term begins here. */
  readonly field?: string
  readonly items: readonly Suggestion[]
}

interface Suggestion {
  /** Text to put there. A field ends with its colon. */
  readonly text: string
  readonly kind: 'field' | 'value' | 'operator'
  readonly description: string
}

/**
 * Completes a query at a caret: fields by their short names first, then paths; values of fields with a closed list, times,
 * and operators. Pure; it knows the language and the dictionary, not the events.
 *
 * @param caret position in the text
 */
export function suggest(text: string, caret: number, hidden: HiddenFields = NOTHING_HIDDEN): Completion {
  // With one letter more the caret stands in a token, also where nothing was typed yet.
  const tokens = lex(`${text.slice(0, caret)}x`)
  const token = tokens.at(-1)
  const before = tokens.at(-2)
  const isOpen = token?.kind === 'word' || (token?.kind === 'quoted' && !token.isClosed)
  const sticks = before?.kind === 'quoted' && before.end === token?.start
  if (!isOpen || sticks) return { start: caret, end: caret, typed: '', items: [] }
  const typed = (token.kind === 'word' ? token.pieces.join('*') : token.text).slice(0, -1)
  const span = { start: token.start, end: caret }
  if (token.isValue) {
    const field = tokens.findLast((each) => each.kind === 'field')?.name ?? ''
    return { ...span, typed, field, items: valuesOf(field, typed, hidden) }
  }
  return { ...span, typed, items: token.kind === 'quoted' ? [] : termsAt(tokens.slice(0, -1), typed, hidden) }
}

const MOST = 50

function valuesOf(name: string, typed: string, hidden: HiddenFields): readonly Suggestion[] {
  if (name === 'has' || name === 'missing') return fieldItems(typed, hidden, '')
  const starts = (value: string): boolean => value.startsWith(typed.toLowerCase())
  if (name === 'since' || name === 'until') return TIMES.filter(({ text }) => starts(text))
  const field = resolveField(name, hidden)?.field
  const values = field?.type === 'boolean' ? ['true', 'false'] : (field?.values ?? [])
  return values.filter(starts).map((value) => ({ text: printValue(value), kind: 'value', description: '' }))
}

const TIMES: readonly Suggestion[] = [
  ['15m', 'The last 15 minutes'],
  ['1h', 'The last hour'],
  ['24h', 'The last 24 hours'],
  ['7d', 'The last 7 days'],
  ['30d', 'The last 30 days'],
  ['today', 'Since midnight'],
  ['yesterday', 'Since midnight yesterday'],
].map(([text = '', description = '']) => ({ text, kind: 'value', description }))

function termsAt(tokens: readonly Token[], typed: string, hidden: HiddenFields): readonly Suggestion[] {
  const hasTerm = tokens.some((token) => token.kind === 'word' || token.kind === 'quoted' || token.kind === 'close')
  const operators = hasTerm ? OPERATORS.filter(({ text }) => typed !== '' && text.startsWith(typed.toUpperCase())) : []
  return [...operators, ...fieldItems(typed, hidden, ':')].slice(0, MOST)
}

const OPERATORS: readonly Suggestion[] = [
  { text: 'OR', kind: 'operator', description: 'Either side' },
  { text: 'AND', kind: 'operator', description: 'Both sides, as without it' },
  { text: 'NOT', kind: 'operator', description: 'Not what follows, like a minus' },
]

const WORDS = new Map<string, string>([
  ['since', 'At or after a time'],
  ['until', 'Before a time'],
  ['has', 'The field is there'],
  ['missing', 'The field is not there'],
])

/** Names that begin with what was typed, then names one of whose parts does. */
function fieldItems(typed: string, hidden: HiddenFields, ending: ':' | ''): readonly Suggestion[] {
  const start = typed.toLowerCase()
  const words = ending === ':' ? KEYWORDS.filter((word) => word.startsWith(start)) : []
  const names = fieldNames().filter((name) => (start === '' ? isAlias(name) : name.startsWith(start)))
  const inside =
    start.length < 2 ? [] : fieldNames().filter((name) => name.includes(`.${start}`) && !name.startsWith(start))
  const items: Suggestion[] = words.map((word) => ({
    text: `${word}${ending}`,
    kind: 'field',
    description: WORDS.get(word) ?? '',
  }))
  for (const name of [...names, ...inside]) {
    if (items.length >= MOST) break
    const field = resolveField(name, hidden)?.field
    // Of an object only its presence can be asked.
    if (field === undefined || (field.type === 'object' && ending === ':')) continue
    items.push({ text: `${escapeName(name)}${ending}`, kind: 'field', description: described(name, field) })
  }
  return items
}

function isAlias(name: string): boolean {
  return declaredField(name)?.path !== name
}

function described(name: string, field: Field): string {
  const path = name === field.path ? '' : field.path
  return [field.description, path].filter((part) => part !== '').join(' · ')
}
