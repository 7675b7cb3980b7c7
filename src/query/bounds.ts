import type { Query } from './ast.ts'

export interface Range {
  /** Milliseconds since 1970, inclusive. */
  readonly sinceMs?: number
  /** Exclusive. */
  readonly untilMs?: number
}

/**
 * The range outside which nothing can match: of `since:` and `until:` that all of the query stands under, the narrowest.
 * The query still says them; who reads less of the store by this range changes nothing.
 */
export function rangeOf(query: Query): Range {
  if (query.kind === 'time') return query.edge === 'since' ? { sinceMs: query.atMs } : { untilMs: query.atMs }
  if (query.kind !== 'and') return {}
  const ranges = query.parts.map(rangeOf)
  const since = ranges.flatMap(({ sinceMs }) => (sinceMs === undefined ? [] : [sinceMs]))
  const until = ranges.flatMap(({ untilMs }) => (untilMs === undefined ? [] : [untilMs]))
  return {
    ...(since.length > 0 && { sinceMs: Math.max(...since) }),
    ...(until.length > 0 && { untilMs: Math.min(...until) }),
  }
}

/** Whether it says the same of an event today and in a year: no relative times, and no free text. Rules and sinks ask for it. */
export function isTimeless(query: Query): boolean {
  switch (query.kind) {
    case 'and':
    case 'or':
      return query.parts.every(isTimeless)
    case 'not':
      return isTimeless(query.part)
    case 'field':
      return query.tests.every((test) => test.kind !== 'date' || !test.relative)
    case 'time':
      return !query.relative
    case 'text':
      return false
    case 'all':
    case 'has':
      return true
  }
}
