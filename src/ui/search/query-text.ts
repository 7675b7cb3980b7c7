import { AuditError } from '../../domain/errors.ts'
import type { State } from '../../domain/event.ts'
import type { FieldTerm, Query } from '../../query/ast.ts'
import type { Token } from '../../query/lex.ts'
import { lex } from '../../query/lex.ts'
import { parseQuery } from '../../query/parse.ts'
import { printTerm, printValue } from '../../query/print.ts'

/** What is wrong with a query, where, and the text that would put it right. */
export interface QueryFault {
  readonly message: string
  readonly start: number
  readonly end: number
  readonly fix?: { readonly label: string; readonly text: string }
}

/** Undefined: the query can be run. */
export function faultOf(text: string, now: number): QueryFault | undefined {
  try {
    parseQuery(text, { now })
    return undefined
  } catch (error) {
    return faultIn(error, text)
  }
}

/** Of an error about a query, ours or the server's; undefined for any other error. */
export function faultIn(error: unknown, text: string): QueryFault | undefined {
  if (!(error instanceof AuditError) || error.code !== 'invalid_query') return undefined
  const { start = 0, end = text.length, suggestion } = error.details
  const message = error.message.replace(/\.$/, '')
  if (suggestion === undefined) return { message, start, end }
  const label = suggestion === '' ? 'Take it out' : `Use ${suggestion}`
  return { message, start, end, fix: { label, text: text.slice(0, start) + suggestion + text.slice(end) } }
}

type PieceKind = 'field' | 'value' | 'not' | 'operator' | 'bracket' | 'plain' | 'fault'

export interface ColouredPiece {
  readonly start: number
  readonly kind: PieceKind
  readonly text: string
}

/** The query in pieces to be coloured: together they are exactly the text. */
export function coloured(text: string, fault: QueryFault | undefined): readonly ColouredPiece[] {
  const pieces: ColouredPiece[] = []
  let at = 0
  const add = (end: number, kind: PieceKind): void => {
    if (end > at) pieces.push({ start: at, kind, text: text.slice(at, end) })
    at = Math.max(at, end)
  }
  for (const token of lex(text)) {
    add(token.start, 'plain')
    // The colon is no part of a field's name.
    if (token.kind === 'field') {
      add(token.end - 1, 'field')
      add(token.end, 'bracket')
    } else add(token.end, KINDS[token.kind])
  }
  add(text.length, 'plain')
  return fault === undefined ? pieces : pieces.flatMap((piece) => marked(piece, fault))
}

const KINDS: Readonly<Record<Exclude<Token['kind'], 'field'>, PieceKind>> = {
  open: 'bracket',
  close: 'bracket',
  minus: 'not',
  comma: 'bracket',
  operator: 'operator',
  compare: 'operator',
  word: 'value',
  quoted: 'value',
}

function marked(piece: ColouredPiece, fault: QueryFault): readonly ColouredPiece[] {
  const from = Math.max(fault.start - piece.start, 0)
  const to = Math.min(fault.end - piece.start, piece.text.length)
  if (from >= to) return [piece]
  const parts: ColouredPiece[] = [
    { ...piece, text: piece.text.slice(0, from) },
    { start: piece.start + from, kind: 'fault', text: piece.text.slice(from, to) },
    { ...piece, start: piece.start + to, text: piece.text.slice(to) },
  ]
  return parts.filter((part) => part.text !== '')
}

