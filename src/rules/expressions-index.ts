import { declaredField } from '../domain/fields.ts'
import type { FieldTerm, Query, Test } from '../query/ast.ts'
import type { Values } from '../query/event-values.ts'
import type { ReadAs, ReadPath } from '../query/predicate.ts'
import { resolveField } from '../query/resolve.ts'
import { fold } from '../query/words.ts'
import type { AuditEvent } from '../domain/event.ts'

/** A bit for each rule, in words of 32. */
export type Bits = Uint32Array

/**
 * Leaves out of many queries those that cannot match an event, because it lacks a value that they want: most rules name
 * an action, a source or a thing. Of a thousand such rules the few that name this event's are asked.
 */
export interface QueryIndex {
  /** Sets the bits of all that may match. */
  candidates(event: AuditEvent, into: Bits): void
}

/** @param read how the values at a path are found. */
export function createQueryIndex(queries: readonly (Query | undefined)[], read: ReadPath): QueryIndex {
  const tables = new Map<string, Table>()
  const always = new Uint32Array(Math.ceil(queries.length / 32))
  const popular = popularityOf(queries)
  for (const [n, query] of queries.entries()) {
    const wants = query === undefined ? undefined : wantsOf(query, popular)
    if (wants === undefined) setBit(always, n)
    for (const want of wants ?? []) addWant(tables, want, n, read)
  }
  const looked = [...tables.values()]
  return {
    candidates(event, into) {
      into.set(always)
      for (const table of looked) lookUp(table, event, into)
    },
  }
}

function setBit(bits: Bits, n: number): void {
  bits[n >>> 5] = (bits[n >>> 5] ?? 0) | (1 << (n & 31))
}

/** A value of one field, or what it begins with: without one of these a query cannot match. */
interface Want {
  readonly path: string
  readonly as: ReadAs
  readonly isPrefix: boolean
  readonly text: string
}

/** Rules by what they want of one field. */
interface Table {
  /** As they are compared. */
  readonly texts: Values
  readonly whole: Map<string, number[]>
  readonly prefixes: Map<string, number[]>
  /** Lengths of prefixes by their first character: most texts begin with none of them. */
  readonly prefixLengths: Map<number, Set<number>>
}

/** By how many queries a value is named: what many name says little about each of them. */
type Popularity = ReadonlyMap<string, number>

function popularityOf(queries: readonly (Query | undefined)[]): Popularity {
  const popular = new Map<string, number>()
  const count = (query: Query): void => {
    if (query.kind === 'and' || query.kind === 'or') for (const part of query.parts) count(part)
    const wants = query.kind === 'field' ? (wantsOfField(query) ?? []) : []
    for (const name of wants.map(nameOf)) popular.set(name, (popular.get(name) ?? 0) + 1)
  }
  for (const query of queries) if (query !== undefined) count(query)
  return popular
}

function nameOf({ path, as, isPrefix, text }: Want): string {
  return `${as} ${path} ${isPrefix ? '^' : '='} ${text}`
}

function wantsOf(query: Query, popular: Popularity): readonly Want[] | undefined {
  switch (query.kind) {
    case 'field':
      return wantsOfField(query)
    case 'and':
      return query.parts
        .flatMap((part) => {
          const wants = wantsOf(part, popular)
          return wants === undefined ? [] : [wants]
        })
        .toSorted((a, b) => costOf(a, popular) - costOf(b, popular))[0]
    case 'or': {
      const parts = query.parts.map((part) => wantsOf(part, popular))
      return parts.includes(undefined) ? undefined : parts.flatMap((wants) => wants ?? [])
    }
    case 'all':
    case 'not':
    case 'has':
    case 'text':
    case 'time':
      return undefined
  }
}

function wantsOfField({ field: name, tests }: FieldTerm): readonly Want[] | undefined {
  const { field, paths } = resolveField(name, new Map()) ?? {}
  if (field === undefined || paths === undefined) return undefined
  const wants: Want[] = []
  for (const test of tests) {
    const wanted = wantedBy(test, field.exact === true)
    if (wanted === undefined || wanted.text === '') return undefined
    for (const path of paths) wants.push({ path, ...wanted })
  }
  return wants
}

function wantedBy(test: Test, isExact: boolean): Omit<Want, 'path'> | undefined {
  const written = (text: string) => (isExact ? text.toWellFormed() : fold(text.toWellFormed()))
  const as = isExact ? 'text' : 'folded'
  switch (test.kind) {
    case 'text':
      return { as, isPrefix: false, text: written(test.value) }
    case 'pattern':
      return { as, isPrefix: true, text: written(test.pieces[0] ?? '') }
    case 'address': {
      // All addresses of a range begin with the digits that its first and its last one share.
      let shared = 0
      while (shared < test.first.length && test.first[shared] === test.last[shared]) shared++
      return { as: 'address', isPrefix: true, text: test.first.slice(0, shared) }
    }
    case 'number':
    case 'date':
      return undefined
  }
}

/** Few values that few others name are best; one of a field that has a handful, or a short beginning, says little. */
function costOf(wants: readonly Want[], popular: Popularity): number {
  return wants.reduce((sum, want) => {
    const isVague = VAGUE.has(want.path) || declaredField(want.path)?.values !== undefined
    const isShort = want.isPrefix && want.text.length < SHORT
    return sum + (popular.get(nameOf(want)) ?? 0) + (isVague ? 100 : 0) + (isShort ? 50 : 0)
  }, 0)
}

const SHORT = 3
const VAGUE: ReadonlySet<string> = new Set(['event.category', 'event.type', 'event.kind', 'whodid.stream'])

function addWant(tables: Map<string, Table>, want: Want, n: number, read: ReadPath): void {
  const key = `${want.as} ${want.path}`
  let table = tables.get(key)
  if (table === undefined) {
    const texts = read(want.path, want.as)
    table = { texts, whole: new Map(), prefixes: new Map(), prefixLengths: new Map() }
    tables.set(key, table)
  }
  const into = want.isPrefix ? table.prefixes : table.whole
  const rules = into.get(want.text) ?? []
  if (rules.at(-1) !== n) rules.push(n)
  into.set(want.text, rules)
  if (!want.isPrefix) return
  const first = want.text.charCodeAt(0)
  const lengths = table.prefixLengths.get(first) ?? new Set()
  table.prefixLengths.set(first, lengths.add(want.text.length))
}

function lookUp(table: Table, event: AuditEvent, into: Bits): void {
  const texts = table.texts(event)
  // The same value a thousand times over finds the same rules.
  const distinct = texts.length > 8 ? new Set(texts) : texts
  for (const text of distinct) {
    if (typeof text !== 'string') continue
    setAll(into, table.whole.get(text))
    const lengths = table.prefixLengths.size === 0 ? undefined : table.prefixLengths.get(text.charCodeAt(0))
    if (lengths === undefined) continue
    for (const length of lengths) if (length <= text.length) setAll(into, table.prefixes.get(text.slice(0, length)))
  }
}

function setAll(bits: Bits, rules: readonly number[] | undefined): void {
  if (rules !== undefined) for (const n of rules) setBit(bits, n)
}
