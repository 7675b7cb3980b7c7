import { isSecretValue, ruleOfKey } from './default-masks-keys.ts'
import type { DefaultMask, Hit } from './default-masks-names.ts'
import { DASH, DOT, LETTERS_AND_DIGITS, UNDERSCORE, isOneOf, runEnd, runStart } from './secret-scanner-characters.ts'
import type { Trigger } from './secret-scanner-triggers.ts'

/** Out of the middle of each name that `ruleOfKey` knows. */
const THREES = [
  'riz',
  'ook',
  'ssw',
  'pwd',
  'sph',
  'ecr',
  'oke',
  'key',
  'y-k',
  'jwt',
  'nid',
  'n_i',
  'n-i',
  'sid',
  't-a',
] as const

/** What a text gives to a name: `password=…`, `"token": "…"`, `Authorization: Bearer …`, `--password …`, `PASSWORD '…'`. */
export const ASSIGNMENTS: readonly Trigger[] = THREES.map((three) => [three, assignment])

/** Names with something behind them that looks like one, in JSON as it was sent. */
export const MAYBE_ASSIGNMENTS: readonly Trigger[] = [
  ...THREES.map((three): Trigger => [three, maybeAssignment]),
  ['ecr', maybeSecret],
]

const NAME = LETTERS_AND_DIGITS | UNDERSCORE | DASH | DOT
const LONGEST_NAME = 64

interface Name {
  readonly start: number
  readonly end: number
  readonly text: string
  readonly rule: DefaultMask
  readonly isOption: boolean
}

function nameAt(text: string, at: number): Name | undefined {
  const end = runEnd(text, at + 1, NAME, LONGEST_NAME)
  if (!mayEndName(text, end)) return undefined
  const from = runStart(text, at, NAME, LONGEST_NAME)
  const start = runEnd(text, from, DASH)
  const name = text.slice(start, end)
  const rule = ruleOfKey(name) ?? ruleOfWords(text, start, name)
  return rule === undefined ? undefined : { start, end, text: name, rule, isOption: start > from }
}

/** `api key: …` */
function ruleOfWords(text: string, start: number, name: string): DefaultMask | undefined {
  return name.toLowerCase() === 'key' && /\bapi $/i.test(text.slice(Math.max(0, start - 5), start))
    ? 'secret/api-key'
    : undefined
}

/** A quote, blank, sign or bracket behind it. Most names that come along go on: `authorization.k8s.io/decision`. */
function mayEndName(text: string, end: number): boolean {
  return ' =:"\'\\`\t(%]'.includes(text.charAt(end)) && end < text.length
}

