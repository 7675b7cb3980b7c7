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
}

const COLUMNS: Readonly<Record<FacetField, FacetColumn>> = {
  decision: { path: 'audit.authz.decision', column: 'decision' },
  policy: { path: 'audit.authz.policies.name', column: 'policy', list: true },
  actor: { path: 'user.name', column: 'usr' },
  action: { path: 'event.action', column: 'action' },
  category: { path: 'event.category', column: 'category', list: true },
  'resource.type': { path: 'audit.resource.type', column: 'rtype', list: true },
  resource: { path: 'audit.resource.name', column: 'rname', list: true },
  source: { path: 'whodid.source', column: 'source' },
  stream: { path: 'whodid.stream', column: 'stream' },
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
  /** Default all. */
  readonly wanted: readonly FacetField[] | undefined
}

/** The most frequent values of each field that this reader may see, and how many values there are. */
export async function countFacets(
  connection: Connection,
  { condition, matches, wanted = FACET_FIELDS }: FacetRequest,
  visibility: Visibility,
  signal: AbortSignal | undefined,
): Promise<{ readonly facets: readonly Facet[]; readonly rowsRead: number }> {
  const shown = FACET_FIELDS.filter((field) => wanted.includes(field) && sees(visibility, COLUMNS[field].path))
  const selects = shown.length === 0 || matches === 0 ? [] : selectsOf(shown, connection.database, condition, matches)
  const answers = await Promise.all(
    selects.map((select) => connection.select<Counted>(select, { ...condition.values, shown: SHOWN }, signal)),
  )
  const byField = Map.groupBy(
    answers.flatMap((answer) => answer.rows),
    (row) => row.facet,
  )
  const facets = shown.map((field): Facet => {
    const rows = (byField.get(field) ?? []).toSorted((a, b) => b.events - a.events)
    const values = rows.map((row) => ({ value: row.word, count: row.events }))
    return { field, values, distinct: rows[0]?.words ?? 0 }
  })
  return { facets, rowsRead: answers.reduce((sum, answer) => sum + answer.rowsRead, 0) }
}

/** A column of block texts in a condition: every row that is looked at is read as JSON. */
const READS_BLOCKS = /\b(?:actor|place|target|body|original)\b/
/** Below it, finding the events is more work than counting their values. */
const FEW = 100_000

/**
 * Single-valued fields are counted in one pass over the rows, lists in one each: each row's values are fewest then. Where
 * the condition is most of the work, all are counted in one pass.
 */
function selectsOf(
  fields: readonly FacetField[],
  database: string,
  { sql }: Condition,
  matches: number,
): readonly string[] {
  const from = `FROM ${database}.events WHERE ${sql}`
  if (matches < FEW || READS_BLOCKS.test(sql)) return [together(fields, from)]
  const single = fields.filter((field) => COLUMNS[field].list !== true)
  const lists = fields.filter((field) => COLUMNS[field].list === true)
  return [...(single.length > 0 ? [singles(single, from)] : []), ...lists.map((field) => listed(field, from))]
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

function listed(field: FacetField, from: string): string {
  const words = `SELECT arrayJoin(arrayDistinct(${COLUMNS[field].column})) AS each ${from}`
  return topOf(`SELECT '${field}' AS facet, each AS word, count() AS events FROM (${words}) GROUP BY each`)
}

function topOf(groups: string): string {
  const ranked = `SELECT facet, word, events, count() OVER (PARTITION BY facet) AS words FROM (${groups}) WHERE word != ''`
  return `SELECT * FROM (${ranked}) ORDER BY events DESC, word LIMIT {shown:UInt32} BY facet`
}
