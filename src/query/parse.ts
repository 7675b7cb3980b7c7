import type { And, FieldTerm, Or, Query, Span, Test } from './ast.ts'
import { fault, shown } from './fault.ts'
import type { Token } from './lex.ts'
import { lex } from './lex.ts'
import { readMoment } from './moment.ts'
import { refuseOtherLanguages } from './other-languages.ts'
import type { Element } from './read-test.ts'
import { readTest } from './read-test.ts'
import type { HiddenFields, ResolvedField } from './resolve.ts'
import { NOTHING_HIDDEN, resolveField, unknownField } from './resolve.ts'
import { wordsOf } from './words.ts'

export interface ParseOptions {
  /** Milliseconds since 1970: what relative times count from. */
  readonly now: number
  /** IANA zone of times that name no offset. Default UTC. */
  readonly zone?: string
  /** Fields that do not exist for who asks: named in no suggestion. The store checks again. */
  readonly hidden?: HiddenFields
}

export const MAX_QUERY_LENGTH = 8192
const MAX_DEPTH = 64
const MAX_TERMS = 500
/** Of one term of free text: with twenty the engine looks at a long text for seconds. */
const MAX_WILDCARDS = 8

/**
 * Reads a query (docs/query). Throws AuditError `invalid_query` whose details name the place (`start`, `end`) and, where
 * there is one, the text that would put it right (`suggestion`).
 */
export function parseQuery(text: string, options: ParseOptions): Query {
  if (text.length > MAX_QUERY_LENGTH) {
    const span = { start: MAX_QUERY_LENGTH, end: text.length }
    throw fault(`The query is longer than ${MAX_QUERY_LENGTH} characters`, span)
  }
  return new Parser(text, options).query()
}

class Parser {
  readonly #text: string
  readonly #tokens: readonly Token[]
  readonly #times: { now: number; zone: string }
  readonly #hidden: HiddenFields
  #at = 0
  #depth = 0
  #terms = 0

  constructor(text: string, { now, zone = 'UTC', hidden = NOTHING_HIDDEN }: ParseOptions) {
    this.#text = text
    this.#tokens = lex(text)
    this.#times = { now, zone }
    this.#hidden = hidden
  }

  query(): Query {
    if (this.#tokens.length === 0) return { kind: 'all', start: 0, end: this.#text.length }
    const query = this.#or()
    const rest = this.#peek()
    if (rest) throw fault('This bracket closes nothing', rest, { suggestion: '' })
    return query
  }

  #or(): Query {
    const parts = [this.#and()]
    while (this.#takeOperator('OR')) parts.push(this.#and())
    return joined('or', parts)
  }

  #and(): Query {
    const parts = [this.#unary()]
    for (let next = this.#peek(); next !== undefined; next = this.#peek()) {
      if (next.kind === 'close' || (next.kind === 'operator' && next.name === 'OR')) break
      this.#takeOperator('AND')
      parts.push(this.#unary())
    }
    return joined('and', parts)
  }

  #unary(): Query {
    const token = this.#next('A term is missing')
    if (++this.#depth > MAX_DEPTH) throw fault(`The query is nested more than ${MAX_DEPTH} deep`, token)
    const term = this.#term(token)
    this.#depth--
    return term
  }

  #term(token: Token): Query {
    switch (token.kind) {
      case 'minus':
        return this.#negated(token)
      case 'operator':
        if (token.name === 'NOT') return this.#negated(token)
        throw fault(`A term is missing before ${token.name}`, token)
      case 'open':
        return this.#bracket(token)
      case 'close':
        throw fault('A term is missing before this bracket', token)
      case 'field':
        return this.#fieldTerm(token)
      case 'quoted':
      case 'word':
        return this.#textTerm(token)
      case 'comma':
      case 'compare':
        break
    }
    throw fault('A field is missing before this', token)
  }

  #negated(sign: Token): Query {
    const next = this.#peek()
    const isLoose = sign.kind === 'minus' && next?.start !== sign.end
    if (next === undefined || isLoose) throw fault('Nothing follows this minus or NOT', sign)
    const part = this.#unary()
    return { kind: 'not', part, start: sign.start, end: part.end }
  }

  #bracket(open: Token): Query {
    const inner = this.#or()
    const close = this.#peek()
    if (close?.kind !== 'close') throw fault(`The bracket at character ${open.start + 1} is not closed`, open)
    this.#at++
    // An inner query keeps its own place: what edits it must not leave half a pair of brackets.
    return { ...inner, start: open.start, end: close.end }
  }

  #textTerm(token: Token & { kind: 'word' | 'quoted' }): Query {
    this.#count(token)
    this.#checkAlone(token)
    const quoted = token.kind === 'quoted'
    const text = token.kind === 'quoted' ? token.text : token.pieces.join('*')
    if (!quoted) refuseOtherLanguages(text, token, this.#hidden)
    if (!quoted && text.split('*').length - 1 > MAX_WILDCARDS) {
      const hint = 'Write fewer, or ask a field: message:*a*b*'
      throw fault(`Free text has at most ${MAX_WILDCARDS} wildcards in a term`, token, { hint })
    }
    if (wordsOf(text, quoted).length === 0) {
      const hint = 'Free text looks for whole words: letters and digits'
      throw fault(`There is no word in ${shown(this.#text.slice(token.start, token.end))}`, token, { hint })
    }
    return { kind: 'text', text, quoted, start: token.start, end: token.end }
  }

