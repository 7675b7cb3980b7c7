import { Agent } from 'node:http'
import { Readable } from 'node:stream'
import { ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import type { ClickHouseClient } from '@clickhouse/client'
import { AuditError } from '../domain/errors.ts'
import { READER, WRITER } from './engine-face.ts'
import type { Engine } from './engine.ts'
import { quotedText } from './quote.ts'

/** Values of `{name:Type}` in a statement. */
export type Values = Readonly<Record<string, string | number | readonly string[] | readonly number[]>>

/** The one way to ClickHouse, embedded or not: HTTP through its own client. */
export interface Connection {
  readonly database: string
  /** A reader's SELECT. Errors as `Reads` names them. Rows are what the statement selects: `Row` is its promise. */
  select<Row>(sql: string, values: Values, signal?: AbortSignal): Promise<Selected<Row>>
  /** A reader's SELECT, unread: a line of JSON for each row. Errors as of `select`. */
  lines(sql: string, values: Values, signal?: AbortSignal): Promise<string>
  /** A writer's SELECT. Waits for the engine as long as it takes. */
  ask<Row>(sql: string, values: Values, signal?: AbortSignal): Promise<readonly Row[]>
  /** A writer's statement without an answer. Waits for the engine as long as it takes. */
  command(sql: string, signal?: AbortSignal): Promise<void>
  /** Rejects with `Refused` when the engine has said no; after any other error nobody knows whether the rows are in. */
  insert(insert: NativeInsert, signal?: AbortSignal): Promise<void>
  /** After it, no insert of ours runs that could still store something behind the answer to a later `ask`. */
  endInserts(signal?: AbortSignal): Promise<void>
  whenReady(signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface Selected<Row> {
  readonly rows: readonly Row[]
  readonly rowsRead: number
}

interface NativeInsert {
  readonly table: string
  readonly columns: readonly string[]
  readonly blocks: readonly Uint8Array[]
  /** Makes an immediate repetition of the same bytes a no-op. */
  readonly token: string
}

/** The engine has answered, and the answer is no. */
export class Refused extends Error {
  readonly code: string

  constructor(error: ClickHouseError) {
    super(`the engine refused it with code ${error.code} ${error.type ?? ''}`, { cause: error })
    this.name = 'Refused'
    this.code = error.code
  }
}

export type Target = { readonly engine: Engine } | { readonly url: string }

/** Own inserts are found among the running statements by the beginning of their text. */
const insertMark = (database: string): string => `/* wd:insert:${database}:`

const READ_TIMEOUT_MS = 20_000
const WRITE_TIMEOUT_MS = 120_000
const WAIT_FOR_ENGINE_MS = 5_000

export function createConnection(target: Target, database: string): Connection {
  const reader = clientOf(target, READER, READ_TIMEOUT_MS + 5_000)
  const writer = clientOf(target, WRITER, WRITE_TIMEOUT_MS)
  const whenReady = (signal?: AbortSignal): Promise<void> =>
    'engine' in target ? target.engine.whenReady(signal) : Promise.resolve()
  let inserts = 0
  return {
    database,
    whenReady,
    async select<Row>(sql: string, values: Values, signal?: AbortSignal): Promise<Selected<Row>> {
      await inTime(whenReady, signal)
      return translated(signal, async () => {
        const settings = 'url' in target ? { clickhouse_settings: REMOTE_READ_SETTINGS } : {}
        // This format, since it says how many rows were read.
        const query = { query: sql, query_params: { ...values }, format: 'JSON' as const, ...settings }
        const answer = await reader.query({ ...query, ...(signal && { abort_signal: signal }) })
        const { data, statistics } = await answer.json<Row>()
        return { rows: data, rowsRead: statistics?.rows_read ?? 0 }
      })
    },
    async lines(sql, values, signal) {
      await inTime(whenReady, signal)
      return translated(signal, async () => {
        const settings = 'url' in target ? { clickhouse_settings: REMOTE_READ_SETTINGS } : {}
        const query = { query: sql, query_params: { ...values }, format: 'JSONEachRow' as const, ...settings }
        const answer = await reader.query({ ...query, ...(signal && { abort_signal: signal }) })
        return answer.text()
      })
    },
    async ask<Row>(sql: string, values: Values, signal?: AbortSignal) {
      await whenReady(signal)
      const clickhouse_settings = { output_format_json_quote_64bit_integers: 0 as const }
      const query = { query: sql, query_params: { ...values }, format: 'JSONEachRow' as const, clickhouse_settings }
      return orRefused(async () => {
        const answer = await writer.query({ ...query, ...(signal && { abort_signal: signal }) })
        return answer.json<Row>()
      })
    },
    async command(sql, signal) {
      await whenReady(signal)
      const clickhouse_settings = 'url' in target ? { allow_suspicious_codecs: 1 as const } : {}
      await orRefused(() =>
        writer.command({ query: sql, clickhouse_settings, ...(signal && { abort_signal: signal }) }),
      )
    },
    async insert(insert, signal) {
      await whenReady(signal)
      const query = `${insertMark(database)}${process.pid}:${++inserts} */ ${insertStatement(insert)}`
      const clickhouse_settings = { insert_deduplication_token: insert.token, optimize_on_insert: 0 as const }
      const abort = signal && { abort_signal: signal }
      await orRefused(async () => {
        const values = Readable.from(insert.blocks, { objectMode: true })
        const { stream } = await writer.exec({ query, values, clickhouse_settings, ...abort })
        for await (const _ of stream) continue
      })
    },
    async endInserts(signal) {
      // The embedded engine asks and inserts on one session, one after the other. It also lists a statement that has failed
      // until its session is used again, so waiting for it would never end.
      const wait = 'url' in target ? 'SYNC' : 'ASYNC'
      await this.command(`KILL QUERY WHERE startsWith(query, ${quotedText(insertMark(database))}) ${wait}`, signal)
    },
    async close() {
      await Promise.all([reader.close(), writer.close()])
    },
  }
}

/** The same, but nothing is asked before `ready`: readers wait for it as long as for the engine, writers as it takes. */
export function gated(connection: Connection, ready: Promise<void>): Connection {
  const whenReady = (signal?: AbortSignal): Promise<void> => unlessAborted(ready, signal)
  return {
    ...connection,
    whenReady,
    async select<Row>(sql: string, values: Values, signal?: AbortSignal) {
      await inTime(whenReady, signal)
      return connection.select<Row>(sql, values, signal)
    },
    async lines(sql, values, signal) {
      await inTime(whenReady, signal)
      return connection.lines(sql, values, signal)
    },
    async ask<Row>(sql: string, values: Values, signal?: AbortSignal) {
      await whenReady(signal)
      return connection.ask<Row>(sql, values, signal)
    },
    async command(sql, signal) {
      await whenReady(signal)
      return connection.command(sql, signal)
    },
    async insert(insert, signal) {
      await whenReady(signal)
      return connection.insert(insert, signal)
    },
    async endInserts(signal) {
      await whenReady(signal)
      return connection.endInserts(signal)
    },
  }
}

function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    if (signal.aborted) return aborted()
    signal.addEventListener('abort', aborted, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted))
  })
}

