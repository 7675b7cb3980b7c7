import type { JsonObject } from '../domain/event.ts'
import { parseCsvlog } from './postgres-csv.ts'
import { jsonLine } from './postgres-json.ts'
import type { PostgresLine } from './postgres-line.ts'
import type { StderrReader } from './postgres-stderr.ts'
import { parseRecordText } from './record-json.ts'

/** One message of a server, told by its looks: JSON, csvlog, or a line of stderr. Undefined: none of them. */
export function parsePostgres(text: string, stderr: StderrReader): PostgresLine | undefined {
  if (text.startsWith('{')) {
    const record = jsonOf(text)
    const line = record === undefined ? undefined : jsonLine(record)
    if (line !== undefined) return line
  }
  return parseCsvlog(text) ?? stderr.parse(text)
}

/** What may be missing at the end of a record that was cut within a text: an escape that is not whole, and the ends. */
const ENDS = ['"}', '"}}', '"}}}'] as const

function jsonOf(text: string): JsonObject | undefined {
  const whole = parsed(text)
  if (whole !== undefined || text.length < LONG) return whole
  const begun = text.replace(/\\(?:u[0-9a-fA-F]{0,3})?$/, '')
  for (const end of ENDS) {
    const found = parsed(begun + end)
    if (found !== undefined) return found
  }
  return undefined
}

/** Shorter ones were not cut by us. */
const LONG = 250_000

function parsed(text: string): JsonObject | undefined {
  const record = parseRecordText(text)
  return record.kind === 'reject' ? undefined : record.value
}
