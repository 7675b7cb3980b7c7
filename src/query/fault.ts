import { AuditError } from '../domain/errors.ts'
import type { Span } from './ast.ts'

interface Help {
  /** Text that puts it right in place of the span. */
  readonly suggestion?: string | undefined
  readonly hint?: string
}

/** What is wrong with a query, and where: `invalid_query`. */
export function fault(message: string, { start, end }: Span, { suggestion, hint }: Help = {}): AuditError {
  const help = { ...(suggestion !== undefined && { suggestion }), ...(hint !== undefined && { hint }) }
  return new AuditError('invalid_query', message, { start, end, ...help })
}

/** Text of the user in a message: short enough to read. */
export function shown(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
