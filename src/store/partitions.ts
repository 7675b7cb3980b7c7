import { AuditError } from '../domain/errors.ts'
import { parseOrigin } from '../domain/sealed.ts'
import type { Connection } from './connection.ts'
import { quotedText } from './quote.ts'

/** Rows by log: each log is one partition of the table, so it goes at once or not at all. */
export interface Partitions {
  /** What the store has of each log. */
  list(signal?: AbortSignal): Promise<readonly LogRows[]>
  /** Takes all rows of a log. Answers how many there were; may be repeated. Throws `conflict` when others are among them. */
  drop(log: string, signal?: AbortSignal): Promise<number>
}

export interface LogRows {
  readonly log: string
  readonly rows: number
  /** Of `@timestamp`, milliseconds since 1970. */
  readonly oldestMs: number
  /** On the disk of the store, compressed. */
  readonly bytes: number
}

export function createPartitions(connection: Connection): Partitions {
  const table = `${connection.database}.events`
  return {
    async list(signal) {
      // One statement after the other: sizes are told of whole partitions alone.
      const rows = await connection.ask<{ log: string; rows: number; oldestMs: number; part: string }>(
        'SELECT log, count() AS rows, toUnixTimestamp64Milli(toDateTime64(min(t), 3)) AS oldestMs, ' +
          `any(_partition_id) AS part FROM ${table} GROUP BY log ORDER BY log`,
        {},
        signal,
      )
      const sizes = await connection.ask<{ part: string; bytes: number }>(
        'SELECT partition_id AS part, sum(bytes_on_disk) AS bytes FROM system.parts ' +
          `WHERE active AND database = '${connection.database}' AND table = 'events' GROUP BY partition_id`,
        {},
        signal,
      )
      const bytesOf = new Map(sizes.map(({ part, bytes }) => [part, bytes]))
      return rows.map(({ part, ...each }) => ({ ...each, bytes: bytesOf.get(part) ?? 0 }))
    },
    async drop(log, signal) {
      const { stream, period } = parseOrigin(log)
      const [found] = await connection.ask<{ own: number; others: number }>(
        `SELECT countIf(log = {log:String}) AS own, countIf(log != {log:String}) AS others FROM ${table} ` +
          'WHERE stream = {stream:String} AND period = {period:String}',
        { log, stream, period },
        signal,
      )
      const { own = 0, others = 0 } = found ?? {}
      if (others > 0) {
        const hint = 'a store is for one install: take the other rows out, or give each install a database of its own'
        throw new AuditError('conflict', `${others} rows of other logs stand beside those of ${log}`, { hint })
      }
      // Also where there are no rows: a part that only a crash left may be there still.
      await connection.command(
        `ALTER TABLE ${table} DROP PARTITION (${quotedText(stream)}, ${quotedText(period)})`,
        signal,
      )
      return own
    },
  }
}
