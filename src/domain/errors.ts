/** The closed list of error codes. Adding one is an API change; `docs/operate` explains each. */
export type ErrorCode =
  | 'bad_request'
  | 'busy'
  | 'conflict'
  | 'damaged'
  | 'disk_full'
  | 'engine_failed'
  | 'engine_unavailable'
  | 'forbidden'
  | 'internal'
  | 'invalid_config'
  | 'invalid_query'
  | 'io_failed'
  | 'locked'
  | 'not_found'
  | 'not_verified'
  | 'port_in_use'
  | 'timeout'
  | 'too_large'
  | 'unauthenticated'
  | 'unsupported'
  | 'unsupported_version'

/** One thing wrong in what somebody sent: where, and in which words. */
export interface InputFault {
  readonly path: string
  readonly message: string
}

export interface ErrorDetails {
  /** What an operator or caller can do about it. */
  readonly hint?: string
  readonly cause?: unknown
  /** For `busy`: when to come again, in milliseconds. */
  readonly retryAfterMs?: number
  readonly faults?: readonly InputFault[]
  /** For `invalid_query`: character positions in the query text, end exclusive. */
  readonly start?: number
  readonly end?: number
  /** For `invalid_query`: text that would put it right in place of start..end. */
  readonly suggestion?: string
}

/** The one error class. Its message names the thing; it never holds contents of events or secrets. */
export class AuditError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause })
    this.name = 'AuditError'
    this.code = code
    this.details = details
  }

  get hint(): string | undefined {
    return this.details.hint
  }
}
