import type { Json } from '../domain/event.ts'

export type EdnRead =
  | {
      readonly kind: 'value'
      readonly value: Json
      /** Something was nested deeper than the limit and is null. */
      readonly cutDeep: boolean
      /** Keys that could change what objects inherit (`__proto__`, `constructor.prototype`) were there and are left out. */
      readonly unsafeKeys: boolean
    }
  | { readonly kind: 'broken'; readonly message: string }

/**
 * Reads one EDN value (github.com/edn-format/edn) as JSON would say it: keywords and symbols are texts without the colon,
 * sets and lists are lists, a composite key is its own text, a number that a double does not hold is its text, tags are
 * left out and their value is kept. One pass over hostile text, linear in its length; never throws for what it holds.
 */
export function readEdn(text: string, depthLimit: number): EdnRead {
  const reader = new Reader(text, depthLimit)
  try {
    const value = reader.whole()
    return { kind: 'value', value, cutDeep: reader.cutDeep, unsafeKeys: reader.unsafeKeys }
  } catch (error) {
    if (!(error instanceof BrokenText)) throw error
    return { kind: 'broken', message: error.message }
  }
}

class BrokenText extends Error {}

const QUOTE = 0x22
const HASH = 0x23
const COLON = 0x3a
const SEMICOLON = 0x3b
const OPEN_MAP = 0x7b
const CLOSE_MAP = 0x7d
const BACKSLASH = 0x5c
const UNDERSCORE = 0x5f
const CLOSER_OF: ReadonlyMap<number, number> = new Map([
  [0x28, 0x29],
  [0x5b, 0x5d],
  [OPEN_MAP, CLOSE_MAP],
])

const BLANK = 1
const ENDS_ATOM = 2
/** What a character does, by its code; all others are parts of atoms. */
const ROLES = rolesOf(' ,\t\n\r\f\v', '"()[]{};')

function rolesOf(blanks: string, delimiters: string): Uint8Array {
  const roles = new Uint8Array(128)
  for (const mark of blanks) roles[mark.charCodeAt(0)] = BLANK | ENDS_ATOM
  for (const mark of delimiters) roles[mark.charCodeAt(0)] = ENDS_ATOM
  return roles
}

function roleOf(code: number): number {
  return code < 128 ? (ROLES[code] ?? 0) : 0
}

class Reader {
  cutDeep = false
  unsafeKeys = false
  #at = 0
  #depth = 0
  /** Where the value that was read last began, behind its tags. */
  #began = 0
  readonly #text: string
  readonly #depthLimit: number

  constructor(text: string, depthLimit: number) {
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text
    this.#depthLimit = depthLimit
  }

  whole(): Json {
    const value = this.#valueOrCloser(-1)
    if (value === undefined) throw this.#broken('there is no value')
    if (this.#valueOrCloser(-1) !== undefined) throw this.#broken('there is more behind the value')
    return value
  }

  /** The next value; undefined at `closer`, which it passes, or with closer -1 at the end of the text. */
  #valueOrCloser(closer: number): Json | undefined {
    // Counted and not nested: a text may begin with a million of them.
    let discards = 0
    let tagged = false
    let namespace: string | undefined
    for (;;) {
      this.#skipBlanks()
      const code = this.#text.charCodeAt(this.#at)
      if (Number.isNaN(code) || code === closer) {
        if (tagged || discards > 0 || (closer >= 0 && code !== closer)) throw this.#broken('it ends too early')
        this.#at++
        return undefined
      }
      if (code === HASH && this.#text.charCodeAt(this.#at + 1) !== HASH) {
        const next = this.#text.charCodeAt(this.#at + 1)
        if (next === UNDERSCORE) {
          this.#at += 2
          discards++
          continue
        }
        if (next !== OPEN_MAP) {
          this.#at++
          const tag = this.#atom()
          if (tag === '') throw this.#broken('# is followed by nothing')
          tagged = true
          namespace = tag.startsWith(':') ? tag.slice(1) : undefined
          continue
        }
      }
      const began = this.#at
      const value = this.#value(code, namespace)
      this.#began = began
      tagged = false
      namespace = undefined
      if (discards === 0) return value
      discards--
    }
  }

  #value(code: number, namespace: string | undefined): Json {
    if (code === QUOTE) return this.#string()
    if (code === BACKSLASH) return this.#character()
    const isSet = code === HASH && this.#text.charCodeAt(this.#at + 1) === OPEN_MAP
    const closer = isSet ? CLOSE_MAP : CLOSER_OF.get(code)
    if (closer === undefined) return this.#plain()
    if (this.#depth >= this.#depthLimit) return this.#skipNested()
    this.#at += isSet ? 2 : 1
    this.#depth++
    const value = code === OPEN_MAP ? this.#map(namespace) : this.#list(closer)
    this.#depth--
    return value
  }

