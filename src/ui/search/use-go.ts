import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useRouterState, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'
import type { SearchUrl } from './search-url.ts'
import { searchUrlOf } from './search-url.ts'

declare module '@tanstack/react-router' {
  interface HistoryState {
    /** When the run of this entry resolved `now`: Back shows what was seen then. */
    readonly runAt?: number | undefined
  }
}

/** `again`: the same address with a new `now`. `cancel`: stops what is being fetched. */
export type Way = 'push' | 'replace' | 'again' | 'cancel'

export type Change = { readonly [Name in keyof SearchUrl]: SearchUrl[Name] | undefined }

/** The address of Search and the one way to change it. */
export function useGo(): { readonly url: SearchUrl; readonly go: (change: Change, way: Way) => void } {
  const url = useSearch({ from: '/events' })
  const navigate = useNavigate({ from: '/events' })
  const client = useQueryClient()
  const runAt = useRouterState({ select: ({ location }) => location.state.runAt })
  const go = useCallback(
    (change: Change, way: Way) => {
      if (way === 'cancel') {
        void client.cancelQueries({ queryKey: ['events'] })
        void client.cancelQueries({ queryKey: ['summary'] })
        return
      }
      // Opening an event, its tabs and live belong to the run that is shown; everything else is a new run.
      const sameRun = way === 'replace' || (Object.keys(change).length === 1 && 'id' in change)
      void navigate({
        search: (before) => searchUrlOf({ ...before, ...change }),
        state: { runAt: sameRun ? runAt : Date.now() },
        replace: way === 'replace' || way === 'again',
        resetScroll: false,
      })
    },
    [client, navigate, runAt],
  )
  return { url, go }
}
