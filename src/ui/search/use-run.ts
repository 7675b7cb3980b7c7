import { useRouterState } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { Run } from '../data/events.ts'
import { parseMoment } from '../text/range.ts'
import type { Zone } from '../text/time.ts'
import { zoneName } from '../text/time.ts'
import { faultOf } from './query-text.ts'
import type { QueryFault } from './query-text.ts'
import type { SearchUrl } from './search-url.ts'
import { fromOf, queryOf } from './search-url.ts'

/** When this page was loaded: a reload is a new look, so older runs of the history are made anew. */
const LOADED = Date.now()

export interface CurrentRun {
  /** Undefined: the query or the range of the address cannot be run. */
  readonly run: Run | undefined
  readonly fault: QueryFault | undefined
  /** What is wrong with the range, in words. */
  readonly rangeFault: string | undefined
  /** When `now` was resolved, once for list, totals and chart. Milliseconds since 1970. */
  readonly at: number
  readonly since: number
  readonly until: number
}

/** Turns the address into one run: `now` is read once, and again only when the reader asks. */
export function useRun(url: SearchUrl, zone: Zone): CurrentRun {
  const startedAt = useRouterState({ select: ({ location }) => location.state.runAt })
  const at = startedAt !== undefined && startedAt >= LOADED ? startedAt : LOADED
  const q = queryOf(url)
  const from = fromOf(url)
  const { to } = url
  return useMemo(() => {
    const since = parseMoment(from, at, zone)
    const until = to === undefined ? at : parseMoment(to, at, zone)
    const fault = faultOf(q, at)
    const rangeFault = rangeFaultOf(from, to, since, until)
    const usable = fault === undefined && rangeFault === undefined && since !== undefined && until !== undefined
    return {
      run: usable
        ? { q, since: new Date(since).toISOString(), until: new Date(until).toISOString(), zone: zoneName(zone) }
        : undefined,
      fault,
      rangeFault,
      at,
      since: since ?? at - 86_400_000,
      until: until ?? at,
    }
  }, [q, from, to, at, zone])
}

function rangeFaultOf(
  from: string,
  to: string | undefined,
  since: number | undefined,
  until: number | undefined,
): string | undefined {
  if (since === undefined) return `“${from}” is not a time that we can read.`
  if (until === undefined) return `“${to}” is not a time that we can read.`
  return since >= until ? 'The start is after the end.' : undefined
}
