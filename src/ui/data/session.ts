import { queryOptions, useQuery } from '@tanstack/react-query'
import type { UseQueryResult } from '@tanstack/react-query'
import type { Me } from '../../domain/answers.ts'
import { passes, request, requestJson, retryDelay } from './request.ts'

export const meOptions = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => requestJson<Me>('/v1/me', {}, { signal }),
  staleTime: 60_000,
  retry: (_count: number, error: Error) => passes(error),
  retryDelay,
})

export function useMe(): UseQueryResult<Me> {
  return useQuery(meOptions)
}

/** Who may see how sources stand, as the API judges it: whoever reads events. */
export function mayReadSources(me: Me | undefined): boolean {
  return me?.scopes.includes('read') === true
}

/** Who may see the logs and make packs, as the API judges it. */
export function mayReadLedger(me: Me | undefined): boolean {
  return me?.scopes.includes('read') === true
}

/** Who may see what was rejected, feed it again, and try formats. */
export function mayEditSources(me: Me | undefined): boolean {
  return me?.scopes.includes('admin') === true
}

/** Trades the secret of a one-time link for a session cookie. Throws `unauthenticated` where the link was used or is too old. */
export async function signIn(secret: string): Promise<void> {
  await request('/v1/session', {}, jsonBody('POST', { secret }))
}

export async function signOut(): Promise<void> {
  await request('/v1/session', {}, { method: 'DELETE' })
}

export function jsonBody(method: string, body: unknown): RequestInit {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

/** The secret in `#admin=SECRET`, taken out of the address bar at once, so that it is in no history and no copy. */
export function takeLinkSecret(): string | undefined {
  const match = /^#admin=([A-Za-z0-9_-]{8,200})$/.exec(location.hash)
  if (match === null) return undefined
  history.replaceState(history.state, '', location.pathname + location.search)
  return match[1]
}

export interface Readiness {
  readonly state: 'recording' | 'waiting' | 'unreachable'
  readonly words: string
}

/** Whether the server takes records now, and in words what is not as it should be. */
export function useReadiness(): Readiness {
  const ready = useQuery({
    queryKey: ['readyz'],
    queryFn: async ({ signal }) => readinessOf(await fetch('/readyz', { signal })),
    refetchInterval: 10_000,
    retry: false,
  })
  if (ready.isError) return { state: 'unreachable', words: 'No connection' }
  return ready.data ?? { state: 'recording', words: 'Recording' }
}

async function readinessOf(response: Response): Promise<Readiness> {
  if (response.ok) return { state: 'recording', words: 'Recording' }
  const said = await response.text()
  if (/disk|journal/i.test(said)) return { state: 'unreachable', words: 'Not recording' }
  return { state: 'waiting', words: 'Recording, engine restarting' }
}