  #list(closer: number): Json {
    const items: Json[] = []
    for (;;) {
      const item = this.#valueOrCloser(closer)
      if (item === undefined) return items
      items.push(item)
    }
  }

  #map(namespace: string | undefined): Json {
    const map: Record<string, Json> = {}
    for (;;) {
      const key = this.#valueOrCloser(CLOSE_MAP)
      if (key === undefined) return map
      const name = this.#keyText(key, namespace)
      const value = this.#valueOrCloser(CLOSE_MAP)
      if (value === undefined) throw this.#broken('a map has a key without a value')
      if (isUnsafe(name, value)) this.unsafeKeys = true
      else map[name] = value
    }
  }

  #keyText(key: Json, namespace: string | undefined): string {
    if (typeof key === 'object' && key !== null) return this.#text.slice(this.#began, this.#at)
    const name = String(key)
    if (namespace === undefined || this.#text.charCodeAt(this.#began) !== COLON) return name
    if (name.startsWith('_/')) return name.slice(2)
    return name.includes('/') ? name : `${namespace}/${name}`
  }

  #string(): string {
    const start = this.#at + 1
    const end = this.#text.indexOf('"', start)
    if (end < 0) throw this.#broken('a text has no end')
    const plain = this.#text.slice(start, end)
    if (!plain.includes('\\')) {
      this.#at = end + 1
      return plain
    }
    return this.#escapedString(start)
  }

  #escapedString(start: number): string {
    const parts: string[] = []
    let from = start
    for (let at = start; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at)
      if (code === QUOTE) {
        parts.push(this.#text.slice(from, at))
        this.#at = at + 1
        return parts.join('')
      }
      if (code !== BACKSLASH) continue
      parts.push(this.#text.slice(from, at))
      const letter = this.#text.charAt(at + 1)
      const hex = letter === 'u' ? this.#text.slice(at + 2, at + 6) : ''
      const meant = letter === 'u' ? unicode(hex) : ESCAPES.get(letter)
      if (meant === undefined) {
        this.#at = at
        throw this.#broken('a text has an escape that EDN does not know')
      }
      parts.push(meant)
      at += 1 + hex.length
      from = at + 1
    }
    throw this.#broken('a text has no end')
  }

  #character(): string {
    const start = this.#at + 1
    // The first one is taken as it is: `\{` is a brace.
    const first = this.#text.codePointAt(start)
    if (first === undefined) throw this.#broken('a character is missing')
    this.#at = start + (first > 0xffff ? 2 : 1)
    const name = String.fromCodePoint(first) + this.#atom()
    const meant = CHARACTERS.get(name) ?? (name.length === 5 && name.startsWith('u') ? unicode(name.slice(1)) : name)
    if (meant === undefined) throw this.#broken('a character is not known')
    return meant
  }

  /** A keyword, symbol, number, `nil`, `true` or `false`. */
  #plain(): Json {
    const atom = this.#atom()
    if (atom === '') throw this.#broken('a bracket closes what is not open')
    if (atom.startsWith(':')) {
      if (atom.length < 2) throw this.#broken('a keyword has no name')
      return atom.slice(1)
    }
    if (atom.startsWith('##')) return atom.slice(2)
    return WORDS.get(atom) ?? (NULL_WORDS.has(atom) ? null : numberOrSymbol(atom))
  }

  #atom(): string {
    const start = this.#at
    let at = start
    while (at < this.#text.length && (roleOf(this.#text.charCodeAt(at)) & ENDS_ATOM) === 0) at++
    this.#at = at
    return this.#text.slice(start, at)
  }

  #skipBlanks(): void {
    while (this.#at < this.#text.length) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === SEMICOLON) {
        const end = this.#text.indexOf('\n', this.#at)
        this.#at = end < 0 ? this.#text.length : end + 1
      } else if ((roleOf(code) & BLANK) !== 0) this.#at++
      else return
    }
  }

  /** A list, set or map that is not read: without recursion, since it may be a million deep. */
  #skipNested(): null {
    this.cutDeep = true
    const open: number[] = []
    do {
      this.#skipBlanks()
      const code = this.#text.charCodeAt(this.#at)
      const closer = CLOSER_OF.get(code)
      if (Number.isNaN(code)) throw this.#broken('it ends too early')
      else if (code === QUOTE) this.#string()
      else if (code === BACKSLASH) this.#character()
      else if (closer !== undefined) {
        open.push(closer)
        this.#at++
      } else if (code === open.at(-1)) {
        open.pop()
        this.#at++
      } else if (this.#atom() === '') throw this.#broken('a bracket closes what is not open')
    } while (open.length > 0)
    return null
  }

  #broken(what: string): BrokenText {
    return new BrokenText(`${what} (at character ${Math.min(this.#at, this.#text.length)})`)
  }
}

const WORDS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
])
const NULL_WORDS = new Set(['nil'])

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['t', '\t'],
  ['r', '\r'],
  ['n', '\n'],
  ['b', '\b'],
  ['f', '\f'],
  ['\\', '\\'],
  ['"', '"'],
])

const CHARACTERS: ReadonlyMap<string, string> = new Map([
  ['newline', '\n'],
  ['return', '\r'],
  ['space', ' '],
  ['tab', '\t'],
  ['formfeed', '\f'],
  ['backspace', '\b'],
])

function unicode(hex: string): string | undefined {
  return /^[\da-fA-F]{4}$/.test(hex) ? String.fromCharCode(Number.parseInt(hex, 16)) : undefined
}

const EXACT_DIGITS = 15

function numberOrSymbol(atom: string): Json {
  const [, number] = /^([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)[NM]?$/.exec(atom) ?? []
  if (number === undefined) return atom
  const value = Number(number)
  const isExact = number.length <= EXACT_DIGITS || String(value) === number
  return isExact && Number.isFinite(value) ? value : number
}

function isUnsafe(name: string, value: Json): boolean {
  if (name === '__proto__') return true
  return name === 'constructor' && typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')
}
