import { setTimeout as pause } from 'node:timers/promises'
import { AuditError } from '../domain/errors.ts'
import type { SealedEvent } from '../domain/sealed.ts'
import { Refused } from './connection.ts'
import type { Connection } from './connection.ts'
import { encodeBareRows, encodeRows, EVENT_COLUMNS } from './encode.ts'

/** The writer's side. Calls for one log must not overlap. */
export interface Inserts {
  /**
   * For each log that has rows: where to go on. The store is the record of its own position. Own inserts that may still
   * run are ended first, so nothing arrives after the answer.
   */
  positions(signal?: AbortSignal): Promise<ReadonlyMap<string, LogPosition>>
  /**
   * Stores a batch whole and exactly once, and resolves when it is searchable. Waits for the engine as long as it takes:
   * rejects only when `signal` aborts, or for what waiting cannot mend. A row that the engine refuses is stored without
   * typed columns and told to `onRefused`.
   */
  insert(batch: InsertBatch, signal?: AbortSignal): Promise<void>
}

export interface LogPosition {
  /** Index behind the highest that is stored. */
  readonly next: number
  /** Fewer than `next`: some were never stored. */
  readonly rows: number
  /** Feed number of the last one that is. */
  readonly feed: number
}

/** Whole frames of one log, consecutive indexes, at most 10,000 rows. */
export interface InsertBatch {
  readonly log: string
  readonly first: number
  readonly last: number
  /** What `encodeRows` made, in order. */
  readonly blocks: readonly Uint8Array[]
  /** The same events again; asked for only when the engine refuses the batch. */
  readonly events: () => Promise<readonly SealedEvent[]>
  readonly onRefused: (event: SealedEvent, reason: string) => void
}

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 10_000

/** Refusals that pass: no memory, no space, too many parts, ended by ourselves, other machines, shutting down. */
const PASSING = new Set(['159', '202', '209', '210', '236', '241', '242', '243', '252', '279', '319', '394', '999'])

export function createInserts(connection: Connection): Inserts {
  return {
    positions: (signal) => positions(connection, signal),
    insert: (batch, signal) => insertRange(connection, batch, batch.first, batch.last, batch.blocks, signal),
  }
}

async function positions(
  connection: Connection,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, LogPosition>> {
  return patiently(signal, async () => {
    await connection.endInserts(signal)
    const sql =
      'SELECT log AS name, max(n) + 1 AS next, max(feed) AS last, count() AS rows ' +
      `FROM ${connection.database}.events GROUP BY log`
    const found = await connection.ask<{ name: string; next: number; last: number; rows: number }>(sql, {}, signal)
    return new Map(found.map(({ name, next, last, rows }) => [name, { next, feed: last, rows }]))
  })
}

/** Stores rows first..last of a batch, all of them in `blocks`. They become one part: there whole or not at all. */
async function insertRange(
  connection: Connection,
  batch: InsertBatch,
  first: number,
  last: number,
  blocks: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const range = {
    table: `${connection.database}.events`,
    columns: EVENT_COLUMNS,
    blocks,
    token: `${batch.log}:${first}-${last}`,
  }
  let pauseMs = FIRST_PAUSE_MS
  for (;;) {
    try {
      await connection.insert(range, signal)
      return
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof AuditError) throw error
      if (error instanceof Refused && !PASSING.has(error.code)) {
        return await insertHalves(connection, batch, first, last, error, signal)
      }
    }
    // Nobody knows whether it is in: the store does.
    if (await holds(connection, batch.log, last, signal)) return
    await pause(pauseMs, undefined, signal && { signal })
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }
}

async function holds(
  connection: Connection,
  log: string,
  index: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return patiently(signal, async () => {
    await connection.endInserts(signal)
    const sql = `SELECT count() AS rows, max(n) AS top FROM ${connection.database}.events WHERE log = {log:String}`
    const [found] = await connection.ask<{ rows: number; top: number }>(sql, { log }, signal)
    return found !== undefined && found.rows > 0 && found.top >= index
  })
}

/**
 * Finds the row that the engine refuses, keeping the order of the others: the position in the store is the highest index.
 * When even a row without typed columns is refused, it is not the row.
 */
async function insertHalves(
  connection: Connection,
  batch: InsertBatch,
  first: number,
  last: number,
  refused: Refused,
  signal: AbortSignal | undefined,
): Promise<void> {
  const events = (await batch.events()).filter((event) => event.index >= first && event.index <= last)
  if (first < last) {
    const middle = Math.floor((first + last) / 2)
    const left = events.filter((event) => event.index <= middle)
    const right = events.filter((event) => event.index > middle)
    await insertRange(connection, batch, first, middle, [encodeRows(left)], signal)
    await insertRange(connection, batch, middle + 1, last, [encodeRows(right)], signal)
    return
  }
  const [event] = events
  if (!event) throw new AuditError('internal', `batch of ${batch.log} holds no event ${first}`)
  await insertBare(connection, event, signal)
  batch.onRefused(event, refused.message)
}

async function insertBare(connection: Connection, event: SealedEvent, signal: AbortSignal | undefined): Promise<void> {
  const token = `${event.log}:${event.index}-${event.index}:bare`
  const insert = { table: `${connection.database}.events`, columns: EVENT_COLUMNS, token }
  await patiently(signal, async () => {
    try {
      await connection.insert({ ...insert, blocks: [encodeBareRows([event])] }, signal)
    } catch (error) {
      if (!(error instanceof Refused) || PASSING.has(error.code)) {
        if (await holds(connection, event.log, event.index, signal)) return
        throw error
      }
      throw new AuditError('engine_failed', `the engine refuses every row of ${event.log}: ${error.message}`, {
        cause: error,
      })
    }
  })
}

/** Again and again, with growing pauses, until it works, the signal aborts or waiting cannot mend it. */
async function patiently<Value>(signal: AbortSignal | undefined, call: () => Promise<Value>): Promise<Value> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await call()
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof AuditError) throw error
    }
    await pause(pauseMs, undefined, signal && { signal })
  }
}
