import type { InfiniteData, UseInfiniteQueryResult, UseQueryResult } from '@tanstack/react-query'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import type { AccountingAnswer, RejectedAnswer, ReplayAnswer, SourceAnswer, TriedRecord } from '../../domain/answers.ts'
import { passes, request, requestJson, retryDelay } from './request.ts'
import { jsonBody } from './session.ts'

const EVERY_MS = 5000

const ASKING = {
  retry: (_count: number, error: Error) => passes(error),
  retryDelay,
} as const

/** All sources as they stand, asked again every few seconds: what was known stays until more is. */
export function useSources(enabled: boolean): UseQueryResult<readonly SourceAnswer[]> {
  return useQuery({
    queryKey: ['sources'],
    enabled,
    // What fails is asked again with the next round, and the page says so in the meantime.
    retry: false,
    refetchInterval: EVERY_MS,
    queryFn: async ({ signal }) => {
      const { sources } = await requestJson<{ readonly sources: readonly SourceAnswer[] }>(
        '/v1/sources',
        {},
        { signal },
      )
      return sources
    },
  })
}

const HOURS_EVERY_MS = 30_000

/** What became of a source's records in the last day, hour by hour. */
export function useSourceHours(name: string): UseQueryResult<AccountingAnswer> {
  return useQuery({
    queryKey: ['source-hours', name],
    retry: false,
    refetchInterval: HOURS_EVERY_MS,
    queryFn: ({ signal }) =>
      requestJson<AccountingAnswer>(`/v1/sources/${encodeURIComponent(name)}/accounting`, {}, { signal }),
  })
}

/** A format as it can be chosen for a sample. */
interface KnownFormat {
  readonly name: string
  readonly words: string
}

/** The formats that there are: they change only with the server. */
export function useFormats(): UseQueryResult<readonly KnownFormat[]> {
  return useQuery({
    ...ASKING,
    queryKey: ['formats'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      const { formats } = await requestJson<{ readonly formats: readonly KnownFormat[] }>('/v1/formats', {}, { signal })
      return formats
    },
  })
}

interface RejectedPage {
  readonly rejected: readonly RejectedAnswer[]
  readonly next?: string
}

export type RejectedPages = UseInfiniteQueryResult<InfiniteData<RejectedPage, string | undefined>>

/** Rejected records of a source, newest first; of one reason where one is given. */
export function useRejected(name: string, reason: string | undefined): RejectedPages {
  return useInfiniteQuery({
    ...ASKING,
    queryKey: ['rejected', name, reason],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      requestJson<RejectedPage>(rejectedPath(name), { reason, cursor: pageParam }, { signal }),
    getNextPageParam: (page) => page.next,
  })
}

/** A rejected record's bytes as they came. */
export function useRejectedBytes(name: string, id: string): UseQueryResult<Uint8Array> {
  return useQuery({
    ...ASKING,
    queryKey: ['rejected-bytes', name, id],
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    queryFn: async ({ signal }) => {
      const response = await request(`${rejectedPath(name)}/${encodeURIComponent(id)}`, {}, { signal })
      return new Uint8Array(await response.arrayBuffer())
    },
  })
}

/** Which rejected records: some, those of a reason, or all of a source. */
export type Selection = { readonly ids: readonly string[] } | { readonly reason: string } | { readonly all: true }

/** Feeds rejected records again, call after call until there are no more of them; the sum of all answers. */
export async function replayRejected(
  name: string,
  selection: Selection,
  onProgress: (sum: ReplayAnswer) => void,
): Promise<ReplayAnswer> {
  let sum = await replayOnce(name, selection)
  while (sum.next !== undefined && sum.waits === undefined) {
    onProgress(sum)
    sum = addedReplay(sum, await replayOnce(name, { ...selection, after: sum.next }))
  }
  return sum
}

function replayOnce(name: string, body: Selection & { readonly after?: string }): Promise<ReplayAnswer> {
  return requestJson<ReplayAnswer>(`${rejectedPath(name)}:replay`, {}, jsonBody('POST', body))
}

function addedReplay(sum: ReplayAnswer, { next, waits, ...counts }: ReplayAnswer): ReplayAnswer {
  return {
    replayed: sum.replayed + counts.replayed,
    kept: sum.kept + counts.kept,
    duplicate: sum.duplicate + counts.duplicate,
    dropped: sum.dropped + counts.dropped,
    rejected: sum.rejected + counts.rejected,
    cut: sum.cut + counts.cut,
    ...(next !== undefined && { next }),
    ...(waits !== undefined && { waits }),
  }
}

/** Throws rejected records away for good; how many it were. */
export async function discardRejected(name: string, selection: Selection): Promise<number> {
  const { discarded } = await requestJson<{ readonly discarded: number }>(
    `${rejectedPath(name)}:discard`,
    {},
    jsonBody('POST', selection),
  )
  return discarded
}

function rejectedPath(name: string): string {
  return `/v1/sources/${encodeURIComponent(name)}/rejected`
}

/** A text and how to understand it: what a source's configuration would say. */
export interface Sample {
  readonly records: string
  readonly format: string
  readonly options?: unknown
  readonly timezone?: string
  readonly cluster?: string
}

/** What would become of a sample. Nothing is stored. */
export async function trySample(sample: Sample): Promise<readonly TriedRecord[]> {
  const { records } = await requestJson<{ readonly records: readonly TriedRecord[] }>(
    '/v1/sources:try',
    {},
    jsonBody('POST', sample),
  )
  return records
}