  #fieldTerm(token: Token & { kind: 'field' }): Query {
    this.#count(token)
    const name = { start: token.start, end: token.end - 1 }
    switch (token.name) {
      case 'has':
      case 'missing':
        return this.#presence(token, token.name === 'missing')
      case 'since':
      case 'until':
        return this.#edge(token, token.name)
      default: {
        const resolved = resolveField(token.name, this.#hidden)
        if (resolved === undefined) throw unknownField(token.name, name, this.#hidden)
        return this.#tests(token, resolved)
      }
    }
  }

  #presence(token: Span, isMissing: boolean): Query {
    const value = this.#element(token)
    const span = { start: token.start, end: value.end }
    const field = value.pieces.join('*')
    if (resolveField(field, this.#hidden) === undefined) throw unknownField(field, value, this.#hidden)
    const has = { kind: 'has' as const, field, ...span }
    return isMissing ? { kind: 'not', part: has, ...span } : has
  }

  #edge(token: Span, edge: 'since' | 'until'): Query {
    const value = this.#element(token)
    const written = value.pieces.join('*')
    const moment = value.op === '=' ? readMoment(written, this.#times.now, this.#times.zone) : undefined
    if (moment === undefined) {
      const hint = 'Write 7d, 2026-11-01, 2026-11-01T10:05:00Z, now-15m or milliseconds since 1970'
      throw fault(`${shown(written)} is no time`, value, { hint })
    }
    const atMs = Math.floor(moment.from / 1000)
    return { kind: 'time', edge, atMs, written, relative: moment.relative, start: token.start, end: value.end }
  }

  #tests(token: Token & { kind: 'field' }, { field }: ResolvedField): Query {
    const values = this.#peek()?.kind === 'open' ? this.#list(token) : this.#commas(token)
    const last = this.#tokens[this.#at - 1] ?? token
    const span = { start: token.start, end: last.end }
    const [only] = values
    if (
      values.length === 1 &&
      only &&
      only.op === '=' &&
      only.pieces.length > 1 &&
      only.pieces.every((piece) => !piece)
    ) {
      return { kind: 'has', field: token.name, ...span }
    }
    const tests: Test[] = values.map((value) => readTest(value, field, this.#times))
    return { kind: 'field', field: token.name, tests, ...span } satisfies FieldTerm
  }

  /** `a,b` */
  #commas(token: Span): Element[] {
    const values = [this.#element(token)]
    while (this.#peek()?.kind === 'comma') {
      const comma = this.#next('')
      const next = this.#peek()
      if (next?.start !== comma.end) throw fault('A value is missing after this comma', comma)
      values.push(this.#element(comma))
    }
    return values
  }

  /** `(a OR b)`, `(a, b)` */
  #list(token: Span): Element[] {
    const open = this.#next('')
    const values = [this.#element(token)]
    for (;;) {
      const next = this.#next(`The bracket at character ${open.start + 1} is not closed`, open)
      if (next.kind === 'close') return values
      const isOr = next.kind === 'comma' || (next.kind === 'operator' && next.name === 'OR')
      if (!isOr) {
        const hint =
          'In the brackets behind a field, OR or a comma stands between values; for all of them name the field again'
        throw fault('OR is missing between these values', next, { hint })
      }
      values.push(this.#element(next))
    }
  }

  #element(before: Span): Element {
    const first = this.#peek()
    const compare = first?.kind === 'compare' ? first : undefined
    if (compare) this.#at++
    const token = this.#peek()
    if ((token?.kind !== 'word' && token?.kind !== 'quoted') || !token.isValue) {
      throw fault(`A value is missing after ${this.#text.slice(before.start, before.end)}`, compare ?? before)
    }
    this.#at++
    this.#count(token)
    this.#checkAlone(token)
    const pieces = token.kind === 'quoted' ? [token.text] : token.pieces
    const start = compare?.start ?? token.start
    return { op: compare?.op ?? '=', pieces, quoted: token.kind === 'quoted', start, end: token.end }
  }

  /** Quotes are closed, and nothing sticks to them. */
  #checkAlone(token: Token): void {
    if (token.kind === 'quoted' && !token.isClosed) {
      throw fault(`A closing quote is missing at character ${this.#text.length + 1}`, token)
    }
    const next = this.#peek()
    const sticks =
      next?.start === token.end && (next.kind === 'word' || next.kind === 'quoted' || next.kind === 'field')
    if (sticks) throw fault('A space is missing here, or the whole text belongs in quotes', next)
    if (next?.kind === 'open' && next.start === token.end) {
      throw fault('Text with brackets belongs in quotes', { start: token.start, end: next.end })
    }
  }

  #count(token: Span): void {
    if (++this.#terms > MAX_TERMS) throw fault(`The query has more than ${MAX_TERMS} terms`, token)
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at]
  }

  #next(missing: string, at?: Span): Token {
    const token = this.#tokens[this.#at]
    if (token === undefined) {
      const last = this.#tokens.at(-1) ?? { start: 0, end: 0 }
      throw fault(`${missing} at the end`, at ?? last)
    }
    this.#at++
    return token
  }

  #takeOperator(name: 'AND' | 'OR'): boolean {
    const token = this.#peek()
    if (token?.kind !== 'operator' || token.name !== name) return false
    this.#at++
    return true
  }
}

/** Nested ands (ors) are one: `a (b c)` is `a b c`. */
function joined(kind: 'and' | 'or', parts: readonly Query[]): Query {
  const [first, ...more] = parts
  if (first === undefined) throw new RangeError('nothing to join')
  if (more.length === 0) return first
  const flat = parts.flatMap((part) => (part.kind === kind ? part.parts : [part]))
  const span = { start: first.start, end: parts.at(-1)?.end ?? first.end }
  return kind === 'and' ? ({ kind, parts: flat, ...span } satisfies And) : ({ kind, parts: flat, ...span } satisfies Or)
}
