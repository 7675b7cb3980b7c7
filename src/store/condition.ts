import { declaredField } from '../domain/fields.ts'
import type { Query } from '../query/ast.ts'
import type { Visibility } from '../query/visibility.ts'
import type { Values } from './connection.ts'
import type { RowKey, Run } from './reads.ts'
import { whereOf } from './where.ts'

export interface Condition {
  readonly sql: string
  readonly values: Values
}

/** Which rows of `events` a run looks at: what the query says, what its reader may see, its range, and its moment. */
export function runCondition(run: Run, visibility: Visibility): Condition {
  const parts: Condition[] = [eventsFor(run.query, visibility), fed('<=', 'as_of', run.asOf)]
  if (run.sinceMs !== undefined) parts.push(at('>=', 'since_us', clamped(run.sinceMs * 1000)))
  if (run.untilMs !== undefined) parts.push(at('<', 'until_us', clamped(run.untilMs * 1000)))
  return allOf(parts)
}

/** Events that are there for this reader and match: a log's own leaves only when they are asked for, repetitions never. */
export function eventsFor(query: Query | undefined, visibility: Visibility): Condition {
  const parts = [rowsFor(query, visibility), { sql: `dup = ''`, values: {} }]
  if (query === undefined || !namesLog(query)) parts.push({ sql: `source != '_log'`, values: {} })
  return allOf(parts)
}

/** All rows that are there for this reader and match, also those that are no events. */
export function rowsFor(query: Query | undefined, visibility: Visibility): Condition {
  const { sql, params } = whereOf(query ?? EVERYTHING, visibility)
  return { sql: `(${sql})`, values: params }
}

/** Rows behind a key, in the order (time, feed) or its reverse. */
export function behind(key: RowKey, order: 'newest' | 'oldest'): Condition {
  const op = order === 'newest' ? '<' : '>'
  const moment = `fromUnixTimestamp64Micro({key_us:Int64}, 'UTC')`
  return {
    sql: `t ${op}= ${moment} AND (t ${op} ${moment} OR feed ${op} {key_feed:UInt64})`,
    values: { key_us: key.timeUs, key_feed: key.feed },
  }
}

export function fed(op: '<=' | '>', name: string, feed: number): Condition {
  return { sql: `feed ${op} {${name}:UInt64}`, values: { [name]: feed } }
}

export function allOf(parts: readonly Condition[]): Condition {
  const values: Values = Object.assign({}, ...parts.map((each) => each.values))
  return { sql: parts.map((each) => each.sql).join(' AND '), values }
}

const EVERYTHING: Query = { kind: 'all', start: 0, end: 0 }

/** What the column of times can hold. */
const LAST_US = Date.UTC(2200, 0, 1) * 1000

/** The nearest moment, in microseconds since 1970, that the column of times can hold. */
export function clamped(us: number): number {
  return Math.round(Math.min(Math.max(us, 0), LAST_US))
}

function at(op: '>=' | '<', name: string, us: number): Condition {
  return { sql: `t ${op} fromUnixTimestamp64Micro({${name}:Int64}, 'UTC')`, values: { [name]: us } }
}

function namesLog(query: Query): boolean {
  if (query.kind === 'and' || query.kind === 'or') return query.parts.some(namesLog)
  if (query.kind === 'not') return namesLog(query.part)
  if (query.kind !== 'field' || declaredField(query.field)?.path !== 'whodid.source') return false
  return query.tests.some((test) => test.kind === 'text' && test.value === '_log')
}
