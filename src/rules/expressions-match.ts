import { AuditError, type InputFault } from '../domain/errors.ts'
import { isAtOrBelow } from '../domain/fields.ts'
import type { Query } from '../query/ast.ts'
import { parseQuery } from '../query/parse.ts'
import { resolveField } from '../query/resolve.ts'

/** What a rule's `match` asks. It was checked when it was read: throws `invalid_query` for what was not. */
export function readMatch(match: string): Query {
  return parseQuery(match, { now: 0 })
}

/** What is wrong with a rule's `match`, at one path; nothing for one that every rule can be asked. */
export function faultsOfMatch(match: string | undefined, path: string): readonly InputFault[] {
  if (match === undefined) return []
  if (match.trim() === '') return [{ path, message: 'matches every event; leave match out to say so' }]
  try {
    return faultsOfQuery(readMatch(match)).map((message) => ({ path, message }))
  } catch (error) {
    if (!(error instanceof AuditError) || error.code !== 'invalid_query') throw error
    const { start = 0, suggestion, hint } = error.details
    const advice = suggestion !== undefined && suggestion !== '' ? `did you mean ${suggestion}?` : hint
    return [{ path, message: `character ${start + 1}: ${error.message}${advice === undefined ? '' : `; ${advice}`}` }]
  }
}

/** Of our bookkeeping, what is known when rules are asked. */
const KNOWN = ['source', 'stream', 'category', 'trust', 'masked', 'truncated'].map((name) => `whodid.${name}`)

/** A rule must say the same of an event today and in a year, and of what is known before it is sealed. */
function faultsOfQuery(query: Query): readonly string[] {
  switch (query.kind) {
    case 'and':
    case 'or':
      return query.parts.flatMap(faultsOfQuery)
    case 'not':
      return faultsOfQuery(query.part)
    case 'all':
      return []
    case 'text':
      return [`character ${query.start + 1}: free text is for searching; name a field, as in message:*${query.text}*`]
    case 'time':
      return query.relative ? [relative(query.start, `${query.edge}:${query.written}`)] : []
    case 'has':
      return faultsOfField(query.field, query.start)
    case 'field': {
      const moving = query.tests.find((test) => test.kind === 'date' && test.relative)
      return [
        ...faultsOfField(query.field, query.start),
        ...(moving === undefined ? [] : [relative(moving.start, query.field)]),
      ]
    }
  }
}

function relative(start: number, what: string): string {
  return `character ${start + 1}: ${what} counts from now, and a rule must mean the same tomorrow; write a date`
}

function faultsOfField(field: string, start: number): readonly string[] {
  const paths = resolveField(field, new Map())?.paths ?? []
  const unknown = paths.find(isUnknownAtIntake)
  if (unknown === undefined) return []
  const ours = KNOWN.map((path) => path.slice('whodid.'.length)).join(', ')
  return [`character ${start + 1}: ${unknown} is not known yet when rules are asked; of whodid.* they know ${ours}`]
}

function isUnknownAtIntake(path: string): boolean {
  if (path === 'event.id' || path === 'event.ingested') return true
  return isAtOrBelow(path, 'whodid') && !KNOWN.some((known) => isAtOrBelow(path, known))
}
