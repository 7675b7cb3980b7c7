import type { Facet } from '../domain/answers.ts'
import type { Visibility } from '../query/visibility.ts'
import type { Condition } from './condition.ts'
import type { Connection } from './connection.ts'
import { FACET_FIELDS } from './reads.ts'
import type { FacetField } from './reads.ts'
import { sees } from './veil.ts'

interface FacetColumn {
  readonly path: string
  readonly column: string
  readonly list?: true
  /** Nobody has many of them: counting all events by such a word is quick. */
  readonly few?: true
}

const COLUMNS: Readonly<Record<FacetField, FacetColumn>> = {
  decision: { path: 'audit.authz.decision', column: 'decision', few: true },
  policy: { path: 'audit.authz.policies.name', column: 'policy', list: true },
  actor: { path: 'user.name', column: 'usr' },
  action: { path: 'event.action', column: 'action', few: true },
  category: { path: 'event.category', column: 'category', list: true },
  'resource.type': { path: 'audit.resource.type', column: 'rtype', list: true },
  resource: { path: 'audit.resource.name', column: 'rname', list: true },
  source: { path: 'whodid.source', column: 'source', few: true },
  stream: { path: 'whodid.stream', column: 'stream', few: true },
  ip: { path: 'source.ip', column: 'ip' },
}

const SHOWN = 8

interface Counted {
  readonly facet: string
  readonly word: string
  readonly events: number
  readonly words: number
}

export interface FacetRequest {
  readonly condition: Condition
  /** How many events there are. */
  readonly matches: number
  /** The newest of them, over which fields with many values are counted instead of over all. */
  readonly newest?: Newest
  /** Default all. */
  readonly wanted: readonly FacetField[] | undefined
}

export interface Newest {
  readonly events: number
  readonly sinceMs: number
}

/** The most frequent values of each field that this reader may see, and how many values there are. */
export async function countFacets(
  connection: Connection,
  request: FacetRequest,
  visibility: Visibility,
  signal: AbortSignal | undefined,
): Promise<{ readonly facets: readonly Facet[]; readonly rowsRead: number }> {
  const { condition, matches, newest, wanted = FACET_FIELDS } = request
  const shown = FACET_FIELDS.filter((field) => wanted.includes(field) && sees(visibility, COLUMNS[field].path))
  const values = { ...condition.values, shown: SHOWN, ...(newest && { newest_us: newest.sinceMs * 1000 }) }
  const selects = matches === 0 ? [] : selectsOf(shown, connection.database, request)
  const answers = await Promise.all(selects.map((select) => connection.select<Counted>(select, values, signal)))
  const byField = Map.groupBy(
    answers.flatMap((answer) => answer.rows),
    (row) => row.facet,
  )
  const facets = shown.map((field): Facet => {
    const rows = (byField.get(field) ?? []).toSorted((a, b) => b.events - a.events)
    const counted = rows.map((row) => ({ value: row.word, count: row.events }))
    const facet = { field, values: counted, distinct: rows[0]?.words ?? 0 }
    if (newest === undefined || COLUMNS[field].few === true) return facet
    return { ...facet, newest: { events: newest.events, since: new Date(newest.sinceMs).toISOString() } }
  })
  return { facets, rowsRead: answers.reduce((sum, answer) => sum + answer.rowsRead, 0) }
}

/** A column of block texts in a condition: every row that is looked at is read as JSON. */
const READS_BLOCKS = /\b(?:actor|place|target|body|original)\b/

/**
 * All fields in one pass over the events. Where those with many values are counted over the newest events only, the others
 * are counted beside them over all, which is quick, unless finding the events is the work.
 */
function selectsOf(
  fields: readonly FacetField[],
  database: string,
  { condition: { sql }, newest }: FacetRequest,
): readonly string[] {
  if (fields.length === 0) return []
  const from = `FROM ${database}.events WHERE ${sql}`
  if (newest === undefined) return [together(fields, from)]
  const few = fields.filter((field) => COLUMNS[field].few === true)
  const many = fields.filter((field) => COLUMNS[field].few !== true)
  const recent = `${from} AND t >= fromUnixTimestamp64Micro({newest_us:Int64}, 'UTC')`
  return [
    ...(many.length > 0 ? [together(many, recent)] : []),
    ...(few.length > 0 ? [READS_BLOCKS.test(sql) ? together(few, from) : singles(few, from)] : []),
  ]
}

function together(fields: readonly FacetField[], from: string): string {
  const pairs = fields.map((field) => {
    const { column, list } = COLUMNS[field]
    const words = list === true ? `arrayDistinct(${column})` : `[${column}]`
    return `arrayMap(each -> ('${field}', toString(each)), ${words})`
  })
  const words = `SELECT arrayJoin(arrayConcat(${pairs.join(', ')})) AS pair ${from}`
  return topOf(`SELECT pair.1 AS facet, pair.2 AS word, count() AS events FROM (${words}) GROUP BY facet, word`)
}

function singles(fields: readonly FacetField[], from: string): string {
  const columns = fields.map((field) => COLUMNS[field].column)
  // A column that is not in a row's set is empty there, so joined together they are the one that is.
  const word = `concat('', ${columns.join(', ')})`
  const facet = fields.map((field) => `grouping(${COLUMNS[field].column}) = 0, '${field}'`).join(', ')
  const sets = columns.map((column) => `(${column})`).join(', ')
  const groups = `SELECT multiIf(${facet}, '') AS facet, ${word} AS word, count() AS events ${from} GROUP BY GROUPING SETS (${sets})`
  return topOf(groups)
}

function topOf(groups: string): string {
  const ranked = `SELECT facet, word, events, count() OVER (PARTITION BY facet) AS words FROM (${groups}) WHERE word != ''`
  return `SELECT * FROM (${ranked}) ORDER BY events DESC, word LIMIT {shown:UInt32} BY facet`
}
