import type { InfiniteData, UseInfiniteQueryResult, UseQueryResult } from '@tanstack/react-query'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import type { EventPage, RelatedAnswer, Summary } from '../../domain/answers.ts'
import type { AuditEvent } from '../../domain/event.ts'
import { passes, request, requestJson, retryDelay } from './request.ts'

/** One run: what is asked, over which fixed range. List, summary and all pages share it. */
export interface Run {
  readonly q: string
  /** RFC 3339 in UTC. */
  readonly since: string
  readonly until: string
  /** IANA zone of dates in the query, and of the chart's days. */
  readonly zone: string
}

const FIRST_PAGE = 100
const NEXT_PAGE = 200

const PATIENT = {
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: 600_000,
  retry: (_count: number, error: Error) => passes(error),
  retryDelay,
  refetchOnWindowFocus: false,
  placeholderData: keepPreviousData,
} as const

export type EventPages = UseInfiniteQueryResult<InfiniteData<EventPage, string | undefined>>

/** Newest first, page after page. The first page fixes `asOf` for the others: the cursor holds it. */
export function useEventPages(run: Run | undefined): EventPages {
  return useInfiniteQuery({
    ...PATIENT,
    queryKey: ['events', run],
    enabled: run !== undefined,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => {
      const limit = pageParam === undefined ? FIRST_PAGE : NEXT_PAGE
      return requestJson<EventPage>('/v1/events', { ...run, limit, cursor: pageParam }, { signal })
    },
    getNextPageParam: (page) => page.next,
  })
}

/** Totals, histogram and facets of the same snapshot as the list: it waits for the list's `asOf`. */
export function useSummary(run: Run | undefined, asOf: string | undefined): UseQueryResult<Summary> {
  return useQuery({
    ...PATIENT,
    queryKey: ['summary', run, asOf],
    enabled: run !== undefined && asOf !== undefined,
    queryFn: ({ signal }) => requestJson<Summary>('/v1/events:summary', { ...run, asOf }, { signal }),
  })
}

/** One event by its id, for a link to one that is not in the list. */
export function useEvent(id: string | undefined, known: AuditEvent | undefined): UseQueryResult<AuditEvent> {
  return useQuery({
    queryKey: ['event', id],
    enabled: id !== undefined && known === undefined,
    queryFn: ({ signal }) => requestJson<AuditEvent>(`/v1/events/${encodeURIComponent(id ?? '')}`, {}, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
    retry: (_count: number, error: Error) => passes(error),
    retryDelay,
  })
}

/** What belongs to one request, connection or process with an event; asked while there may be such. */
export function useRelated({ event, whodid }: AuditEvent, enabled: boolean): UseQueryResult<RelatedAnswer> {
  const place = { log: whodid?.log, index: whodid?.index }
  return useQuery({
    queryKey: ['related', event.id, place],
    enabled,
    queryFn: ({ signal }) =>
      requestJson<RelatedAnswer>(`/v1/events/${encodeURIComponent(event.id ?? '')}/related`, place, { signal }),
    // More of it may come.
    staleTime: 30_000,
    retry: (_count: number, error: Error) => passes(error),
    retryDelay,
  })
}

export interface Original {
  readonly bytes: Uint8Array
  readonly contentType: string
}

/** The record as it came, byte for byte. */
export function useOriginal({ event, whodid }: AuditEvent): UseQueryResult<Original> {
  const place = { log: whodid?.log, index: whodid?.index }
  return useQuery({
    queryKey: ['original', event.id, place],
    queryFn: async ({ signal }) => {
      const response = await request(`/v1/events/${encodeURIComponent(event.id ?? '')}/original`, place, { signal })
      const contentType = response.headers.get('content-type') ?? 'application/octet-stream'
      return { bytes: new Uint8Array(await response.arrayBuffer()), contentType }
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    retry: (_count: number, error: Error) => passes(error),
    retryDelay,
  })
}