/** What the query filters by, as the filter panel shows it. */
export interface Filters {
  readonly states: ReadonlySet<State>
  /** By field: values of which one must be there. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>
  readonly count: number
}

const STATES: readonly State[] = ['denied', 'failed', 'staged', 'success', 'unknown']

/** Exactly what `stateOf` of the domain says, as a query. */
const STATE_QUERIES: Readonly<Record<State, string>> = {
  denied: 'event.type:denied',
  staged: 'decision:staged -event.type:denied',
  failed: 'outcome:failure -event.type:denied -decision:staged',
  success: 'outcome:success -event.type:denied -decision:staged',
  unknown: '-outcome:success,failure -event.type:denied -decision:staged',
}

export function filtersOf(text: string, now: number): Filters {
  const group = stateGroups().find(({ query }) => holds(text, query))
  const states = new Set(group?.states ?? [])
  const values = new Map<string, ReadonlySet<string>>()
  for (const term of topTerms(without(text, group?.query), now)) {
    const texts = term.tests.flatMap((test) =>
      test.kind === 'text' ? [test.value] : test.kind === 'address' ? [test.written] : [],
    )
    if (texts.length === term.tests.length) values.set(term.field, new Set(texts))
  }
  return { states, values, count: states.size + [...values.values()].reduce((sum, each) => sum + each.size, 0) }
}

/** Any of the states: one more, or one less. */
export function withStateToggled(text: string, state: State): string {
  const group = stateGroups().find(({ query }) => holds(text, query))
  const chosen = new Set(group?.states ?? [])
  if (!chosen.delete(state)) chosen.add(state)
  const rest = without(text, group?.query)
  const next = STATES.filter((each) => chosen.has(each))
  return next.length === 0 || next.length === STATES.length ? rest : joined(rest, stateQuery(next))
}

/** Only this state, whatever was chosen before. */
export function withState(text: string, state: State): string {
  const group = stateGroups().find(({ query }) => holds(text, query))
  return joined(without(text, group?.query), stateQuery([state]))
}

/** A term in the query's own words. */
export function termOf(field: string, value: string): string {
  return printTerm(field, [printValue(value)])
}

/** Any of the field's values: one more, or one less. */
export function withValueToggled(text: string, field: string, value: string, now: number): string {
  const term = topTerms(text, now).find((each) => each.field === field)
  if (term === undefined) return joined(text, termOf(field, value))
  const values = term.tests.flatMap((test) =>
    test.kind === 'text' ? [test.value] : test.kind === 'address' ? [test.written] : [],
  )
  const next = values.includes(value) ? values.filter((each) => each !== value) : [...values, value]
  const replaced = next.length === 0 ? '' : printTerm(field, next.map(printValue))
  return tidy(text.slice(0, term.start) + replaced + text.slice(term.end))
}

/** Only this value of the field. */
export function withOnly(text: string, field: string, value: string, now: number): string {
  const term = topTerms(text, now).find((each) => each.field === field)
  if (term === undefined) return joined(text, termOf(field, value))
  return tidy(text.slice(0, term.start) + termOf(field, value) + text.slice(term.end))
}

/** Everything but this value. */
export function withNot(text: string, field: string, value: string, now: number): string {
  const active = filtersOf(text, now).values.get(field)?.has(value) === true
  const rest = active ? withValueToggled(text, field, value, now) : text
  const negated = `-${termOf(field, value)}`
  return holds(rest, negated) ? rest : joined(rest, negated)
}

/** The field terms that must all hold: those that a filter panel can show and change. */
function topTerms(text: string, now: number): readonly FieldTerm[] {
  const query = parsed(text, now)
  if (query === undefined) return []
  const parts = query.kind === 'and' ? query.parts : [query]
  return parts.filter((part) => part.kind === 'field')
}

function parsed(text: string, now: number): Query | undefined {
  try {
    return parseQuery(text, { now })
  } catch {
    // A query that cannot be read filters by nothing that could be shown.
    return undefined
  }
}

/** All choices of states, larger ones first, so that a group is not taken for one of its members. */
function stateGroups(): readonly { states: readonly State[]; query: string }[] {
  const groups: { states: readonly State[]; query: string }[] = []
  for (let bits = 1; bits < 2 ** STATES.length - 1; bits += 1) {
    const states = STATES.filter((_, at) => Math.floor(bits / 2 ** at) % 2 === 1)
    groups.push({ states, query: stateQuery(states) })
  }
  return groups.toSorted((a, b) => b.query.length - a.query.length)
}

function stateQuery(states: readonly State[]): string {
  const [only] = states
  if (states.length === 1 && only !== undefined) return STATE_QUERIES[only]
  return `(${states.map((state) => (STATE_QUERIES[state].includes(' ') ? `(${STATE_QUERIES[state]})` : STATE_QUERIES[state])).join(' OR ')})`
}

/** Whether the words stand in the text by themselves, at its top level as written. */
function holds(text: string, words: string): boolean {
  return placeOf(text, words) !== -1
}

function placeOf(text: string, words: string): number {
  for (let at = text.indexOf(words); at !== -1; at = text.indexOf(words, at + 1)) {
    const before = text[at - 1]
    const after = text[at + words.length]
    if ((before === undefined || before === ' ') && (after === undefined || after === ' ')) return at
  }
  return -1
}

function without(text: string, words: string | undefined): string {
  const at = words === undefined ? -1 : placeOf(text, words)
  return at === -1 || words === undefined ? text : tidy(text.slice(0, at) + text.slice(at + words.length))
}

/** Both must hold: an OR at the top is put in brackets first. */
function joined(text: string, term: string): string {
  const rest = text.trim()
  if (rest === '') return term
  const isOr = lexed(rest).some(
    (token, at, all) => token.kind === 'operator' && token.name === 'OR' && depthAt(all, at) === 0,
  )
  return isOr ? `(${rest}) ${term}` : `${rest} ${term}`
}

function lexed(text: string): readonly Token[] {
  return lex(text)
}

function depthAt(tokens: readonly Token[], at: number): number {
  let depth = 0
  for (const token of tokens.slice(0, at)) depth += token.kind === 'open' ? 1 : token.kind === 'close' ? -1 : 0
  return depth
}

function tidy(text: string): string {
  return text.replaceAll(/ {2,}/g, ' ').trim()
}
