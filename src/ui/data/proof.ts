import type { UseQueryResult } from '@tanstack/react-query'
import { useQuery } from '@tanstack/react-query'
import type { ProofAnswer } from '../../domain/answers.ts'
import { AuditError } from '../../domain/errors.ts'
import type { ProofReport } from '../proof/check.ts'
import type { LedgerAnswer } from './ledger.ts'
import { passes, request, requestJson, retryDelay } from './request.ts'

/** Which of several events with one id (a conflict) is meant. */
export interface Place {
  readonly log?: string
  readonly index?: number
}

/** Fetches the proof of an event and checks it here. The checking code is loaded with the first check. */
export function useProofReport(id: string, place: Place | undefined): UseQueryResult<ProofReport> {
  return useQuery({
    queryKey: ['proof', id, place],
    enabled: place !== undefined,
    queryFn: async ({ signal }) => {
      const [answer, { witnesses }, { checkEvent }] = await Promise.all([
        requestJson<ProofAnswer>(
          `/v1/events/${encodeURIComponent(id)}/proof`,
          { format: 'json', ...place },
          { signal },
        ),
        requestJson<LedgerAnswer>('/log', {}, { signal }),
        import('../proof/check.ts'),
      ])
      return checkEvent(answer, (origin, path) => logFile(origin, path, signal), witnesses)
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 600_000,
    // Its checkpoint comes into the root log within seconds.
    refetchInterval: ({ state }) =>
      state.data !== undefined && state.data.root === undefined && state.dataUpdateCount < 4 ? 10_000 : false,
    // The next checkpoint covers it: the server says when to ask again.
    retry: (count, error) => passes(error) || (isNotYet(error) && count < 60),
    retryDelay: (attempt, error) => (isNotYet(error) ? retryDelay(0, error) : retryDelay(attempt, error)),
  })
}

/** Recorded and durable, but no checkpoint covers it yet. */
export function isNotYet(error: unknown): boolean {
  return error instanceof AuditError && error.details.retryAfterMs !== undefined && !passes(error)
}

async function logFile(origin: string, path: string, signal: AbortSignal): Promise<Uint8Array> {
  const response = await request(`/log/${origin}/${path}`, {}, { signal })
  return new Uint8Array(await response.arrayBuffer())
}
