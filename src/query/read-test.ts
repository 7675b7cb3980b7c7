import type { Field } from '../domain/fields.ts'
import { nearest } from '../domain/nearest.ts'
import { parseAddressRange } from './address.ts'
import type { NumberTest, Span, Test, Written } from './ast.ts'
import { fault, shown } from './fault.ts'
import type { Moment } from './moment.ts'
import { readMoment } from './moment.ts'

/** One value as it stands in a query, before anybody knows of which type the field is. */
export interface Element extends Span {
  readonly op: '=' | '>' | '>=' | '<' | '<='
  /** Cut at its wildcards; quoted values are one piece. */
  readonly pieces: readonly string[]
  readonly quoted: boolean
}

export interface Times {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly zone: string
}

/** What a value asks of a field of that type. Throws `invalid_query` where the two do not fit. */
export function readTest(element: Element, field: Field, times: Times): Test {
  const isEmpty = element.pieces.length === 1 && element.pieces[0] === ''
  if (isEmpty) throw fault('An empty value is a missing one', element, { hint: `Use missing:${field.path}` })
  switch (field.type) {
    case 'long':
    case 'double':
      return numberTest(element, field)
    case 'date':
      return dateTest(element, field, times)
    case 'ip':
      return addressTest(element, field)
    case 'boolean':
      return textTest(element, { ...field, values: ['true', 'false'] })
    case 'keyword':
    case 'text':
      return textTest(element, field)
    case 'object':
      break
  }
  const hint = `Name one of the fields in it, as in ${field.path}.name:value, or use has:${field.path}`
  throw fault(`${field.path} holds other fields, not a value`, element, { hint })
}

function textTest(element: Element, field: Field): Test {
  const { pieces, op, start, end } = element
  if (op !== '=') {
    const hint = `To search for the text, put it in quotes: "${op}${shown(pieces.join('*'))}"`
    throw fault(`${op} works on numbers and times; ${field.path} holds text`, element, { hint })
  }
  refuseRegex(element)
  if (pieces.length > 1) return { kind: 'pattern', pieces, start, end }
  const [value = ''] = pieces
  if (field.values && !field.values.includes(value.toLowerCase())) {
    const suggestion = nearest(value, field.values)
    throw fault(`${field.path} is ${listed(field.values)}, never ${shown(value)}`, element, { suggestion })
  }
  return { kind: 'text', value, start, end }
}

/** A path with wildcards may begin and end with a slash; `.*` is what only an expression has. */
function refuseRegex(element: Element): void {
  const value = element.pieces.join('*')
  const isExpression = /^\/.+\/[a-z]*$/s.test(value) && (element.pieces.length === 1 || value.includes('.*'))
  if (element.quoted || !isExpression) return
  const hint = 'Use * for anything, or put the value in quotes to search for the text itself'
  throw fault('Regular expressions are not there yet', element, { hint, suggestion: `"${value}"` })
}

/** What counts as a number, in a query as in an event: JSON's, as far as both evaluators read it exactly alike. */
export const NUMBER = /^-?(?:0|[1-9]\d{0,17})(?:\.\d{1,18})?(?:[eE][-+]?\d{1,2})?$/

function numberTest(element: Element, field: Field): NumberTest {
  const written = writtenOf(element)
  const read = (text: string): number => {
    if (!NUMBER.test(text)) throw fault(`${shown(text)} is no number, and ${field.path} holds numbers`, element)
    return Number(text)
  }
  const span = { start: element.start, end: element.end }
  if (written.op === '..') {
    const min = isOpen(written.low) ? {} : { min: read(written.low) }
    const max = isOpen(written.high) ? {} : { max: read(written.high) }
    if ((min.min ?? -Infinity) > (max.max ?? Infinity)) throw backwards(element, written)
    return { kind: 'number', written, ...min, ...max, ...span }
  }
  const value = read(written.value)
  const min = { min: value, ...(written.op === '>' && { minOpen: true as const }) }
  const max = { max: value, ...(written.op === '<' && { maxOpen: true as const }) }
  if (written.op === '=') return { kind: 'number', written, min: value, max: value, ...span }
  return { kind: 'number', written, ...(written.op.startsWith('>') ? min : max), ...span }
}

function dateTest(element: Element, field: Field, times: Times): Test {
  const written = writtenOf(element)
  const read = (text: string): Moment => {
    const moment = readMoment(text, times.now, times.zone)
    if (moment) return moment
    const hint = 'Write 2026-11-01, 2026-11-01T10:05:00Z, now-7d or milliseconds since 1970'
    throw fault(`${shown(text)} is no time, and ${field.path} holds times`, element, { hint })
  }
  const span = { start: element.start, end: element.end }
  if (written.op === '..') {
    const low = isOpen(written.low) ? undefined : read(written.low)
    const high = isOpen(written.high) ? undefined : read(written.high)
    if (low && high && low.from > high.from) throw backwards(element, written)
    const bounds = { ...(low && { from: low.from }), ...(high && { to: high.to }) }
    return { kind: 'date', written, ...bounds, relative: Boolean(low?.relative ?? high?.relative), ...span }
  }
  const { from, to, relative } = read(written.value)
  const bounds = { '=': { from, to }, '>=': { from }, '>': { from: to }, '<': { to: from }, '<=': { to } }
  return { kind: 'date', written, ...bounds[written.op], relative, ...span }
}

function addressTest(element: Element, field: Field): Test {
  const { start, end } = element
  const written = element.pieces.join('*')
  if (element.op !== '=')
    throw fault(`${element.op} works on numbers and times; ${field.path} holds addresses`, element)
  if (element.pieces.length > 1) {
    const hint = 'Write a range such as 10.0.0.0/8 or 10.0.0.1..10.0.0.9'
    throw fault(`${shown(written)}: addresses have no wildcards`, element, { hint })
  }
  const [low = '', high = low, ...more] = written.split('..')
  const first = parseAddressRange(low)
  const last = parseAddressRange(high)
  if (first === undefined || last === undefined || more.length > 0) {
    const what = written.includes('/') || written.includes('..') ? 'an address range' : 'an address'
    throw fault(`${shown(written)} is not ${what}`, element)
  }
  if (first[0] > last[1]) throw backwards(element, { low, high })
  return { kind: 'address', written, first: first[0], last: last[1], start, end }
}

/** `1..5`, `>=5` or a plain value. `*` and nothing at all are an open end. */
function writtenOf(element: Element): Written {
  const value = element.pieces.join('*')
  const range = element.quoted || element.op !== '=' ? null : /^(.*?)\.\.(.*)$/s.exec(value)
  if (range === null) return { op: element.op, value }
  return { op: '..', low: range[1] ?? '', high: range[2] ?? '' }
}

function isOpen(end: string): boolean {
  return end === '' || end === '*'
}

function backwards(element: Element, { low, high }: { low: string; high: string }): Error {
  return fault(`${shown(low)}..${shown(high)} ends before it starts`, element, { suggestion: `${high}..${low}` })
}

function listed(values: readonly string[]): string {
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1) ?? ''}`
}
