import { useMemo } from 'react'
import type { Completeness, Facet, Summary } from '../../domain/answers.ts'
import type { AuditEvent } from '../../domain/event.ts'
import type { Run } from '../data/events.ts'
import { useEventPages, useSummary } from '../data/events.ts'
import type { Zone } from '../text/time.ts'
import type { QueryFault } from './query-text.ts'
import { faultIn } from './query-text.ts'
import type { SearchUrl } from './search-url.ts'
import { queryOf } from './search-url.ts'
import { useKept } from './use-kept.ts'
import { useRun } from './use-run.ts'

/** What a run found, as far as it is here: one snapshot, whose list and numbers belong together. */
export interface Results {
  readonly run: Run | undefined
  /** When the run resolved `now`, and its range; milliseconds since 1970. */
  readonly at: number
  readonly since: number
  readonly until: number
  /** What is wrong with the query of the address, by us or by the server. */
  readonly fault: QueryFault | undefined
  readonly rangeFault: string | undefined
  /** Of this run or, until it answers, of the one before. Undefined: nothing was ever found. */
  readonly events: readonly AuditEvent[] | undefined
  readonly totals: Summary | undefined
  readonly facets: readonly Facet[]
  readonly completeness: Completeness | undefined
  readonly tookMs: number | undefined
  readonly asOf: string | undefined
  /** The list is fetched, and nothing of this run is here yet. */
  readonly running: boolean
  readonly updating: boolean
  /** What keeps the run from its answer, though it may go on trying. A wrong query is a fault, not this. */
  readonly failing: Error | undefined
  /** What is shown is of the run before. */
  readonly isOld: boolean
  /** Nothing is fetched any more and nothing came: it was stopped. */
  readonly isStopped: boolean
  readonly hasMore: boolean
  readonly more: () => void
  readonly retry: () => void
}

const NO_FACETS: readonly Facet[] = []

export function useResults(url: SearchUrl, zone: Zone): Results {
  const { run, fault, rangeFault, at, since, until } = useRun(url, zone)
  const pages = useEventPages(run)
  const kept = useKept(pages.data)
  const asOf = pages.isPlaceholderData ? undefined : pages.data?.pages[0]?.asOf
  const summary = useSummary(run, asOf)
  const totals = useKept(summary.data)
  const events = useMemo(() => kept?.pages.flatMap((page) => page.events), [kept])
  const serverFault = faultIn(pages.error, queryOf(url))
  const failing = serverFault === undefined ? (pages.failureReason ?? pages.error ?? summary.failureReason) : null
  const running = pages.isFetching && !pages.isFetchingNextPage
  return {
    run,
    at,
    since,
    until,
    fault: fault ?? serverFault,
    rangeFault,
    events,
    totals,
    facets: totals?.facets ?? NO_FACETS,
    completeness: totals?.completeness,
    tookMs: pages.data?.pages[0]?.tookMs,
    asOf,
    running,
    updating: running || summary.isFetching,
    failing: failing ?? undefined,
    isOld: pages.isPlaceholderData,
    isStopped: kept === undefined && !pages.isFetching,
    hasMore: pages.hasNextPage,
    more: () => {
      if (!pages.isFetchingNextPage) void pages.fetchNextPage()
    },
    retry: () => void pages.refetch(),
  }
}
