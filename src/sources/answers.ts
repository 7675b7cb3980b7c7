import { AuditError } from '../domain/errors.ts'
import type { Emit, EmitOptions, ReceiverResponse, SourceRecord } from './source.ts'

/** Emits, and answers 429 with `Retry-After` when the journal is full: the sender keeps its batch and comes again. */
export async function emitOrWait(
  emit: Emit,
  records: readonly SourceRecord[],
  options: EmitOptions,
  answer: (receipt: Awaited<ReturnType<Emit>>) => ReceiverResponse,
): Promise<ReceiverResponse> {
  try {
    return answer(await emit(records, options))
  } catch (error) {
    if (!(error instanceof AuditError) || error.code !== 'busy') throw error
    const seconds = Math.max(1, Math.ceil((error.details.retryAfterMs ?? 1000) / 1000))
    const response = refused(429, error.code, error.message, 'send the same batch again after Retry-After')
    return { ...response, headers: { ...response.headers, 'retry-after': String(seconds) } }
  }
}

/** A refusal as RFC 9457 problem. */
export function refused(status: number, code: string, detail: string, hint?: string): ReceiverResponse {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: { type: 'about:blank', title: TITLES.get(status) ?? 'Refused', status, detail, code, ...(hint && { hint }) },
  }
}

const TITLES: ReadonlyMap<number, string> = new Map([
  [400, 'Bad Request'],
  [405, 'Method Not Allowed'],
  [413, 'Content Too Large'],
  [422, 'Unprocessable Content'],
  [429, 'Too Many Requests'],
])

/** What the sender did wrong, as an answer; anything else is thrown on. */
export function refusalOf(error: unknown): ReceiverResponse {
  if (!(error instanceof AuditError)) throw error
  if (error.code === 'bad_request') return refused(400, error.code, error.message, error.hint)
  if (error.code === 'too_large') return refused(413, error.code, error.message, error.hint)
  throw error
}