function maybeAssignment(text: string, at: number, found: Hit[]): void {
  const name = nameAt(text, at)
  if (name === undefined) return
  const quote = runOfQuote(text, name.end)
  const next = skipBlanks(text, name.end + quote.length)
  const char = text.charAt(next)
  const isPair = quote !== '' && char !== ':' && hasValues(text)
  const isGiven = char !== '' && '=:"\'`\\$(%['.includes(char) && (quote === '' || char === ':' || char === '=')
  if (isGiven && !isPair && isHarmless(text, name)) return
  if (
    isPair ||
    isGiven ||
    name.isOption ||
    isListed(name) ||
    (next > name.end && /^[EU]&?'/i.test(text.slice(next, next + 3)))
  )
    found.push({ start: name.start, end: name.end, rule: name.rule })
}

/** `"kind": "Secret"` with data beside it. */
function maybeSecret(text: string, at: number, found: Hit[]): void {
  if (!text.startsWith('Secret', at - 3) || !/^(?:List)?\\{0,16}"/.test(text.slice(at + 3, at + 24))) return
  if (hasData(text)) found.push({ start: at, end: at + 1, rule: 'secret/kubernetes-secret' })
}

const hasValues = remembered(/"(?:(?:string|old|new)?values?|old|new|before|after|raw|v)\\*"/i)
const hasData = remembered(/"(?:string)?data\\*"/i)

/** The same text is asked about at every name in it. */
function remembered(pattern: RegExp): (text: string) => boolean {
  let last = ''
  let answer = false
  return (text) => {
    if (text !== last) answer = pattern.test(text)
    // Also when it is equal: the next time it is the same one, and nothing is compared.
    last = text
    return answer
  }
}

/** What is plainly given to it is no secret: `PWD=/home/ada`, a short session id. */
function isHarmless(text: string, name: Name): boolean {
  const value = valueOf(text, name)
  if (value === undefined) return false
  return !isSecretValue(name.rule, name.text, text.slice(value.start, value.end))
}

/** Its value may be the next item of a list. */
function isListed({ rule }: Name): boolean {
  return rule === 'secret/authorization' || rule === 'secret/cookie'
}

function assignment(text: string, at: number, found: Hit[]): void {
  const name = nameAt(text, at)
  if (name === undefined) return
  const value = valueOf(text, name)
  if (value === undefined || value.end <= value.start) return
  if (!isSecretValue(name.rule, name.text, text.slice(value.start, value.end))) return
  found.push({ start: value.start, end: value.end, rule: value.rule ?? name.rule })
}

interface Value {
  readonly start: number
  readonly end: number
  readonly rule?: DefaultMask
}

function valueOf(text: string, name: Name): Value | undefined {
  const quote = runOfQuote(text, name.end)
  let at = skipBlanks(text, name.end + quote.length)
  const sign = signAt(text, at)
  if (sign === undefined) return quote === '' ? valueWithoutSign(text, name, at) : undefined
  at = skipBlanks(text, at + sign.length)
  const isSpaced = text[at - 1] === ' '
  if (text[at] === '[' && runOfQuote(text, at + 1) !== '') at++
  const isHeader = name.rule === 'secret/authorization' || name.rule === 'secret/cookie'
  const opening = runOfQuote(text, openingAt(text, at))
  if (opening !== '') return quoted(text, openingAt(text, at), opening)
  if (quote === '' && sign === ':' && !mayBeProse(text, name, at, isSpaced)) return undefined
  if (isHeader) return headerValue(text, name, at)
  const value = bareValue(text, at)
  if (!sign.startsWith('%')) return value
  const escape = /%2[26]/.exec(text.slice(at, value.end))
  return escape === null ? value : { start: at, end: at + escape.index }
}

/** The percent forms are of URLs and forms. */
function signAt(text: string, at: number): string | undefined {
  const char = text.charAt(at)
  if (char === '=') {
    const two = text.slice(at, at + 2)
    if (two === '==' || two === '=~') return undefined
    return two === '=>' ? two : char
  }
  if (char === ':') return text[at + 1] === '=' ? ':=' : char
  if (char !== '%') return undefined
  return /^%(?:3[DdAa]|22%3[Aa](?:%20|\+)?(?:%22)?)/.exec(text.slice(at, at + 15))?.[0]
}

/** SQL and EDN: `PASSWORD 'x'`, `:password "x"`; command lines: `--password x`; functions: `PASSWORD('x')`. */
function valueWithoutSign(text: string, name: Name, at: number): Value | undefined {
  const isBlank = at > name.end
  if (text[at] === '(' && name.rule === 'secret/password') at = skipBlanks(text, at + 1)
  else if (!isBlank) return undefined
  const from = openingAt(text, at)
  const opening = runOfQuote(text, from)
  if (opening !== '') {
    const isSql = !name.isOption && opening === "'"
    const value = quoted(text, from, opening)
    return isSql ? { ...value, rule: 'secret/sql' } : value
  }
  const dollars = name.isOption ? undefined : dollarQuoted(text, at)
  if (dollars !== undefined) return { ...dollars, rule: 'secret/sql' }
  if (name.isOption && isBlank && text[at] !== '-') return bareValue(text, at)
  return undefined
}

/** PostgreSQL writes `E'…'` and `U&'…'` too; a function around a value is passed. */
function openingAt(text: string, at: number): number {
  const before = /^(?:E|U&|N|[A-Za-z_][\w.]{0,40}\( {0,4})(?=')/i.exec(text.slice(at, at + 48))?.[0] ?? ''
  return at + before.length
}

/** PostgreSQL's `$$…$$` and `$tag$…$tag$`. */
export function dollarQuoted(text: string, at: number): Value | undefined {
  const tag = /^\$(?:[A-Za-z_]\w{0,30})?\$/.exec(text.slice(at, at + 34))?.[0]
  if (tag === undefined) return undefined
  const end = text.indexOf(tag, at + tag.length)
  return { start: at + tag.length, end: end < 0 ? text.length : end }
}

/** Behind the quote, up to the same one: `\"…\"` in JSON that stands in JSON. Without one, up to the end of the line. */
export function quoted(text: string, at: number, opening: string): Value {
  const start = at + opening.length
  const mark = opening.at(-1) ?? '"'
  let end = start
  for (;;) {
    end = text.indexOf(mark, end)
    if (end < 0) return { start, end: lineEnd(text, start) }
    const slashes = end - backslashesBefore(text, end, start)
    if (slashes === opening.length - 1) {
      // SQL doubles a quote that is part of the text; one with more backslashes than ours is part of it, too.
      if (opening.length > 1 || text[end + 1] !== mark) return { start, end: end - slashes }
      end++
    } else if (slashes < opening.length - 1 || (opening.length === 1 && slashes % 2 === 0))
      return { start, end: end - slashes * (opening.length > 1 ? 1 : 0) }
    end++
  }
}

function backslashesBefore(text: string, end: number, limit: number): number {
  let at = end
  while (at > limit && text[at - 1] === '\\') at--
  return at
}

/** A quote with the backslashes before it; empty when there is none. */
export function runOfQuote(text: string, at: number): string {
  let end = at
  while (text[end] === '\\' && end - at < 16) end++
  return '"\'`'.includes(text.charAt(end)) && end < text.length ? text.slice(at, end + 1) : ''
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while ((text[at] === ' ' || text[at] === '\t') && at - from < 16) at++
  return at
}

/**
 * `name: value` is a sentence as often as not: `passwd: password changed for ada`, `arn:aws:…:secret:prod`. Words of letters
 * only with more words behind them are taken for one, and so is what stands in names with colons.
 */
function mayBeProse(text: string, name: Name, at: number, isSpaced: boolean): boolean {
  const before = text.charAt(name.start - 1)
  if (before !== '' && ':/(@.'.includes(before)) return false
  const end = runEnd(text, at, LETTERS_AND_DIGITS | UNDERSCORE | DASH, 256)
  const word = text.slice(at, end)
  if (!isSpaced) return /\d/.test(word) || isOneOf(text, at, 0) || !/^[A-Za-z-]{0,256}$/.test(word) || end - at >= 12
  if (name.rule === 'secret/authorization') return true
  if (text.slice(name.start, name.end).toLowerCase() === 'passwd') return false
  return !(/^[A-Za-z-]+$/.test(word) && /^ +[A-Za-z(]/.test(text.slice(end, end + 3)))
}

const SCHEMES = /^(?:bearer|basic|token|negotiate|ntlm|apikey|splunk|kerberos|key)$/i
const LONG_SCHEMES = /^(?:digest|hawk|signature|oauth|aws4-[a-z\d-]{1,40})$/i

/** A cookie's goes to the end of the line, an authorization's too when it has parameters. */
function headerValue(text: string, name: Name, at: number): Value | undefined {
  const whole = { start: at, end: headerEnd(text, name, at) }
  if (name.rule === 'secret/cookie') return whole
  const scheme = text.slice(at, runEnd(text, at, LETTERS_AND_DIGITS | DASH, 64))
  if (LONG_SCHEMES.test(scheme)) return whole
  const behind = skipBlanks(text, at + scheme.length)
  if (!SCHEMES.test(scheme) || behind === at + scheme.length) return bareValue(text, at)
  return { start: at, end: Math.min(bareValue(text, behind).end, whole.end) }
}

/** The end of the line, or of the quoted text that the name is in: `-H 'Cookie: …'`. */
function headerEnd(text: string, { start }: Name, from: number): number {
  const quote = '"\'`'.includes(text.charAt(start - 1)) ? text.charAt(start - 1) : '\n'
  let at = from
  while (at < text.length && text[at] !== '\n' && text[at] !== quote) at++
  return at
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}

/** Up to a blank, quote or bracket, and up to a comma or semicolon where another `name=` follows. */
export function bareValue(text: string, start: number): Value {
  // A reference to a variable: `${NAME}`.
  let at = start + (/^\$[({][A-Za-z_]\w{0,100}[)}]/.exec(text.slice(start, start + 104))?.[0].length ?? 0)
  for (; at < text.length; at++) {
    const char = text.charAt(at)
    if (' \t\r\n"\'`<>&)]}\\'.includes(char)) break
    if ((char === ',' || char === ';') && at - start > 0) {
      const next = skipBlanks(text, at + 1)
      const end = runEnd(text, next, NAME, LONGEST_NAME)
      if (next > at + 1 || next >= text.length || (end > next && '=:'.includes(text.charAt(end)))) break
    }
  }
  return { start, end: at }
}
