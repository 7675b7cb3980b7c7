import { csvFields } from './csv-fields.ts'
import { dropEmpty } from './loose.ts'
import type { PostgresLine } from './postgres-line.ts'

/** Columns of `log_destination = csvlog` up to PostgreSQL 12; 13 adds one, 14 two more. */
const LEAST_COLUMNS = 23
const MESSAGE = 13

/** How a record of csvlog begins: a time with milliseconds, then a quoted name or nothing. */
const BEGIN = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^,\s"]{1,12},(?:"|,)/

export function beginsCsvlog(text: string): boolean {
  return BEGIN.test(text)
}

/**
 * A record of csvlog (PostgreSQL's documentation, "Using CSV-Format Log Output"). Undefined: it is none. One that was
 * cut behind the beginning of its message is read as far as it goes.
 */
export function parseCsvlog(text: string): PostgresLine | undefined {
  if (!BEGIN.test(text)) return undefined
  const { fields, isOpen } = csvFields(text)
  const isWhole = !isOpen && fields.length >= LEAST_COLUMNS
  if (!isWhole && !(isOpen && fields.length > MESSAGE)) return undefined
  const [time, user, database, pid, from = '', session, number, commandTag, sessionStart, , transaction] = fields
  const [severity, state, message = '', detail, hint, , , context, statement, , , application, backend, , queryId] =
    fields.slice(11)
  return {
    carrier: 'csvlog',
    ...dropEmpty({ time, user, database, pid, session, number, commandTag, sessionStart, transaction }),
    ...dropEmpty({ severity, state, detail, hint, context, statement, application, backend, queryId }),
    ...hostAndPort(from),
    message,
  }
}

/** `127.0.0.1:45896`, `::1:45896`, `[local]`. */
export function hostAndPort(from: string): Pick<PostgresLine, 'host' | 'port'> {
  const colon = from.lastIndexOf(':')
  const port = from.slice(colon + 1)
  if (colon > 0 && /^\d{1,5}$/.test(port)) return { host: from.slice(0, colon), port }
  return from === '' ? {} : { host: from }
}
