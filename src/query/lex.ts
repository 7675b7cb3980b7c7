import type { Span } from './ast.ts'

/** What the text is made of. Linear in its length, and it never throws: what is wrong becomes a token too. */
export type Token =
  | (Span & { readonly kind: 'open' | 'close' | 'minus' | 'comma' })
  | (Span & { readonly kind: 'operator'; readonly name: 'AND' | 'OR' | 'NOT' })
  /** `name:`, with the colon. */
  | (Span & { readonly kind: 'field'; readonly name: string })
  | (Span & { readonly kind: 'compare'; readonly op: '>' | '>=' | '<' | '<=' })
  /** Text without quotes, cut at its wildcards; a value when it follows a field. */
  | (Span & { readonly kind: 'word'; readonly pieces: readonly string[]; readonly isValue: boolean })
  | (Span & { readonly kind: 'quoted'; readonly text: string; readonly isValue: boolean; readonly isClosed: boolean })

export function lex(text: string): readonly Token[] {
  const lexer = new Lexer(text)
  while (lexer.step());
  return lexer.tokens
}

/** A bare value with these pieces, escaped so that `lex` reads it back. */
export function escapeWord(pieces: readonly string[]): string {
  return pieces.map((piece) => piece.replaceAll(ESCAPED, String.raw`\$&`)).join('*')
}

export function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

/** A field's name as it is typed: what would end it is escaped. */
export function escapeName(name: string): string {
  return name.replaceAll(/[^\p{L}\p{N}_.@/+-]|^[^\p{L}@_]/gu, String.raw`\$&`)
}

const ESCAPED = /[\s"\\(),*<>]/g
const NAME = /(?:[\p{L}@_]|\\[^])(?:[\p{L}\p{N}_.@/+-]|\\[^])*:/uy
const COMPARE = /[<>]=?/y
const SPACE = /\s*/y
/** Runs that end at what has a meaning: white space, brackets, quotes, and in values commas. */
const WORD = /(?:\\[\s"\\(),*<>]|[^\s"()])+/y
const VALUE = /(?:\\[\s"\\(),*<>]|[^\s"(),])+/y
const QUOTED = /"((?:\\["\\]|[^"])*?)(?:"|$)/y
const OPERATOR = /(?:AND|OR|NOT)(?![^\s()"])/y

type State = 'term' | 'value' | 'list'

class Lexer {
  readonly tokens: Token[] = []
  readonly #text: string
  #at = 0
  /** `value`: a field's value must come next; `list`: within the brackets behind a field. */
  #state: State = 'term'

  constructor(text: string) {
    this.#text = text
  }

  /** Reads one token. False at the end. */
  step(): boolean {
    this.#take(SPACE)
    if (this.#at >= this.#text.length) return false
    if (this.#state === 'term') this.#term()
    else if (this.#state === 'value') this.#value()
    else this.#list()
    return true
  }

  #term(): void {
    if (this.#bracket()) return
    if (this.#text[this.#at] === '-') {
      this.#one('minus')
      return
    }
    if (this.#operator() || this.#quoted(false)) return
    const start = this.#at
    const name = this.#take(NAME)
    if (name === undefined) {
      this.#word(WORD, false)
      return
    }
    this.tokens.push({ kind: 'field', name: unescapedName(name.slice(0, -1)), start, end: this.#at })
    this.#state = 'value'
  }

  #value(): void {
    const next = this.#text[this.#at]
    if (next === '(') {
      this.#one('open')
      this.#state = 'list'
      return
    }
    this.#state = 'term'
    if (next === ')') return
    this.#element()
    if (this.#text[this.#at] !== ',') return
    this.#one('comma')
    // `a, b` is a list without its second value: the parser says so.
    if (!/[\s)]|^$/.test(this.#text.slice(this.#at, this.#at + 1))) this.#state = 'value'
  }

  #list(): void {
    if (this.#text[this.#at] === ',') this.#one('comma')
    else if (this.#bracket()) {
      if (this.#text[this.#at - 1] === ')') this.#state = 'term'
    } else if (!this.#operator()) this.#element()
  }

  #element(): void {
    const start = this.#at
    const compared = this.#take(COMPARE)
    if (compared !== undefined) {
      // The expression matches these four only.
      this.tokens.push({ kind: 'compare', op: compared as '>' | '>=' | '<' | '<=', start, end: this.#at })
      this.#take(SPACE)
    }
    if (this.#quoted(true)) return
    this.#word(VALUE, true)
  }

  #bracket(): boolean {
    const next = this.#text[this.#at]
    if (next !== '(' && next !== ')') return false
    this.#one(next === '(' ? 'open' : 'close')
    return true
  }

  #operator(): boolean {
    const start = this.#at
    const name = this.#take(OPERATOR)
    if (name === undefined) return false
    // The expression matches these three only.
    this.tokens.push({ kind: 'operator', name: name as 'AND' | 'OR' | 'NOT', start, end: this.#at })
    return true
  }

  #quoted(isValue: boolean): boolean {
    if (this.#text[this.#at] !== '"') return false
    const start = this.#at
    const raw = this.#take(QUOTED) ?? ''
    const isClosed = raw.length > 1 && raw.endsWith('"') && !endsInEscape(raw)
    const text = raw.slice(1, isClosed ? -1 : undefined).replaceAll(/\\(["\\])/g, '$1')
    this.tokens.push({ kind: 'quoted', text, isValue, isClosed, start, end: this.#at })
    return true
  }

  #word(run: RegExp, isValue: boolean): void {
    const start = this.#at
    const raw = this.#take(run)
    if (raw === undefined) return
    this.tokens.push({ kind: 'word', pieces: cut(raw), isValue, start, end: this.#at })
  }

  #one(kind: 'open' | 'close' | 'minus' | 'comma'): void {
    this.tokens.push({ kind, start: this.#at, end: ++this.#at })
  }

  #take(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#at
    const found = sticky.exec(this.#text)?.[0]
    if (found === undefined) return undefined
    this.#at += found.length
    return found
  }
}

/** Whether the last quote of a quoted text is escaped. */
function endsInEscape(raw: string): boolean {
  const slashes = /(\\*)"$/.exec(raw)?.[1] ?? ''
  return slashes.length % 2 === 1
}

/** Cut at wildcards that are not escaped; several in a row are one. */
function cut(raw: string): string[] {
  const found = ['']
  for (const [part] of raw.matchAll(/\\[\s"\\(),*<>]|\*+|[^\\*]+|\\/g)) {
    if (part.startsWith('*')) found.push('')
    else found[found.length - 1] += part.length === 2 && part.startsWith('\\') ? part.slice(1) : part
  }
  return found
}

function unescapedName(raw: string): string {
  return raw.replaceAll(/\\([^])/g, '$1')
}
