import { eventTime } from '../domain/blocks.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { Field } from '../domain/fields.ts'
import { parseTime } from '../domain/time.ts'
import { parseAddress } from './address.ts'
import type { DateTest, FieldTerm, HasTerm, NumberTest, PatternTest, Query, Test } from './ast.ts'
import { textOf, type Values, valuesOf } from './event-values.ts'
import { textFinder } from './free-text.ts'
import { NUMBER } from './read-test.ts'
import type { HiddenFields } from './resolve.ts'
import { NOTHING_HIDDEN, resolveField, unknownTerm } from './resolve.ts'
import { fold } from './words.ts'

export type Predicate = (event: AuditEvent) => boolean

/**
 * The query as a function of an event: it says of every event what the store says (docs/query, "What matches").
 * A hidden field is no field: `invalid_query`.
 *
 * @param read how the values at a path are found: who asks many queries of one event finds them once.
 */
export function predicate(query: Query, hidden: HiddenFields = NOTHING_HIDDEN, read: ReadPath = valuesIn): Predicate {
  switch (query.kind) {
    case 'all':
      return () => true
    case 'and': {
      const parts = query.parts
        .map((part) => ({ passes: predicate(part, hidden, read), cost: costOf(part) }))
        .toSorted((a, b) => a.cost - b.cost)
      return (event) => {
        for (const { passes } of parts) if (!passes(event)) return false
        return true
      }
    }
    case 'or': {
      const parts = query.parts.map((part) => predicate(part, hidden, read))
      return (event) => parts.some((part) => part(event))
    }
    case 'not': {
      const part = predicate(query.part, hidden, read)
      return (event) => !part(event)
    }
    case 'has':
      return hasAny(query, hidden, read)
    case 'field':
      return fieldPredicate(query, hidden, read)
    case 'text':
      return textFinder(query, hidden)
    case 'time': {
      const at = query.atMs * 1000
      return query.edge === 'since' ? (event) => eventTime(event) >= at : (event) => eventTime(event) < at
    }
  }
}

/** What is quickly told is asked first: of all parts that must hold, mostly one does not. */
function costOf(query: Query): number {
  switch (query.kind) {
    case 'and':
    case 'or':
      return query.parts.reduce((sum, part) => sum + costOf(part), 0)
    case 'not':
      return costOf(query.part)
    case 'field':
      return query.tests.reduce((sum, test) => sum + (test.kind === 'pattern' ? 4 : 1), 0)
    case 'text':
      return 100
    case 'all':
    case 'has':
    case 'time':
      return 1
  }
}

/**
 * What a test looks at: values as they are, texts as they are or in lower case, or addresses as digits (query/address.ts).
 * What cannot be read so is left out.
 */
export type ReadAs = 'value' | 'text' | 'folded' | 'address'
export type ReadPath = (path: string, as: ReadAs) => Values

/** Values at a path; fields of the header always have the value that the leaf says. */
export function valuesIn(path: string, as: ReadAs): Values {
  const values = headerValues(path) ?? valuesOf(path)
  if (as === 'value') return values
  const convert = CONVERTERS[as]
  return (event) => {
    const found = values(event)
    if (found.length === 0) return found
    if (found.length > 1) return found.map(convert).filter((each) => each !== undefined)
    const only = convert(found[0])
    return only === undefined ? [] : [only]
  }
}

const CONVERTERS: Readonly<Record<Exclude<ReadAs, 'value'>, (value: unknown) => string | undefined>> = {
  text: textOf,
  folded: foldedText,
  address: (value) => (typeof value === 'string' ? parseAddress(value) : undefined),
}

function headerValues(path: string): Values | undefined {
  if (path === '@timestamp') return (event) => [eventTime(event)]
  return path === 'event.outcome' ? (event) => [event.event.outcome ?? 'unknown'] : undefined
}

function hasAny(term: HasTerm, hidden: HiddenFields, read: ReadPath): Predicate {
  const resolved = resolveField(term.field, hidden)
  if (resolved === undefined) throw unknownTerm(term, hidden)
  const { field, paths } = resolved
  const counts = field.type === 'object' || field.open === true || field.below !== undefined
  const found = paths.map((path) => read(path, counts ? 'value' : 'text'))
  return (event) => found.some((values) => values(event).length > 0)
}

function fieldPredicate(term: FieldTerm, hidden: HiddenFields, read: ReadPath): Predicate {
  const resolved = resolveField(term.field, hidden)
  if (resolved === undefined) throw unknownTerm(term, hidden)
  const { field, paths } = resolved
  const tests = term.tests.flatMap((test) => {
    const passes = valueTest(test, field)
    return paths.map((path) => ({ values: read(path, readAs(test, field)), passes }))
  })
  return (event) => {
    for (const { values, passes } of tests) for (const value of values(event)) if (passes(value)) return true
    return false
  }
}

function readAs(test: Test, field: Field): ReadAs {
  if (test.kind === 'address') return 'address'
  if (test.kind === 'number' || test.kind === 'date') return 'value'
  return field.exact === true ? 'text' : 'folded'
}

/** A test of what was read as `readAs` says. */
function valueTest(test: Test, field: Field): (value: unknown) => boolean {
  switch (test.kind) {
    case 'text': {
      const wanted = field.exact === true ? test.value.toWellFormed() : fold(test.value.toWellFormed())
      return (value) => value === wanted
    }
    case 'pattern':
      return patternTest(test, field)
    case 'number':
      return numberTest(test)
    case 'date':
      return dateTest(test)
    case 'address':
      return (value) => typeof value === 'string' && test.first <= value && value <= test.last
  }
}

function patternTest(test: PatternTest, field: Field): (value: unknown) => boolean {
  const pieces = test.pieces.map((piece) => (field.exact === true ? piece.toWellFormed() : fold(piece.toWellFormed())))
  const [first = '', ...others] = pieces
  const last = others.pop() ?? ''
  return (text) => {
    if (typeof text !== 'string' || text.length < first.length + last.length) return false
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    // Taking each piece at its first place leaves the most for the next.
    let at = first.length
    for (const piece of others) {
      const found = text.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return at <= text.length - last.length
  }
}

function numberTest({ min = -Infinity, minOpen, max = Infinity, maxOpen }: NumberTest): (value: unknown) => boolean {
  return (value) => {
    const text = textOf(value)
    if (text === undefined || typeof value === 'boolean' || !NUMBER.test(text)) return false
    const number = Number(text)
    const isAbove = minOpen === true ? number > min : number >= min
    return isAbove && (maxOpen === true ? number < max : number <= max)
  }
}

function dateTest({ from = -Infinity, to = Infinity }: DateTest): (value: unknown) => boolean {
  return (value) => {
    const micros = typeof value === 'string' ? timeIn(value) : value
    return typeof micros === 'number' && from <= micros && micros < to
  }
}

/** Years below 100 are no times of ours: JavaScript's calendar takes some of them for the twentieth century. */
function timeIn(text: string): number | undefined {
  return text.startsWith('00') ? undefined : parseTime(text)
}

function foldedText(value: unknown): string | undefined {
  const text = textOf(value)
  return text === undefined ? undefined : fold(text)
}
