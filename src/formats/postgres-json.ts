import type { JsonObject } from '../domain/event.ts'
import { dropEmpty, objectIn, stringIn } from './loose.ts'
import { hostAndPort } from './postgres-csv.ts'
import type { PgauditRecord, PostgresLine } from './postgres-line.ts'

/** A record of jsonlog, or of CloudNativePG, which wraps csvlog. Undefined: it is neither. */
export function jsonLine(record: JsonObject): PostgresLine | undefined {
  const inner = objectIn(record, 'record')
  if (inner !== undefined) return wrappedLine(record, inner)
  const message = textIn(record, 'message')
  if (message === undefined || textIn(record, 'error_severity') === undefined) return undefined
  return jsonlogLine(record, message)
}

/** PostgreSQL's documentation, "Using JSON-Format Log Output". */
function jsonlogLine(record: JsonObject, message: string): PostgresLine {
  return {
    carrier: 'jsonlog',
    message,
    ...texts(record, {
      time: 'timestamp',
      user: 'user',
      database: 'dbname',
      application: 'application_name',
      host: 'remote_host',
      port: 'remote_port',
      pid: 'pid',
      session: 'session_id',
      number: 'line_num',
      sessionStart: 'session_start',
      commandTag: 'ps',
      transaction: 'txid',
      severity: 'error_severity',
      state: 'state_code',
      detail: 'detail',
      hint: 'hint',
      context: 'context',
      statement: 'statement',
      backend: 'backend_type',
      queryId: 'query_id',
    }),
  }
}

/** CloudNativePG's documentation, "PostgreSQL Logs" and "PGAudit Logs": csvlog's columns by name. */
function wrappedLine(record: JsonObject, inner: JsonObject): PostgresLine | undefined {
  const audit = auditOf(objectIn(inner, 'audit'))
  const message = textIn(inner, 'message') ?? ''
  if (audit === undefined && message === '' && textIn(inner, 'error_severity') === undefined) return undefined
  return {
    carrier: 'csvlog',
    message,
    ...texts(inner, {
      time: 'log_time',
      user: 'user_name',
      database: 'database_name',
      application: 'application_name',
      pid: 'process_id',
      session: 'session_id',
      number: 'session_line_num',
      sessionStart: 'session_start_time',
      commandTag: 'command_tag',
      transaction: 'transaction_id',
      severity: 'error_severity',
      state: 'sql_state_code',
      detail: 'detail',
      hint: 'hint',
      context: 'context',
      statement: 'query',
      backend: 'backend_type',
      queryId: 'query_id',
    }),
    ...hostAndPort(textIn(inner, 'connection_from') ?? ''),
    ...dropEmpty({ audit, pod: stringIn(record, 'logging_pod') }),
  }
}

function auditOf(audit: JsonObject | undefined): PgauditRecord | undefined {
  const type = textIn(audit, 'audit_type')
  if (audit === undefined || type === undefined) return undefined
  return {
    type,
    ...texts(audit, {
      statementId: 'statement_id',
      substatementId: 'substatement_id',
      class: 'class',
      command: 'command',
      objectType: 'object_type',
      objectName: 'object_name',
      statement: 'statement',
      parameter: 'parameter',
      rows: 'rows',
    }),
  }
}

/** Fields that are there, under our names: `{ time: 'log_time' }` reads `log_time` as `time`. */
function texts<Names extends { readonly [name: string]: string }>(
  record: JsonObject,
  names: Names,
): { [name in keyof Names]?: string } {
  const found: { [name in keyof Names]?: string } = {}
  for (const name in names) {
    const value = textIn(record, names[name] ?? '')
    if (value !== undefined) found[name] = value
  }
  return found
}

/** Numbers are texts here: csvlog has no others. */
function textIn(record: JsonObject | undefined, name: string): string | undefined {
  if (record === undefined || !Object.hasOwn(record, name)) return undefined
  const value = record[name]
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}
