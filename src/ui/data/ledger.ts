import type { UseQueryResult } from '@tanstack/react-query'
import { useQuery } from '@tanstack/react-query'
import { parseBundle } from '../../../verify/bundle.ts'
import { parseLeaf } from '../../../verify/leaf.ts'
import { TILE_WIDTH, tilePath } from '../../../verify/tiles.ts'
import type { EventPage, EvidenceAnswer, JobAnswer, LogInfo, Summary, WitnessAnswer } from '../../domain/answers.ts'
import type { AuditEvent } from '../../domain/event.ts'
import type { BlockName } from '../../domain/sealed.ts'
import { passes, request, requestJson, retryDelay } from './request.ts'
import { jsonBody } from './session.ts'

const EVERY_MS = 10_000
const DAY_MS = 86_400_000

const ASKING = {
  retry: (_count: number, error: Error) => passes(error),
  retryDelay,
} as const

/** `GET /log`: every log, and how the witnesses of the root log stand where there are some. */
export type LedgerAnswer = { readonly logs: readonly LogInfo[] } & Partial<WitnessAnswer>

/** All logs as they stand, asked again every few seconds: what was known stays until more is. */
export function useLedger(enabled: boolean): UseQueryResult<LedgerAnswer> {
  return useQuery({
    queryKey: ['ledger'],
    enabled,
    retry: false,
    refetchInterval: EVERY_MS,
    queryFn: ({ signal }) => requestJson<LedgerAnswer>('/log', {}, { signal }),
  })
}

/** When the newest leaf under a log's checkpoint was received, RFC 3339: as its own bundle says it. */
export function useNewestLeaf({ origin, size }: LogInfo, enabled: boolean): UseQueryResult<string> {
  return useQuery({
    queryKey: ['newest-leaf', origin, size],
    enabled: enabled && size > 0,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: EVERY_MS,
    retry: false,
    // A log that grows has a new newest leaf at each round: the one before stays until it is read.
    placeholderData: (before) => before,
    queryFn: async ({ signal }) => {
      const index = Math.floor((size - 1) / TILE_WIDTH)
      const width = size - index * TILE_WIDTH
      const response = await request(`/log/${origin}/${tilePath({ level: 'entries', index, width })}`, {}, { signal })
      const last = parseBundle(new Uint8Array(await response.arrayBuffer()), width).at(-1)
      return parseLeaf(new TextDecoder('utf-8', { fatal: true }).decode(last)).r
    },
  })
}

/** Days that the chart of growth shows, today among them. */
export const GROWTH_DAYS = 21

/** How many events happened each day, of all streams that the reader may see. */
export function useGrowth(zone: string): UseQueryResult<Summary> {
  return useQuery({
    ...ASKING,
    queryKey: ['growth', zone],
    staleTime: 60_000,
    queryFn: ({ signal }) => {
      const since = new Date(Date.now() - GROWTH_DAYS * DAY_MS).toISOString()
      return requestJson<Summary>('/v1/events:summary', { q: '', since, zone }, { signal })
    },
  })
}

/** What the logs say of what is not there any more: erasures of persons, and logs that were let go of. */
export function useLedgerRecords(): UseQueryResult<readonly AuditEvent[]> {
  return useQuery({
    ...ASKING,
    queryKey: ['ledger-records'],
    staleTime: 30_000,
    queryFn: async ({ signal }) => {
      const q = 'action:subject.erased,log.pruned'
      return (await requestJson<EventPage>('/v1/events', { q, limit: 50 }, { signal })).events
    },
  })
}

/** Which pack is asked for: as `POST /v1/evidence` takes it. */
export interface PackWish {
  readonly query: string
  readonly since?: string
  readonly until?: string
  readonly zone?: string
  readonly kind: 'range' | 'selection'
  readonly disclose: readonly BlockName[]
}

export type PackJob = JobAnswer & Partial<EvidenceAnswer>

/** Starts the making of a pack. Throws `busy` while another one is made. */
export function startPack(wish: PackWish): Promise<PackJob> {
  return requestJson<PackJob>('/v1/evidence', {}, jsonBody('POST', wish))
}

/** How a pack stands, asked each second until it is done or has failed. */
export function usePackJob(id: string | undefined): UseQueryResult<PackJob> {
  return useQuery<PackJob>({
    ...ASKING,
    queryKey: ['pack', id],
    enabled: id !== undefined,
    refetchInterval: ({ state: { data } }) => (data === undefined || data.state === 'running' ? 1000 : false),
    queryFn: ({ signal }) => requestJson<PackJob>(`/v1/evidence/${encodeURIComponent(id ?? '')}`, {}, { signal }),
  })
}

export function packFilePath(id: string): string {
  return `/v1/evidence/${encodeURIComponent(id)}/file`
}

/** How many events a pack would have, and the newest of them. */
export function usePackPreview(wish: Pick<PackWish, 'query' | 'since' | 'until' | 'zone'>): UseQueryResult<{
  readonly summary: Summary
  readonly example: AuditEvent | undefined
}> {
  const { query: q, since, until, zone } = wish
  return useQuery({
    ...ASKING,
    queryKey: ['pack-preview', q, since, until, zone],
    staleTime: 30_000,
    queryFn: async ({ signal }) => {
      const range = { q, since, until, zone }
      const [summary, page] = await Promise.all([
        requestJson<Summary>('/v1/events:summary', range, { signal }),
        requestJson<EventPage>('/v1/events', { ...range, limit: 1 }, { signal }),
      ])
      return { summary, example: page.events[0] }
    },
  })
}
