/** What `log_line_prefix` can say, by the letters of its escapes (PostgreSQL's documentation, "What to Log"). */
type PrefixFields = ReadonlyMap<string, string>

export interface PrefixMatch {
  readonly fields: PrefixFields
  /** As the server wrote it: LOG, ERROR, DETAIL … */
  readonly severity: string
  /** Where the message begins. */
  readonly end: number
  /** The text can be read in more than one way: a name in it was chosen to look like the rest of a line. */
  readonly isAmbiguous: boolean
}

export interface PrefixPattern {
  /** Undefined for a text that does not begin so. Takes time for a few hundred characters, however long the text is. */
  match(text: string): PrefixMatch | undefined
}

type Part =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'field'; readonly letter: string; readonly width: number }
  /** `%q`: processes without a session have nothing behind it. */
  | { readonly kind: 'session' }

/**
 * Reads a `log_line_prefix` as the server does: `%` and a letter, with a width between them that may be negative.
 *
 * @throws TypeError for an escape that PostgreSQL does not have; the message names it.
 */
export function prefixPattern(prefix: string): PrefixPattern {
  const parts = partsOf(prefix)
  const hasNames = parts.some((part) => part.kind === 'field' && CHOSEN_BY_CLIENTS.has(part.letter))
  return {
    match(text) {
      const found = new Attempt(parts, text, 0).run()
      if (found === undefined) return undefined
      const behind = hasNames ? firstLine(text.slice(found.end, found.end + FAR)) : ''
      const other = A_SEVERITY.test(behind) ? new Attempt(parts, text, found.end + 1).run() : undefined
      return { ...found, isAmbiguous: other !== undefined || namesLookLikeLines(found.fields) }
    },
  }
}

/** Words before a message, in English; other languages have others, in capitals too. */
const SEVERITY =
  /(DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION|BACKTRACE|\p{Lu}{3,20}) ?: {2}/uy
const A_SEVERITY = /\p{Lu}{3,20} ?: {2}/u
/** How far behind the first way to read a line another one can end: three names, an address and what is between. */
const FAR = 600

const CHOSEN_BY_CLIENTS: ReadonlySet<string> = new Set(['a', 'u', 'd'])

function firstLine(text: string): string {
  const end = text.indexOf('\n')
  return end < 0 ? text : text.slice(0, end)
}

function namesLookLikeLines(fields: PrefixFields): boolean {
  return [...CHOSEN_BY_CLIENTS].some((letter) => A_SEVERITY.test(fields.get(letter) ?? ''))
}

const LETTERS = 'audrhLbpPtmnisecvxlqQ'

function partsOf(prefix: string): readonly Part[] {
  const parts: Part[] = []
  let literal = ''
  const flush = (): void => {
    if (literal !== '') parts.push({ kind: 'literal', text: literal })
    literal = ''
  }
  for (const [whole, width = '', letter = ''] of prefix.matchAll(/%(-?\d{1,3})?(.?)|[^%]+/gsu)) {
    if (!whole.startsWith('%')) literal += whole
    else if (letter === '%') literal += '%'
    else if (letter === '' || !LETTERS.includes(letter)) throw new TypeError(`PostgreSQL has no escape ${whole}`)
    else {
      flush()
      parts.push(letter === 'q' ? { kind: 'session' } : { kind: 'field', letter, width: Number(width) })
    }
  }
  flush()
  return parts
}

