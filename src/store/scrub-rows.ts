import { parseOrigin } from '../domain/sealed.ts'
import { type Connection, isTooMuch, type Values } from './connection.ts'
import { EVENT_COLUMNS } from './encode.ts'
import { STORED_ROW, type StoredRow } from './row.ts'

/** What is read to compare the store with the ledger: all of every row, so only for the server itself. */
export interface ScrubReads {
  /** Rows at the places from..to of a log, all that stand there, in order of place: a line of JSON (`ScrubbedRow`) each. */
  rows(range: PlaceRange, signal?: AbortSignal): Promise<ScrubbedRows>
  /** Places below `to` at which more than one row stands: the first hundred. */
  repeated(log: string, to: number, signal?: AbortSignal): Promise<readonly number[]>
  /** By log: how many rows it has, and its highest place. */
  logs(signal?: AbortSignal): Promise<ReadonlyMap<string, { readonly rows: number; readonly last: number }>>
}

export interface PlaceRange {
  readonly log: string
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

interface ScrubbedRows {
  readonly lines: string
  /** Ids of the subject keys that they name. */
  readonly keys: readonly number[]
  /** Exclusive: it may be less than was asked for, since rows can be large. */
  readonly to: number
}

/** A row whole: what it was made of, and as `cell_NAME` what stands in each column. */
export type ScrubbedRow = StoredRow & Readonly<Record<`cell_${string}`, unknown>>

export function createScrubReads(connection: Connection): ScrubReads {
  const table = `${connection.database}.events`
  return {
    rows: (range, signal) => rows(connection, range, signal),
    async repeated(log, to, signal) {
      // Names of its own: `place` is a column.
      const sql =
        `SELECT n AS at_index FROM ${table} WHERE log = {in_log:String} AND n < {to_index:UInt64} ` +
        'GROUP BY at_index HAVING count() > 1 ORDER BY at_index LIMIT 100'
      const found = await connection.select<{ at_index: number }>(sql, { in_log: log, to_index: to }, signal)
      return found.rows.map(({ at_index }) => at_index)
    },
    async logs(signal) {
      const sql = `SELECT log AS name, count() AS leaves, max(n) AS last FROM ${table} GROUP BY log`
      const found = await connection.select<{ name: string; leaves: number; last: number }>(sql, {}, signal)
      return new Map(found.rows.map(({ name, leaves, last }) => [name, { rows: leaves, last }]))
    },
  }
}

async function rows(connection: Connection, range: PlaceRange, signal?: AbortSignal): Promise<ScrubbedRows> {
  for (let to = range.to; ; to = range.from + Math.ceil((to - range.from) / 2)) {
    try {
      return await rowsTo(connection, { ...range, to }, signal)
    } catch (error) {
      // Events may have megabytes.
      if (!isTooMuch(error) || to - range.from <= 1) throw error
    }
  }
}

async function rowsTo(connection: Connection, { log, from, to }: PlaceRange, signal?: AbortSignal) {
  const { stream, period } = parseOrigin(log)
  const table = `${connection.database}.events`
  const values: Values = { in_log: log, from_index: from, to_index: to }
  const where = 'log = {in_log:String} AND n >= {from_index:UInt64} AND n < {to_index:UInt64}'
  // Where they belong: one that stands elsewhere is missing here.
  const there = `stream = {in_stream:String} AND period = {in_period:String} AND ${where}`
  const placed = { ...values, in_stream: stream, in_period: period }
  const sql = `SELECT ${STORED_ROW}, ${CELLS} FROM ${table} WHERE ${there} ORDER BY n, feed LIMIT 20000`
  const lines = await connection.lines(sql, placed, signal)
  const asked = `SELECT groupUniqArrayArray([akey, tkey]) AS keys FROM ${table} WHERE ${there}`
  const { rows: found } = await connection.select<{ keys: readonly number[] }>(asked, placed, signal)
  return { lines, keys: found[0]?.keys ?? [], to }
}

/** As `columnValues` has them. */
const CELLS = EVENT_COLUMNS.map((name) => `${cellOf(name)} AS cell_${name}`).join(', ')

function cellOf(name: string): string {
  switch (name) {
    case 't':
      return 'toUnixTimestamp64Micro(t)'
    case 'r':
      return 'toUnixTimestamp64Milli(r)'
    case 'id':
    case 'c':
      return `base64URLEncode(${name})`
    case 'outcome':
    case 'state':
      return `toInt8(${name})`
    case 'labels':
      return `CAST(labels, 'Array(Tuple(String, String))')`
    default:
      return name
  }
}
