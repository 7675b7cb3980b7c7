import type { ErrorCode, ErrorDetails, InputFault } from '../../domain/errors.ts'
import { AuditError } from '../../domain/errors.ts'

/** What the API answers when it refuses (RFC 9457). Every field may be missing: a proxy may have answered. */
interface Problem {
  readonly title?: string
  readonly detail?: string
  readonly code?: ErrorCode
  readonly hint?: string
  readonly errors?: readonly InputFault[]
  readonly start?: number
  readonly end?: number
  readonly suggestion?: string
}

export type Params = Readonly<Record<string, string | number | undefined>>

/**
 * Calls our API. Throws an AuditError with the API's own code, `unauthenticated` included; `io_failed` where there was no
 * answer at all. An abort rejects with its reason.
 */
export async function request(path: string, params: Params = {}, init: RequestInit = {}): Promise<Response> {
  const response = await reach(pathWith(path, params), init)
  if (response.ok) return response
  throw await refusal(response)
}

export async function requestJson<Answer>(path: string, params: Params = {}, init: RequestInit = {}): Promise<Answer> {
  const headers = new Headers(init.headers)
  headers.set('accept', 'application/json')
  const response = await request(path, params, { ...init, headers })
  // The API's own contract (domain/answers.ts): same repository, same version, same origin.
  return (await response.json()) as Answer
}

function pathWith(path: string, params: Params): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) if (value !== undefined) search.set(name, String(value))
  return search.size === 0 ? path : `${path}?${search}`
}

/** Errors that pass by themselves: the page goes on trying. */
export function passes(error: unknown): boolean {
  return error instanceof AuditError && PASSING.has(error.code)
}

const PASSING = new Set<ErrorCode>(['busy', 'engine_unavailable', 'io_failed'])

export function retryDelay(attempt: number, error: unknown): number {
  const asked = error instanceof AuditError ? error.details.retryAfterMs : undefined
  return Math.min(asked ?? 500 * 2 ** attempt, 8000)
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { credentials: 'same-origin', redirect: 'error', ...init })
  } catch (cause) {
    init.signal?.throwIfAborted()
    throw new AuditError('io_failed', 'no connection to the server', { cause })
  }
}

async function refusal(response: Response): Promise<AuditError> {
  const problem = await problemOf(response)
  const after = Number(response.headers.get('retry-after') ?? Number.NaN)
  const { hint, errors, start, end, suggestion } = problem
  const details: ErrorDetails = {
    ...(hint !== undefined && { hint }),
    ...(errors !== undefined && { faults: errors }),
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    ...(suggestion !== undefined && { suggestion }),
    ...(Number.isFinite(after) && { retryAfterMs: after * 1000 }),
  }
  const message = problem.detail ?? problem.title ?? `the server answered ${response.status}`
  return new AuditError(problem.code ?? codeFor(response.status), message, details)
}

async function problemOf(response: Response): Promise<Problem> {
  if (!(response.headers.get('content-type') ?? '').includes('json')) return {}
  try {
    const body: unknown = await response.json()
    // Every field is optional, so any object is a problem.
    return typeof body === 'object' && body !== null ? body : {}
  } catch {
    // A body that is not JSON says nothing; the status still does.
    return {}
  }
}

function codeFor(status: number): ErrorCode {
  if (status === 401) return 'unauthenticated'
  if (status === 403) return 'forbidden'
  if (status === 404) return 'not_found'
  if (status === 429) return 'busy'
  return status >= 502 && status <= 504 ? 'engine_unavailable' : 'internal'
}