const STAMP = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`
const ZONE = '[A-Za-z+-][A-Za-z0-9+-]{0,9}'

/** Fields of a known shape, which leave no choice. */
const SHAPES: ReadonlyMap<string, RegExp> = new Map(
  Object.entries({
    t: `${STAMP} ${ZONE}`,
    m: String.raw`${STAMP}\.\d{3} ${ZONE}`,
    s: `${STAMP} ${ZONE}`,
    n: String.raw`\d{1,12}\.\d{3}`,
    p: String.raw`\d{1,10}`,
    P: String.raw`\d{0,10}`,
    l: String.raw`\d{1,20}`,
    x: String.raw`\d{1,20}`,
    Q: String.raw`-?\d{1,20}`,
    c: String.raw`[0-9a-f]{1,16}\.[0-9a-f]{1,8}`,
    e: '[0-9A-Z]{5}',
    v: String.raw`(?:-?\d{1,10}/\d{1,10})?`,
    r: String.raw`(?:\[local\]|[^\s()]{1,255}\(\d{1,5}\))?`,
  }).map(([letter, shape]) => [letter, new RegExp(shape, 'y')]),
)

/** Characters of a field that can hold what it likes: names have 63 bytes at most, host names 255. */
const LONGEST: ReadonlyMap<string, number> = new Map([
  ['h', 255],
  ['L', 255],
])
const LONGEST_NAME = 64

/**
 * One try to read a text. Fields without a shape are taken as short as possible; what has failed at a place is
 * remembered, so each part is tried at each place once.
 */
class Attempt {
  readonly #parts: readonly Part[]
  readonly #text: string
  /** The message begins here at the earliest. */
  readonly #least: number
  readonly #fields = new Map<string, string>()
  #failed: Set<number> | undefined

  constructor(parts: readonly Part[], text: string, least: number) {
    this.#parts = parts
    this.#text = text
    this.#least = least
  }

  run(): Omit<PrefixMatch, 'isAmbiguous'> | undefined {
    const found = this.#from(0, 0)
    return found === undefined ? undefined : { ...found, fields: this.#fields }
  }

  #from(nth: number, at: number): { readonly severity: string; readonly end: number } | undefined {
    const place = nth * 65_536 + at
    if (this.#failed?.has(place) === true) return undefined
    const found = this.#try(nth, at)
    if (found === undefined) (this.#failed ??= new Set()).add(place)
    return found
  }

  #try(nth: number, at: number): { readonly severity: string; readonly end: number } | undefined {
    const part = this.#parts[nth]
    if (part === undefined) return this.#severity(at)
    if (part.kind === 'session') return this.#from(nth + 1, at) ?? this.#severity(at)
    if (part.kind === 'literal') {
      return this.#text.startsWith(part.text, at) ? this.#from(nth + 1, at + part.text.length) : undefined
    }
    const begin = part.width > 0 ? this.#withoutSpaces(at, part.width) : at
    for (const end of this.#ends(part.letter, begin, nth, Math.abs(part.width))) {
      const behind = part.width < 0 ? this.#withoutSpaces(end, -part.width) : end
      const found = this.#from(nth + 1, behind)
      if (found === undefined) continue
      this.#fields.set(part.letter, this.#text.slice(begin, end).trim())
      return found
    }
    return undefined
  }

  *#ends(letter: string, at: number, nth: number, width: number): Iterable<number> {
    const shape = SHAPES.get(letter)
    if (shape !== undefined) {
      shape.lastIndex = at
      if (shape.test(this.#text)) yield shape.lastIndex
      else if (width > 0) yield at
      return
    }
    const next = this.#parts[nth + 1]
    const longest = Math.max(LONGEST.get(letter) ?? LONGEST_NAME, width)
    for (let end = at; end <= at + longest && end <= this.#text.length; end++) {
      if (next?.kind === 'literal') end = this.#text.indexOf(next.text.charAt(0), end)
      if (end < 0 || end > at + longest) return
      yield end
    }
  }

  #withoutSpaces(at: number, most: number): number {
    let end = at
    while (end < at + most && this.#text.charAt(end) === ' ') end++
    return end
  }

  #severity(at: number): { readonly severity: string; readonly end: number } | undefined {
    SEVERITY.lastIndex = at
    const severity = SEVERITY.exec(this.#text)?.[1]
    if (severity === undefined || SEVERITY.lastIndex < this.#least) return undefined
    return { severity, end: SEVERITY.lastIndex }
  }
}
