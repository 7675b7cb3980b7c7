import { AuditError, type ErrorCode } from '../domain/errors.ts'
import { escapeTerminal } from '../lib/text.ts'
import type { Io } from './io.ts'

/** An error in a query, with the query that it is in. */
export class QueryFault extends Error {
  readonly fault: AuditError
  readonly query: string

  constructor(fault: AuditError, query: string) {
    super(fault.message, { cause: fault })
    this.fault = fault
    this.query = query
  }
}

/** Says on stderr what went wrong and what to do, and gives the exit code. Errors end here. */
export function complain(error: unknown, io: Io): number {
  if (io.signal.aborted) return 130
  if (error instanceof QueryFault) {
    io.err(`whodid: ${escapeTerminal(error.fault.message)}\n${underline(error)}`)
    tell(error.fault.hint, 'hint', io)
    return 2
  }
  if (!(error instanceof AuditError)) {
    // A bug: what we know of it, so that it can be reported.
    const known = error instanceof Error ? (error.stack ?? error.message) : String(error)
    io.err(`whodid: internal error\n${known.split('\n').map(escapeTerminal).join('\n')}\n`)
    return 1
  }
  io.err(`whodid: ${escapeTerminal(error.message)}\n`)
  const faults = error.details.faults ?? []
  if (faults.length > 1) for (const { path, message } of faults) tell(`${path} ${message}`, '-', io)
  tell(error.hint, 'hint', io)
  return WRONG_CALLS.has(error.code) ? 2 : 1
}

const WRONG_CALLS: ReadonlySet<ErrorCode> = new Set(['bad_request', 'invalid_query'])

/** The query with a mark under what is wrong, and what would put it right. */
function underline({ fault, query }: QueryFault): string {
  const { start = 0, end = start + 1, suggestion } = fault.details
  const before = escapeTerminal(query.slice(0, start))
  const wrong = escapeTerminal(query.slice(start, end))
  const after = escapeTerminal(query.slice(end))
  const marks = `${' '.repeat(before.length)}^${'~'.repeat(Math.max(0, wrong.length - 1))}`
  const help = suggestion === undefined ? '' : ` did you mean ${escapeTerminal(suggestion)}?`
  return `  ${before}${wrong}${after}\n  ${marks}${help}\n`
}

function tell(text: string | undefined, label: string, io: Io): void {
  if (text !== undefined) io.err(`  ${label}${label === '-' ? '' : ':'} ${escapeTerminal(text)}\n`)
}
