import { declaredField } from '../domain/fields.ts'
import type { FieldTerm, Query } from '../query/ast.ts'
import { textOf, type Values } from '../query/event-values.ts'
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
export function createQueryIndex(queries: readonly (Query | undefined)[], read: (path: string) => Values): QueryIndex {
  const tables = new Map<string, Table>()
  const always = new Uint32Array(Math.ceil(queries.length / 32))
  for (const [n, query] of queries.entries()) {
    const wants = query === undefined ? undefined : wantsOf(query)
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

export function setBit(bits: Bits, n: number): void {
  bits[n >>> 5] = (bits[n >>> 5] ?? 0) | (1 << (n & 31))
}

/** A value of one field, or what it begins with: without one of these a query cannot match. */
interface Want {
  readonly path: string
  readonly isExact: boolean
  readonly isPrefix: boolean
  readonly text: string
}

/** Rules by what they want of one field. */
interface Table {
  readonly values: Values
  readonly isExact: boolean
  readonly whole: Map<string, number[]>
  readonly prefixes: Map<string, number[]>
  readonly prefixLengths: Set<number>
}

function wantsOf(query: Query): readonly Want[] | undefined {
  switch (query.kind) {
    case 'field':
      return wantsOfField(query)
    case 'and':
      return query.parts
        .flatMap((part) => {
          const wants = wantsOf(part)
          return wants === undefined ? [] : [wants]
        })
        .toSorted((a, b) => costOf(a) - costOf(b))[0]
    case 'or': {
      const parts = query.parts.map(wantsOf)
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
  const isExact = field.exact === true
  const wants: Want[] = []
  for (const test of tests) {
    if (test.kind !== 'text' && test.kind !== 'pattern') return undefined
    const wanted = test.kind === 'text' ? test.value : test.pieces[0]
    if (wanted === undefined || wanted === '') return undefined
    const text = isExact ? wanted.toWellFormed() : fold(wanted.toWellFormed())
    for (const path of paths) wants.push({ path, isExact, isPrefix: test.kind === 'pattern', text })
  }
  return wants
}

/** Few values are better than many, and one of a field that has a handful says little. */
function costOf(wants: readonly Want[]): number {
  const vague = wants.filter(({ path }) => VAGUE.has(path) || declaredField(path)?.values !== undefined).length
  return wants.length + vague * 100
}

const VAGUE: ReadonlySet<string> = new Set(['event.category', 'event.type', 'event.kind', 'whodid.stream'])

function addWant(tables: Map<string, Table>, want: Want, n: number, read: (path: string) => Values): void {
  const key = `${want.isExact ? '=' : '~'}${want.path}`
  let table = tables.get(key)
  if (table === undefined) {
    const { path, isExact } = want
    table = { values: read(path), isExact, whole: new Map(), prefixes: new Map(), prefixLengths: new Set() }
    tables.set(key, table)
  }
  const into = want.isPrefix ? table.prefixes : table.whole
  const rules = into.get(want.text) ?? []
  if (rules.at(-1) !== n) rules.push(n)
  into.set(want.text, rules)
  if (want.isPrefix) table.prefixLengths.add(want.text.length)
}

function lookUp(table: Table, event: AuditEvent, into: Bits): void {
  const values = table.values(event)
  // The same value a thousand times over finds the same rules.
  const distinct = values.length > 8 ? new Set(values) : values
  for (const value of distinct) {
    const plain = textOf(value)
    if (plain === undefined) continue
    const text = table.isExact ? plain : fold(plain)
    setAll(into, table.whole.get(text))
    for (const length of table.prefixLengths)
      if (length <= text.length) setAll(into, table.prefixes.get(text.slice(0, length)))
  }
}

function setAll(bits: Bits, rules: readonly number[] | undefined): void {
  if (rules !== undefined) for (const n of rules) setBit(bits, n)
}