function insertStatement(insert: NativeInsert): string {
  return `INSERT INTO ${insert.table} (${insert.columns.join(', ')}) FORMAT Native`
}

function clientOf(target: Target, username: string, timeoutMs: number): ClickHouseClient {
  const shared = {
    use_multipart_params: true,
    request_timeout: timeoutMs,
    max_open_connections: 32,
    log: { level: ClickHouseLogLevel.OFF },
    compression: { request: false, response: false },
  }
  if ('url' in target) return createClient({ ...shared, url: target.url })
  const { socket: socketPath, secret: password } = target.engine
  // Agents take every option of a connection; the types of Node leave this one out.
  const http_agent = new Agent({ keepAlive: true, socketPath } as ConstructorParameters<typeof Agent>[0])
  return createClient({ ...shared, url: 'http://engine', username, password, http_agent })
}

/** What the embedded engine's read sessions are set to, for a server. */
const REMOTE_READ_SETTINGS = {
  readonly: '1',
  max_threads: 2,
  max_execution_time: READ_TIMEOUT_MS / 1000,
  max_memory_usage: '300000000',
  wait_end_of_query: 1,
  cancel_http_readonly_queries_on_client_close: 1,
  prefer_column_name_to_alias: 1,
  output_format_json_quote_64bit_integers: 0,
} as const

async function inTime(whenReady: (signal: AbortSignal) => Promise<void>, signal?: AbortSignal): Promise<void> {
  const late = AbortSignal.timeout(WAIT_FOR_ENGINE_MS)
  try {
    await whenReady(signal ? AbortSignal.any([signal, late]) : late)
  } catch (error) {
    if (signal?.aborted !== true && late.aborted) throw unavailable(error)
    throw error
  }
}

async function orRefused<Value>(call: () => Promise<Value>): Promise<Value> {
  try {
    return await call()
  } catch (error) {
    throw error instanceof ClickHouseError ? new Refused(error) : error
  }
}

async function translated<Value>(signal: AbortSignal | undefined, call: () => Promise<Value>): Promise<Value> {
  try {
    return await call()
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof ClickHouseError) throw refusal(error)
    if (error instanceof Error && /timeout/i.test(error.message)) throw timeout(error)
    throw unavailable(error)
  }
}

/** Whether the engine refused it since the answer, or what it takes to make it, was more than a query may have. */
export function isTooMuch(error: unknown): boolean {
  const cause = error instanceof AuditError ? error.cause : undefined
  return cause instanceof ClickHouseError && (cause.code === '241' || cause.code === '396')
}

/** Texts of the engine quote values, so they go into the cause only. */
function refusal(error: ClickHouseError): AuditError {
  switch (error.code) {
    case '159':
    case '160':
    case '394':
      return timeout(error)
    case '241':
    case '396': {
      const hint = 'narrow the time range, or add a term that fewer events match'
      return new AuditError('engine_failed', 'the query needs more memory than a query may have', {
        hint,
        cause: error,
      })
    }
    default:
      return new AuditError(
        'engine_failed',
        `the engine refused the query with code ${error.code} ${error.type ?? ''}`,
        {
          cause: error,
        },
      )
  }
}

function timeout(cause: unknown): AuditError {
  const hint = 'narrow the time range, or add a term that fewer events match'
  return new AuditError('timeout', `the query took longer than ${READ_TIMEOUT_MS / 1000} s`, { hint, cause })
}

function unavailable(cause: unknown): AuditError {
  const hint = 'it is started again by itself; what arrives meanwhile is kept and shown afterwards'
  return new AuditError('engine_unavailable', 'the engine does not answer', { hint, cause, retryAfterMs: 1_000 })
}
