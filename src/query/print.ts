import type { Query, Test, Written } from './ast.ts'
import { escapeName, escapeWord, quote } from './lex.ts'

/** The query as text: what `parseQuery` reads back as the same query, positions apart. */
export function printQuery(query: Query): string {
  switch (query.kind) {
    case 'all':
      return ''
    case 'and':
      return query.parts.map((part) => (part.kind === 'or' ? `(${printQuery(part)})` : printQuery(part))).join(' ')
    case 'or':
      return query.parts.map(printQuery).join(' OR ')
    case 'not':
      return printNot(query.part)
    case 'field':
      return printTerm(query.field, query.tests.map(printTest))
    case 'has':
      return printTerm('has', [printValue(query.field)])
    case 'text':
      return query.quoted ? quote(query.text) : escapeWord(query.text.split('*'))
    case 'time':
      return printTerm(query.edge, [printValue(query.written)])
  }
}

/** A value with nothing in it that the language would read otherwise: bare where it can be, else in quotes. */
export function printValue(value: string): string {
  const isPlain = value !== '' && !/[\s"\\(),*]|^[<>]|^\/.+\/[a-z]*$|\.\./s.test(value)
  return isPlain ? value : quote(value)
}

export function printTerm(field: string, values: readonly string[]): string {
  return `${escapeName(field)}:${values.join(',')}`
}

function printNot(part: Query): string {
  if (part.kind === 'has') return printTerm('missing', [printValue(part.field)])
  const inner = printQuery(part)
  return part.kind === 'and' || part.kind === 'or' ? `-(${inner})` : `-${inner}`
}

function printTest(test: Test): string {
  switch (test.kind) {
    case 'text':
      return printValue(test.value)
    case 'pattern':
      return escapeWord(test.pieces)
    case 'number':
    case 'date':
      return printWritten(test.written)
    case 'address':
      return test.written
  }
}

function printWritten(written: Written): string {
  if (written.op === '..') return escapeWord([`${written.low}..${written.high}`])
  return `${written.op === '=' ? '' : written.op}${printValue(written.value)}`
}
