import { BLOCK_NAMES } from '../domain/sealed.ts'
import type { Visibility } from '../query/visibility.ts'
import { allOf, type Condition, rowsFor, runCondition } from './condition.ts'
import type { Connection } from './connection.ts'
import type { Commit, LogLeaf, LogMatches, PackedAnswer, PackedRequest, Run, SealedAnswer } from './reads.ts'
import { sealedOf, STORED_ROW, type StoredRow } from './row.ts'
import { disclosedBlocks, sees } from './veil.ts'

/** How many events of each log match, and where the first and the last of them stand. */
export async function matches(
  connection: Connection,
  run: Run,
  visibility: Visibility,
  signal: AbortSignal | undefined,
): Promise<readonly LogMatches[]> {
  const { sql, values } = allOf([runCondition(run, visibility), NOT_OWN])
  const counted =
    `SELECT log AS in_log, count() AS events, min(n) AS first, max(n) AS last ` +
    `FROM ${connection.database}.events WHERE ${sql} GROUP BY log ORDER BY log`
  const { rows } = await connection.select<{ in_log: string; events: number; first: number; last: number }>(
    counted,
    values,
    signal,
  )
  return rows.map(({ in_log, events, first, last }) => ({ log: in_log, events, first, last }))
}

/** The leaves in which a log speaks of itself, in their order. */
export async function ownLeaves(
  connection: Connection,
  log: string,
  visibility: Visibility,
  signal: AbortSignal | undefined,
): Promise<readonly LogLeaf[]> {
  const { sql, values } = allOf([rowsFor(undefined, visibility), inLog(log), OWN])
  const listed =
    `SELECT n AS at_index, y AS said, toUnixTimestamp64Milli(r) AS received ` +
    `FROM ${connection.database}.events WHERE ${sql} ORDER BY n`
  const { rows } = await connection.select<{ at_index: number; said: string; received: number }>(listed, values, signal)
  return rows.map(({ at_index, said, received }) => ({ index: at_index, action: said, receivedMs: received }))
}

/** A page of what a pack shows of one log, in the order of its leaves. */
export async function packed(
  connection: Connection,
  request: PackedRequest,
  visibility: Visibility,
  commit: Commit,
  signal: AbortSignal | undefined,
): Promise<PackedAnswer> {
  const { log, from, to, limit, run } = request
  const range: Condition = {
    sql: 'n >= {from_index:UInt64} AND n < {to_index:UInt64}',
    values: { from_index: from, to_index: to },
  }
  const which =
    run === 'own leaves'
      ? allOf([rowsFor(undefined, visibility), OWN])
      : allOf([runCondition(run, visibility), NOT_OWN])
  const { sql, values } = allOf([which, inLog(log), range])
  const { rows } = await connection.select<StoredRow>(
    `SELECT ${STORED_ROW} FROM ${connection.database}.events WHERE ${sql} ORDER BY n LIMIT {row_limit:UInt32}`,
    { ...values, row_limit: limit },
    signal,
  )
  const shown = run === 'own leaves' ? ownBlocks(visibility) : disclosedBlocks(visibility)
  const last = rows.at(-1)
  return {
    rows: rows.map((row) => shownOf(row, shown, commit)),
    ...(last !== undefined && rows.length === limit && { next: last.row_n + 1 }),
  }
}

const OWN: Condition = { sql: `source = '_log'`, values: {} }
/** Also where the query asks for them: a pack has them all. */
const NOT_OWN: Condition = { sql: `source != '_log'`, values: {} }

function inLog(log: string): Condition {
  return { sql: 'log = {in_log:String}', values: { in_log: log } }
}

/** What a log says of itself is in `ledger` alone, so another hidden field of the body takes nothing from it. */
function ownBlocks(visibility: Visibility): ReadonlySet<string> {
  return new Set(sees(visibility, 'ledger') ? ['body'] : [])
}

function shownOf(row: StoredRow, shown: ReadonlySet<string>, commit: Commit): SealedAnswer {
  const sealed = sealedOf(row)
  const made = commit(sealed)
  return {
    leaf: sealed.leaf,
    log: sealed.log,
    index: sealed.index,
    blocks: BLOCK_NAMES.flatMap((block, b) => {
      const [json, salt] = [sealed.blocks[b], made[b]?.salt]
      return json !== undefined && salt !== undefined && shown.has(block) ? [{ block, json, salt }] : []
    }),
    commitments: made.map(({ commitment }) => commitment),
    ...(sealed.erased !== undefined && { erased: sealed.erased }),
  }
}
