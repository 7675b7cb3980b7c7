import { LineCounter, parseAllDocuments, visit } from 'yaml'

import { AuditError } from '../domain/errors.ts'
import { type Located, type Position, readYaml, refusal } from './kubernetes-policy-yaml.ts'

/** One document of a YAML or JSON file. */
export interface YamlDocument {
  /** With the lines before it left empty, so that positions in it are those of the file. */
  readonly text: string
  readonly root: Located
}

const MOST_CHARACTERS = 1 << 18
const MOST_DOCUMENTS = 500
const MOST_ALIASES = 100

/**
 * The documents of a file, in order, without empty ones. Duplicate keys, merge keys, more than 100 aliases and what is
 * nested too deeply are refused. One bad document refuses the file. Throws `invalid_config` with file, line and column.
 */
export function readDocuments(text: string, file: string): readonly YamlDocument[] {
  const refuse = (at: Position, message: string): never => {
    throw refusal(file, [{ at, path: '', message }])
  }
  if (text.length > MOST_CHARACTERS) refuse(START, `has more than ${MOST_CHARACTERS} characters`)
  const starts = startsOf(text, file, refuse)
  const documents = starts.map((start, n) => blankedBefore(text, start, starts[n + 1] ?? text.length))
  return documents.filter(saysSomething).map((each) => ({ text: each, root: readYaml(each, file) }))
}

const START: Position = { line: 1, column: 1 }

/** Where each document begins: the library tells where it ends, and the next one begins there. */
function startsOf(text: string, file: string, refuse: (at: Position, message: string) => never): readonly number[] {
  const lines = new LineCounter()
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const documents = parsed(text, lines, file)
  if ('empty' in documents) return []
  if (documents.length > MOST_DOCUMENTS) refuse(START, `has more than ${MOST_DOCUMENTS} documents`)
  const broken = documents.flatMap(({ errors }) => errors)
  if (broken.length > 0) {
    const notes = broken.map(({ pos, message }) => ({ at: at(pos[0]), path: '', message: faultInWords(message) }))
    throw refusal(file, notes)
  }
  const starts: number[] = []
  let start = 0
  for (const document of documents) {
    let aliases = 0
    visit(document, {
      Alias(_key, node) {
        if (++aliases > MOST_ALIASES) refuse(at(node.range?.[0] ?? 0), `uses more than ${MOST_ALIASES} aliases`)
      },
    })
    starts.push(start)
    start = document.range?.[2] ?? text.length
  }
  return starts
}

function parsed(text: string, lineCounter: LineCounter, file: string): ReturnType<typeof parseAllDocuments> {
  try {
    // Keys are compared later: the library does it in square time.
    return parseAllDocuments(text, { lineCounter, uniqueKeys: false, prettyErrors: false, version: '1.1' })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw refusal(file, [{ at: START, path: '', message: 'is nested too deeply' }])
  }
}

/** The library has no bound of its own for nesting: its stack ends first, and that is what it tells. */
function faultInWords(message: string): string {
  return message.includes('call stack') ? 'is nested too deeply' : `is no YAML: ${message}`
}

function blankedBefore(text: string, start: number, end: number): string {
  const before = text.slice(0, start)
  return '\n'.repeat(before.length - before.replaceAll('\n', '').length) + text.slice(start, end)
}

/** More than a separator and comments. */
function saysSomething(document: string): boolean {
  return document.split('\n').some((line) => {
    const words = line.replace(/^(---|\.\.\.)/, '').trim()
    return words !== '' && !words.startsWith('#') && !line.startsWith('%')
  })
}

/** The value as plain data: what a parser of ours takes. */
export function plainOf(located: Located): unknown {
  if (located.kind === 'scalar') return located.value
  if (located.kind === 'list') return located.items.map(plainOf)
  // Entries, not assignments: a key may be called __proto__.
  return Object.fromEntries([...located.entries].map(([key, { value }]) => [key, plainOf(value)]))
}

/** Where a dotted path stands, or the nearest that is there above it. */
export function positionOf(root: Located, dotted: string): Position {
  let found: Located = root
  let at = root.at
  for (const step of dotted === '' ? [] : dotted.split('.')) {
    if (found.kind === 'list') {
      const item: Located | undefined = found.items[Number(step)]
      if (item === undefined) break
      found = item
      at = item.at
      continue
    }
    const entry = found.kind === 'map' ? found.entries.get(step) : undefined
    if (entry === undefined) break
    at = entry.at
    found = entry.value
  }
  return at
}

/** Runs a parser whose faults have dotted paths, and says of each where in the file it is. */
export function placedIn<T>(root: Located, file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof AuditError) || error.details.faults === undefined) throw error
    const notes = error.details.faults.map(({ path, message }) => ({ at: positionOf(root, path), path, message }))
    throw notes.length === 0 ? error : refusal(file, notes)
  }
}
