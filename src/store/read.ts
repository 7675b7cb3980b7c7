import { AuditError } from '../domain/errors.ts'
import { BLOCK_NAMES } from '../domain/sealed.ts'
import type { Visibility } from '../query/visibility.ts'
import { allOf, behind, eventsFor, fed, rowsFor, runCondition } from './condition.ts'
import type { Condition } from './condition.ts'
import { isTooMuch } from './connection.ts'
import type { Connection } from './connection.ts'
import type {
  AfterAnswer,
  AfterRequest,
  Commit,
  GetOptions,
  ListAnswer,
  ListRequest,
  Reads,
  SealedAnswer,
} from './reads.ts'
import { matches, ownLeaves, packed } from './packed.ts'
import { eventOf, sealedOf, STORED_ROW } from './row.ts'
import type { StoredRow } from './row.ts'
import { summarize } from './summary.ts'
import { disclosedBlocks, seesLeaf, veiled } from './veil.ts'

export function createReads(connection: Connection): Reads {
  const table = `${connection.database}.events`
  return {
    list: (request, visibility, signal) =>
      fitting(request.limit, (limit) => list(connection, { ...request, limit }, visibility, signal)),
    summary: (request, visibility, signal) => summarize(connection, request, visibility, signal),
    after: (request, visibility, signal) =>
      fitting(request.limit, (limit) => after(connection, { ...request, limit }, visibility, signal)),
    async get(id, visibility, options = {}) {
      const row = await rowOf(connection, id, visibility, options)
      return row && veiled(eventOf(row), visibility)
    },
    async sealed(id, visibility, commit, options = {}) {
      const row = await rowOf(connection, id, visibility, options)
      return row && disclosed(row, visibility, commit)
    },
    matches: (run, visibility, signal) => matches(connection, run, visibility, signal),
    ownLeaves: (log, visibility, signal) => ownLeaves(connection, log, visibility, signal),
    packed: (request, visibility, commit, signal) =>
      fitting(request.limit, (limit) => packed(connection, { ...request, limit }, visibility, commit, signal)),
    async firstTime(visibility, signal) {
      const { sql, values } = eventsFor(undefined, visibility)
      const earliest = `SELECT toUnixTimestamp64Milli(min(t)) AS first_ms, count() AS matches FROM ${table} WHERE ${sql}`
      const { rows } = await connection.select<{ first_ms: number; matches: number }>(earliest, values, signal)
      return rows[0] && rows[0].matches > 0 ? rows[0].first_ms : undefined
    },
    async hasEvents(visibility, signal) {
      const { sql, values } = eventsFor(undefined, visibility)
      const any = `SELECT 1 AS found FROM ${table} WHERE ${sql} AND stream != 'whodid' LIMIT 1`
      const { rows } = await connection.select<{ found: number }>(any, values, signal)
      return rows.length > 0
    },
    async countsByLog(visibility, signal) {
      const { sql, values } = rowsFor(undefined, visibility)
      const counts = `SELECT log AS name, count() AS leaves FROM ${table} WHERE ${sql} GROUP BY log`
      const { rows } = await connection.select<{ name: string; leaves: number }>(counts, values, signal)
      return new Map(rows.map((row) => [row.name, row.leaves]))
    },
  }
}

/**
 * As many rows as the engine can give at once. An event may have megabytes, so a page can be shorter than asked for: who
 * sends large ones must not end the searches and tails of everybody.
 */
async function fitting<Answer>(limit: number, ask: (limit: number) => Promise<Answer>): Promise<Answer> {
  for (let most = limit; ; most = Math.floor(most / 2)) {
    try {
      return await ask(most)
    } catch (error) {
      // So few are never too much: it is the query itself.
      if (!isTooMuch(error) || most <= FEW) throw error
    }
  }
}

const FEW = 10

async function list(
  connection: Connection,
  request: ListRequest,
  visibility: Visibility,
  signal: AbortSignal | undefined,
): Promise<ListAnswer> {
  const { order, limit } = request
  const condition = allOf([runCondition(request, visibility), ...(request.after ? [behind(request.after, order)] : [])])
  const direction = order === 'newest' ? 'DESC' : 'ASC'
  // One more than asked: it tells whether there is a next page.
  const found = await storedRows(connection, condition, `t ${direction}, feed ${direction}`, limit + 1, signal)
  const rows = found.rows.slice(0, limit)
  const last = rows.at(-1)
  return {
    events: rows.map((row) => veiled(eventOf(row), visibility)),
    ...(last && found.rows.length > limit && { next: { timeUs: last.row_us, feed: last.row_feed } }),
    rowsRead: found.rowsRead,
  }
}

async function after(
  connection: Connection,
  request: AfterRequest,
  visibility: Visibility,
  signal: AbortSignal | undefined,
): Promise<AfterAnswer> {
  const condition = allOf([
    eventsFor(request.query, visibility),
    fed('>', 'after_feed', request.afterFeed),
    fed('<=', 'as_of', request.asOf),
  ])
  const { rows } = await storedRows(connection, condition, 'feed', request.limit, signal)
  const last = rows.at(-1)
  return {
    events: rows.map((row) => veiled(eventOf(row), visibility)),
    feed: last && rows.length === request.limit ? last.row_feed : Math.max(request.asOf, request.afterFeed),
  }
}

/** 16 bytes: 21 characters hold six bits each, the last one two. */
const EVENT_ID = /^[\w-]{21}[AQgw]$/

async function rowOf(
  connection: Connection,
  id: string,
  visibility: Visibility,
  options: GetOptions,
): Promise<StoredRow | undefined> {
  if (!EVENT_ID.test(id)) return undefined
  const { position, signal } = options
  const named = { sql: 'id = toFixedString(base64URLDecode({event_id:String}), 16)', values: { event_id: id } }
  const there = position && {
    sql: 'log = {at_log:String} AND n = {at_index:UInt64}',
    values: { at_log: position.log, at_index: position.index },
  }
  const condition = allOf([named, ...(there ? [there] : []), rowsFor(undefined, visibility)])
  const { rows } = await storedRows(connection, condition, 'feed', 1, signal)
  return rows[0]
}

function storedRows(
  connection: Connection,
  { sql, values }: Condition,
  order: string,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly rows: readonly StoredRow[]; readonly rowsRead: number }> {
  const from = `FROM ${connection.database}.events WHERE ${sql} ORDER BY ${order} LIMIT {row_limit:UInt32}`
  return connection.select<StoredRow>(`SELECT ${STORED_ROW} ${from}`, { ...values, row_limit: limit }, signal)
}

function disclosed(row: StoredRow, visibility: Visibility, commit: Commit): SealedAnswer {
  if (!seesLeaf(visibility)) {
    throw new AuditError('forbidden', 'a proof shows the whole leaf, and you may not see all of it')
  }
  const sealed = sealedOf(row)
  const commitments = commit(sealed)
  const shown = disclosedBlocks(visibility)
  const blocks = BLOCK_NAMES.flatMap((block, at) => {
    const [json, salt] = [sealed.blocks[at], commitments[at]?.salt]
    return json !== undefined && salt !== undefined && shown.has(block) ? [{ block, json, salt }] : []
  })
  return {
    leaf: sealed.leaf,
    log: sealed.log,
    index: sealed.index,
    blocks,
    commitments: commitments.map((each) => each.commitment),
  }
}
