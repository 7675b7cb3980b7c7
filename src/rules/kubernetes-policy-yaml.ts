import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'

import { AuditError, type InputFault } from '../domain/errors.ts'

/** Both from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** A value of a YAML file, and where it stands. */
export type Located =
  | { readonly kind: 'map'; readonly at: Position; readonly entries: ReadonlyMap<string, LocatedEntry> }
  | { readonly kind: 'list'; readonly at: Position; readonly items: readonly Located[] }
  | { readonly kind: 'scalar'; readonly at: Position; readonly value: unknown }

interface LocatedEntry {
  /** Of the key. */
  readonly at: Position
  readonly value: Located
}

export interface Note {
  readonly at: Position
  /** Like `rules[3].users`; empty for the whole file. */
  readonly path: string
  readonly message: string
}

const MOST_CHARACTERS = 1 << 18
const MOST_VALUES = 200_000
const DEEPEST = 32
const MOST_FAULTS = 20

/**
 * The one document of a YAML file, read as Kubernetes reads it (YAML 1.1: `yes` is a boolean). Aliases are followed
 * within a bound. Throws `invalid_config` with file, line and column.
 */
export function readYaml(text: string, file: string): Located {
  if (text.length > MOST_CHARACTERS)
    throw refusal(file, [{ at: START, path: '', message: `has more than ${MOST_CHARACTERS} characters` }])
  try {
    return readDocument(text, file)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw refusal(file, [{ at: START, path: '', message: 'is nested too deeply' }])
  }
}

const START: Position = { line: 1, column: 1 }

export function refusal(file: string, notes: readonly Note[], hint?: string): AuditError {
  const faults = notes.slice(0, MOST_FAULTS).map((note) => faultOf(file, note))
  const more = notes.length > MOST_FAULTS ? ` (and ${notes.length - MOST_FAULTS} more faults)` : ''
  const [first] = faults
  const message = first === undefined ? `${file} is not understood` : `${first.path} ${first.message}${more}`
  return new AuditError('invalid_config', message, { faults, ...(hint !== undefined && { hint }) })
}

function faultOf(file: string, { at, path, message }: Note): InputFault {
  return { path: `${file}:${at.line}:${at.column}:`, message: path === '' ? message : `${path}: ${message}` }
}

function readDocument(text: string, file: string): Located {
  const lines = new LineCounter()
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  // Keys are compared below: the library does it in square time.
  const options = { lineCounter: lines, uniqueKeys: false, prettyErrors: false, version: '1.1' as const }
  const documents = parseAllDocuments(text, options)
  const [document, ...rest] = 'empty' in documents ? [] : documents
  const errors = [document, ...rest].flatMap((each) => each?.errors ?? [])
  if (errors.length > 0) {
    const notes = errors.map(({ pos, message }) => ({ at: position(pos[0]), path: '', message: faultInWords(message) }))
    throw refusal(file, notes)
  }
  if (document === undefined || document.contents === null)
    throw refusal(file, [{ at: START, path: '', message: 'holds no policy' }])
  const second = rest.find(({ contents }) => !isEmpty(contents))
  if (second !== undefined) {
    const message = 'a second document: the API server would read the first alone'
    throw refusal(file, [{ at: position(second.range[0]), path: '', message }], 'put each policy into its own file')
  }
  return locate(document.contents, position, file)
}

/** The library has no bound of its own for nesting: its stack ends first, and that is what it tells. */
function faultInWords(message: string): string {
  return message.includes('call stack') ? 'is nested too deeply' : `is no YAML: ${message}`
}

function isEmpty(contents: unknown): boolean {
  return contents === null || (isScalar(contents) && contents.value === null)
}

/** Follows aliases in the order of the text, each value as often as it is used. */
function locate(root: unknown, position: (offset: number) => Position, file: string): Located {
  const anchors = new Map<string, unknown>()
  const open = new Set<unknown>()
  let values = 0

  function refuse(at: Position, message: string): never {
    throw refusal(file, [{ at, path: '', message }])
  }

  function visit(node: unknown, path: Position): Located {
    const at = isNode(node) && node.range ? position(node.range[0]) : path
    if (++values > MOST_VALUES) refuse(at, `has more than ${MOST_VALUES} values when its aliases are followed`)
    if (open.size > DEEPEST) refuse(at, `is nested more than ${DEEPEST} deep`)
    if (isAlias(node)) {
      const meant = anchors.get(node.source)
      if (meant === undefined) refuse(at, `there is no anchor ${node.source} before it`)
      if (open.has(meant)) refuse(at, `the alias ${node.source} stands inside of what it names`)
      return visit(meant, at)
    }
    if (isNode(node) && 'anchor' in node && node.anchor !== undefined) anchors.set(node.anchor, node)
    if (isScalar(node)) return { kind: 'scalar', at, value: node.value }
    open.add(node)
    const found: Located = isSeq(node)
      ? { kind: 'list', at, items: node.items.map((item) => visit(item, at)) }
      : { kind: 'map', at, entries: entriesOf(node, at) }
    open.delete(node)
    return found
  }

  function entriesOf(node: unknown, at: Position): ReadonlyMap<string, LocatedEntry> {
    const entries = new Map<string, LocatedEntry>()
    for (const { key, value } of isMap(node) ? node.items : []) {
      const keyAt = isNode(key) && key.range ? position(key.range[0]) : at
      const name: unknown = isScalar(key) ? key.value : undefined
      if (typeof name === 'symbol' || name === '<<') refuse(keyAt, 'merge keys are not read here; write the keys out')
      if (typeof name !== 'string') refuse(keyAt, 'a key must be a text')
      if (entries.has(name)) refuse(keyAt, `the key ${name} is here a second time`)
      entries.set(name, { at: keyAt, value: value === null ? nothing(keyAt) : visit(value, keyAt) })
    }
    return entries
  }

  return visit(root, START)
}

function nothing(at: Position): Located {
  return { kind: 'scalar', at, value: null }
}
