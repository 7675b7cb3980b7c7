import { randomUUID } from 'node:crypto'

import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'

import { AuditError, type ErrorCode } from '../domain/errors.ts'
import type { ApiDeps } from './deps.ts'

/** RFC 9457 problem details, with our members. */
interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
  readonly hint?: string
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
  /** For `invalid_query`: characters start..end of `q`, and what would put it right there. */
  readonly start?: number
  readonly end?: number
  readonly suggestion?: string
}

/** Where every error of the API ends: named ones are told, all others are "internal error" with an id, and logged once. */
export function addProblems(app: FastifyInstance, deps: Pick<ApiDeps, 'logError'>): void {
  app.setErrorHandler((error, _request, reply) => {
    if (reply.raw.destroyed) return reply.hijack()
    const named = nameError(error)
    if (named !== undefined && !WORTH_LOGGING.has(named.code)) return sendProblem(reply, named)
    const id = randomUUID()
    deps.logError(error, id)
    return sendProblem(reply, named ?? internalError(id))
  })
}

/** Answers with this error. `status` where a route's promise differs from the code's usual one. */
export function sendProblem(reply: FastifyReply, error: AuditError, status = STATUS[error.code]): FastifyReply {
  const { retryAfterMs } = error.details
  if (retryAfterMs !== undefined) void reply.header('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000)))
  if (error.code === 'unauthenticated') void reply.header('www-authenticate', 'Bearer')
  return reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify(problemOf(error, status)))
}

const STATUS: Readonly<Record<ErrorCode, number>> = {
  bad_request: 400,
  busy: 429,
  conflict: 409,
  damaged: 500,
  disk_full: 503,
  engine_failed: 500,
  engine_unavailable: 503,
  forbidden: 403,
  internal: 500,
  invalid_config: 400,
  invalid_query: 400,
  io_failed: 503,
  locked: 503,
  not_found: 404,
  not_verified: 409,
  port_in_use: 500,
  timeout: 504,
  too_large: 413,
  unauthenticated: 401,
  unsupported: 415,
  unsupported_version: 500,
}

const TITLE: Readonly<Record<ErrorCode, string>> = {
  bad_request: 'The request is not understood',
  busy: 'Not now',
  conflict: 'In conflict with what is there',
  damaged: 'Stored data is damaged',
  disk_full: 'The disk is full',
  engine_failed: 'The store could not answer',
  engine_unavailable: 'The store is not ready',
  forbidden: 'Not allowed',
  internal: 'Internal error',
  invalid_config: 'The configuration is wrong',
  invalid_query: 'The query is not understood',
  io_failed: 'Reading or writing failed',
  locked: 'In use by another process',
  not_found: 'Not found',
  not_verified: 'Not verified',
  port_in_use: 'The port is in use',
  timeout: 'It took too long',
  too_large: 'Too large',
  unauthenticated: 'Who calls is not known',
  unsupported: 'Not supported',
  unsupported_version: 'Written by another version',
}

/** What an operator must see though the caller is told. */
const WORTH_LOGGING: ReadonlySet<ErrorCode> = new Set([
  'damaged',
  'engine_failed',
  'internal',
  'io_failed',
  'disk_full',
])

function problemOf(error: AuditError, status: number): Problem {
  const { hint, faults, start, end, suggestion } = error.details
  return {
    type: `urn:whodid:problem:${error.code}`,
    title: TITLE[error.code],
    status,
    code: error.code,
    detail: error.message,
    ...(hint !== undefined && { hint }),
    ...(faults !== undefined && { errors: faults }),
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    ...(suggestion !== undefined && { suggestion }),
  }
}

function internalError(id: string): AuditError {
  const hint = `the server's log says more under this id`
  return new AuditError('internal', `internal error ${id}`, { hint })
}

/** Our own errors, and those that fastify finds in a request before a handler sees it. */
function nameError(error: unknown): AuditError | undefined {
  if (error instanceof AuditError) return error
  const { code, statusCode, message }: Partial<FastifyError> = error instanceof Error ? error : {}
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const hint = 'send less in one request'
    return new AuditError('too_large', 'the request body is too large', { cause: error, hint })
  }
  const isTheirs = statusCode !== undefined && statusCode >= 400 && statusCode < 500
  return isTheirs && code?.startsWith('FST_')
    ? new AuditError('bad_request', message ?? '', { cause: error })
    : undefined
}
