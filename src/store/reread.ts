import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { Blocks, SealedEvent } from '../domain/sealed.ts'
import { isTooMuch } from './connection.ts'
import { makeStage, mutate } from './mutation.ts'
import type { Connection, Values } from './connection.ts'
import { encodeColumns } from './encode.ts'
import { quotedText } from './quote.ts'
import { blocksOf, eventOf, sealedOf, STORED_ROW } from './row.ts'
import type { StoredRow } from './row.ts'

/**
 * Rows whose columns a later parser makes anew. What is proven stays: leaf, sealed blocks, original, place, and every
 * column that the leaf fills.
 */
export interface Rereads {
  /** Rows of a source, whole, in feed order; all of it, so only for who may see all. May be fewer than asked for. */
  find(which: RereadWhich, signal?: AbortSignal): Promise<readonly StoredEvent[]>
  /**
   * Gives rows the first four blocks of these events, and the columns that follow from them. A reader sees each row as it
   * was or as it is now, and there is no moment without it. Ended half way, some rows are done and the others as before:
   * call it again. One call at a time: `busy` for a second one.
   */
  renew(source: string, events: readonly SealedEvent[], signal?: AbortSignal): Promise<void>
}

export interface RereadWhich {
  readonly source: string
  /** `name@version`: what these made is left as it is. */
  readonly except: readonly string[]
  readonly afterFeed: number
  readonly asOf: number
  /** Of `@timestamp`, milliseconds since 1970, inclusive. */
  readonly sinceMs?: number
  /** Exclusive. */
  readonly untilMs?: number
  readonly limit: number
}

export interface StoredEvent {
  readonly sealed: SealedEvent
  /** As it was read last. */
  readonly event: AuditEvent
  /** The blocks of that. */
  readonly shown: Blocks
}

/** Blocks first, then what `encodeRows` makes of them. Time, dataset, action and outcome are the leaf's. */
const BLOCKS = ['actor', 'place', 'target', 'body'] as const
const COLUMNS =
  'state usr uid mail ukind groups roles eff ip agent rtype rname rns ' +
  'decision policy category type kind req cluster host labels tags wcat parser'
const RENEWED = [...BLOCKS, ...COLUMNS.split(' ')]
const STAGED = ['feed', 'n', ...RENEWED]
const FEW = 10

export function createRereads(connection: Connection): Rereads {
  let running = false
  return {
    find: (which, signal) => find(connection, which, which.limit, signal),
    async renew(source, events, signal) {
      if (running) throw new AuditError('busy', 'rows are being read again already', { retryAfterMs: 10_000 })
      if (events.length === 0) return
      running = true
      try {
        await stage(connection, events, signal)
        await take(connection, source, events, signal)
      } finally {
        running = false
      }
    },
  }
}

async function find(
  connection: Connection,
  which: RereadWhich,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<readonly StoredEvent[]> {
  const { source, except, afterFeed, asOf, sinceMs, untilMs } = which
  const values: Values = {
    source,
    except,
    after_feed: afterFeed,
    as_of: asOf,
    row_limit: limit,
    ...(sinceMs !== undefined && { since_ms: sinceMs }),
    ...(untilMs !== undefined && { until_ms: untilMs }),
  }
  const sql =
    `SELECT ${STORED_ROW} FROM ${connection.database}.events WHERE source = {source:String} AND parser != '' ` +
    'AND parser NOT IN {except:Array(String)} AND feed > {after_feed:UInt64} AND feed <= {as_of:UInt64} ' +
    (sinceMs === undefined ? '' : 'AND t >= fromUnixTimestamp64Milli({since_ms:Int64}) ') +
    (untilMs === undefined ? '' : 'AND t < fromUnixTimestamp64Milli({until_ms:Int64}) ') +
    'ORDER BY feed LIMIT {row_limit:UInt32}'
  try {
    const { rows } = await connection.select<StoredRow>(sql, values, signal)
    return rows.map((row) => ({ sealed: sealedOf(row), event: eventOf(row), shown: blocksOf(row) }))
  } catch (error) {
    // Events may have megabytes.
    if (!isTooMuch(error) || limit <= FEW) throw error
    return find(connection, which, Math.floor(limit / 2), signal)
  }
}

/** Puts the new values where the engine can look them up by feed number and index. */
async function stage(
  connection: Connection,
  events: readonly SealedEvent[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { database } = connection
  await makeStage(connection, 'reread', ['feed', 'n'], STAGED, signal)
  const token = `reread:${events[0]?.feed}:${events.length}`
  const insert = { table: `${database}.reread`, columns: STAGED, blocks: [encodeColumns(events, STAGED)], token }
  await connection.insert(insert, signal)
}

/** A mutation rewrites these columns part by part, each at once; columns that it does not name are linked, not copied. */
async function take(
  connection: Connection,
  source: string,
  events: readonly SealedEvent[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { database } = connection
  const staged = (column: string): string => `joinGet('${database}.reread', '${column}', feed, n)`
  const feeds = events.map(({ feed }) => feed)
  const [first, last] = [feeds[0] ?? 0, feeds.at(-1) ?? 0]
  const renewed = RENEWED.map((column) => `${column} = ${staged(column)}`)
  const which = `feed BETWEEN ${first} AND ${last} AND source = ${quotedText(source)} AND ${staged('parser')} != ''`
  // The values on the right are those before it: what was sealed is kept the first time alone.
  const sql =
    `ALTER TABLE ${database}.events UPDATE sealed = if(empty(sealed), [${BLOCKS.join(', ')}], sealed), ` +
    `${renewed.join(', ')} WHERE ${which}`
  await mutate(
    connection,
    { sql, staged: 'reread', failure: 'the engine could not take rows that were read again' },
    signal,
  )
}
