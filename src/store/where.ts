import type { Field } from '../domain/fields.ts'
import { blockOf } from '../domain/fields.ts'
import type { FieldTerm, HasTerm, Query, Test } from '../query/ast.ts'
import { segmentsOf } from '../query/event-values.ts'
import { fault } from '../query/fault.ts'
import type { HiddenFields, ResolvedField } from '../query/resolve.ts'
import { NOTHING_HIDDEN, resolveField, unknownTerm } from '../query/resolve.ts'
import type { Visibility } from '../query/visibility.ts'
import { fold } from '../query/words.ts'
import type { Column } from './where-columns.ts'
import { columnOf } from './where-columns.ts'
import { mayHave, rawsAt, textsOf } from './where-json.ts'
import { Parameters } from './where-parameters.ts'
import { addressPasses, allOf, anyOf, instant, isOneOf, numberPasses, textPasses, timePasses } from './where-tests.ts'
import { textCondition } from './where-text.ts'

/** A condition on the table `events`. What a user typed is in the parameters only (`{p0:String}`), never in the SQL. */
export interface Where {
  readonly sql: string
  readonly params: Readonly<Record<string, string | number>>
}

/**
 * The rows that match a query and are there for a reader: the twin of `predicate` in query/, held equal by a property test.
 * A field that is hidden from the reader is no field: the same `invalid_query` as for one that does not exist.
 */
export function whereOf(query: Query, visibility: Visibility): Where {
  const parameters = new Parameters()
  const asked = condition(query, visibility.fields, parameters)
  // What the filter looks at may be hidden from the reader; the filter itself sees everything.
  const { rowFilter } = visibility
  const filter = rowFilter === undefined ? [] : [condition(rowFilter, NOTHING_HIDDEN, parameters)]
  const sql = allOf([...filter, asked])
  if (sql.length > MAX_LENGTH) {
    const hint = 'Search for fewer words at once, or in a field: a list such as message:(a, b) counts little'
    throw fault('The query asks for too much at once', query, { hint })
  }
  return { sql, params: parameters.values }
}

/** Reading a statement costs the engine about a second by then, and soon after it gives up. */
const MAX_LENGTH = 120_000

function condition(query: Query, hidden: HiddenFields, parameters: Parameters): string {
  switch (query.kind) {
    case 'all':
      return 'true'
    case 'and':
      return allOf(query.parts.map((part) => condition(part, hidden, parameters)))
    case 'or':
      return anyOf(query.parts.map((part) => condition(part, hidden, parameters)))
    case 'not':
      return `NOT (${condition(query.part, hidden, parameters)})`
    case 'field':
      return fieldCondition(query, hidden, parameters)
    case 'has':
      return hasCondition(query, hidden, parameters)
    case 'text':
      return textCondition(query, hidden, parameters)
    case 'time':
      return `t ${query.edge === 'since' ? '>=' : '<'} ${instant(query.atMs * 1000, parameters)}`
  }
}

function fieldCondition(term: FieldTerm, hidden: HiddenFields, parameters: Parameters): string {
  const { field, paths } = resolved(term, hidden)
  return onPaths(paths, (path) => {
    if (path.startsWith('labels.')) return textPassesNotEmpty(labelOf(path, parameters), term.tests, parameters)
    const column = columnOf(path)
    if (column !== undefined) return columnPasses(column, term.tests, field, parameters)
    return blockHas(path, parameters, (raws) => {
      return `arrayExists(e -> ${textPasses('e', term.tests, field.exact === true, parameters)}, ${textsOf(raws)})`
    })
  })
}

function hasCondition(term: HasTerm, hidden: HiddenFields, parameters: Parameters): string {
  const { field, paths } = resolved(term, hidden)
  const objectsCount = field.type === 'object' || field.open === true || field.below !== undefined
  return onPaths(paths, (path) => {
    if (path.startsWith('labels.')) return `${labelOf(path, parameters)} != ''`
    const column = columnOf(path)
    if (column !== undefined) return columnHasValue(column)
    return blockHas(path, parameters, (raws) => `notEmpty(${objectsCount ? raws : textsOf(raws)})`)
  })
}

