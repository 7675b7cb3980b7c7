/** A text that must not be found again, and what stands there instead. */
export interface Literal {
  readonly text: string
  readonly replacement: string
}

interface Replaced {
  readonly text: string
  /** Which literals were found. */
  readonly found: readonly string[]
}

export interface Literals {
  /** Undefined: none of them is in it. One pass over the text, however many there are (Aho and Corasick, 1975). */
  replace(text: string): Replaced | undefined
  /** Some were left out: there were more than is looked for. */
  readonly isPartial: boolean
}

/** Looks for texts as they are and as JSON, URLs and base64 spell them. */
export function createLiterals(literals: readonly Literal[]): Literals {
  const automaton = createAutomaton()
  let room = MOST_CHARACTERS
  let isPartial = false
  for (const [n, { text }] of literals.entries()) {
    for (const form of formsOf(text.slice(0, LONGEST))) {
      if (form.length > room) isPartial = true
      else {
        room -= form.length
        automaton.add(form, n)
      }
    }
  }
  automaton.link()
  return {
    isPartial,
    replace(text) {
      const hits = automaton.hits(text)
      return hits.length === 0 ? undefined : replaced(text, hits, literals)
    },
  }
}

/** What is longer is known by its beginning, and takes all that follows with it. */
const LONGEST = 512
const MOST_CHARACTERS = 1 << 16
/** Pieces of base64 that are shorter turn up by chance. */
const SHORTEST_BASE64 = 8

function formsOf(text: string): ReadonlySet<string> {
  const escaped = JSON.stringify(text).slice(1, -1)
  const forms = new Set([text, escaped, JSON.stringify(escaped).slice(1, -1)])
  forms.add(encodeURIComponent(text.toWellFormed()))
  forms.add(encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+'))
  const bytes = Buffer.from(text)
  for (let shift = 0; shift < 3; shift++) {
    const shifted = Buffer.concat([Buffer.alloc(shift), bytes])
    // The first and the last character also hold bits of what stands around.
    const piece = shifted
      .toString('base64')
      .replace(/=+$/, '')
      .slice(shift === 0 ? 0 : shift + 1, shifted.length % 3 === 0 ? undefined : -1)
    if (piece.length < SHORTEST_BASE64) continue
    forms.add(piece)
    forms.add(piece.replaceAll('+', '-').replaceAll('/', '_'))
  }
  return forms
}

interface Hit {
  readonly start: number
  readonly end: number
  readonly literal: number
}

interface Automaton {
  add(form: string, literal: number): void
  link(): void
  hits(text: string): readonly Hit[]
}

interface Node {
  readonly next: Map<number, Node>
  readonly depth: number
  /** Where to go on when nothing follows here: the longest end of this that begins another form. */
  fail: Node | undefined
  /** The literal whose form ends here. */
  literal: number | undefined
  /** The nearest node behind `fail` where a form ends. */
  output: Node | undefined
}

function createAutomaton(): Automaton {
  const root = createNode(0)
  return {
    add(form, literal) {
      let node = root
      for (let at = 0; at < form.length; at++) {
        const code = form.charCodeAt(at)
        const next = node.next.get(code) ?? createNode(node.depth + 1)
        node.next.set(code, next)
        node = next
      }
      node.literal ??= literal
    },
    link: () => linkAll(root),
    hits(text) {
      const hits: Hit[] = []
      let node = root
      for (let at = 0; at < text.length; at++) {
        const code = text.charCodeAt(at)
        let next = node.next.get(code)
        while (next === undefined && node.fail !== undefined) {
          node = node.fail
          next = node.next.get(code)
        }
        node = next ?? root
        // The longest form that ends here: shorter ones lie in it.
        const ended = node.literal === undefined ? node.output : node
        if (ended?.literal !== undefined)
          hits.push({ start: at + 1 - ended.depth, end: at + 1, literal: ended.literal })
      }
      return hits
    },
  }
}

function createNode(depth: number): Node {
  return { next: new Map(), depth, fail: undefined, literal: undefined, output: undefined }
}

function linkAll(root: Node): void {
  const queue: Node[] = [root]
  for (const node of queue) {
    for (const [code, next] of node.next) {
      let fail = node.fail
      while (fail !== undefined && !fail.next.has(code)) fail = fail.fail
      next.fail = fail?.next.get(code) ?? root
      next.output = next.fail.literal === undefined ? next.fail.output : next.fail
      queue.push(next)
    }
  }
}

/** Hits that overlap are one: nothing of any of them is left. */
function replaced(text: string, hits: readonly Hit[], literals: readonly Literal[]): Replaced {
  const found = new Set<string>()
  const pieces: string[] = []
  let from = 0
  let until = -1
  for (const { start, end, literal } of hits.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const known = literals[literal]
    if (known !== undefined) found.add(known.text)
    const reach = known !== undefined && known.text.length > LONGEST ? text.length : end
    if (start >= until) {
      pieces.push(text.slice(from, start), known?.replacement ?? '')
      until = reach
    } else until = Math.max(until, reach)
    from = until
  }
  pieces.push(text.slice(from))
  return { text: pieces.join(''), found: [...found] }
}
