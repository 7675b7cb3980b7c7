import type { ReceiverResponse } from './source.ts'

/**
 * A refusal as RFC 9457 problem, for what the sender's protocol answers in its own way. AuditErrors that a receiver throws
 * (`busy`, `bad_request`, `too_large` …) are answered by the API like all others.
 */
export function refused(status: 405 | 422, code: string, detail: string, hint: string): ReceiverResponse {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...(status === 405 && { allow: 'POST' }) },
    body: { type: `urn:whodid:problem:${code}`, title: TITLES[status], status, code, detail, hint },
  }
}

const TITLES = { 405: 'Records are sent by POST', 422: 'Understood, but it cannot be taken' } as const