function resolved(term: FieldTerm | HasTerm, hidden: HiddenFields): ResolvedField {
  const found = resolveField(term.field, hidden)
  if (found === undefined) throw unknownTerm(term, hidden)
  return found
}

function onPaths(paths: readonly string[], one: (path: string) => string): string {
  return paths.length === 0 ? 'false' : anyOf(paths.map(one))
}

function labelOf(path: string, parameters: Parameters): string {
  return `labels[${parameters.text(path.slice('labels.'.length))}]`
}

/** A label that is not there reads as the empty text, which a pattern like `*` must not match. */
function textPassesNotEmpty(text: string, tests: readonly Test[], parameters: Parameters): string {
  return `(${text} != '' AND ${textPasses(text, tests, false, parameters)})`
}

function columnPasses(column: Column, tests: readonly Test[], field: Field, parameters: Parameters): string {
  const { sql } = column
  const isExact = field.exact === true
  switch (column.kind) {
    case 'time':
      return timePasses(sql, tests, parameters)
    case 'number':
      return numberPasses(sql, tests, parameters)
    case 'flag':
      return `(${sql} AND ${textPasses(`'true'`, tests, false, parameters)})`
    case 'id':
      return idPasses(sql, tests, parameters)
    case 'texts':
      return textsPass(sql, tests, parameters)
    case 'text': {
      if (field.type === 'ip') return addressPasses(sql, tests, parameters)
      const passes = textPasses(sql, tests, isExact, parameters)
      // Only a pattern can match the empty text that stands for a missing value.
      return tests.every((test) => test.kind === 'text') ? passes : `(${sql} != '' AND ${passes})`
    }
  }
}

function columnHasValue({ kind, sql }: Column): string {
  switch (kind) {
    case 'text':
      return `${sql} != ''`
    case 'texts':
      return `arrayExists(e -> e != '', ${sql})`
    case 'flag':
      return `(${sql})`
    case 'id':
    case 'time':
    case 'number':
      return 'true'
  }
}

/** Whole texts are looked up in the list as it is indexed; patterns look at each. */
function textsPass(list: string, tests: readonly Test[], parameters: Parameters): string {
  const whole = tests.flatMap((test) => {
    if (test.kind !== 'text') return []
    return [`has(arrayMap(x -> lowerUTF8(x), ${list}), ${parameters.text(fold(test.value.toWellFormed()))})`]
  })
  const others = tests.filter((test) => test.kind !== 'text')
  if (others.length === 0) return anyOf(whole)
  return anyOf([...whole, `arrayExists(e -> e != '' AND ${textPasses('e', others, false, parameters)}, ${list})`])
}

/** A whole id is compared as its bytes, where the engine has an index; what can be no id matches nothing. */
function idPasses(column: string, tests: readonly Test[], parameters: Parameters): string {
  const wanted = tests.flatMap((test) => {
    if (test.kind !== 'text' || !isId(test.value)) return []
    return [`toFixedString(base64URLDecode(${parameters.text(test.value)}), 16)`]
  })
  const patterns = tests.filter((test) => test.kind === 'pattern')
  const parts = [
    ...(wanted.length > 0 ? [isOneOf(column, wanted)] : []),
    ...(patterns.length > 0 ? [textPasses(`base64URLEncode(${column})`, patterns, true, parameters)] : []),
  ]
  return parts.length === 0 ? 'false' : anyOf(parts)
}

/** 16 bytes in base64url: the last character has only two bits. */
function isId(text: string): boolean {
  return /^[\w-]{21}[AQgw]$/.test(text)
}

function blockHas(path: string, parameters: Parameters, test: (raws: string) => string): string {
  const block = blockOf(path)
  // Every path of the header has a column.
  if (block === 'header') return 'false'
  const segments = segmentsOf(path)
  return `(${mayHave(block, segments, parameters)} AND ${test(rawsAt(block, segments, parameters))})`
}
