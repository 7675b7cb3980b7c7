import type { RefObject } from 'react'
import { useEffect, useEffectEvent } from 'react'
import { setPreference, usePreferences } from '../shell/preferences.ts'
import type { GridHandle } from './grid.tsx'
import type { SearchUrl } from './search-url.ts'
import { TABS } from './search-url.ts'
import type { Change, Way } from './use-go.ts'
import { isLayered, useKeys } from './use-keys.ts'

export interface SearchKeys {
  readonly url: SearchUrl
  readonly go: (change: Change, way: Way) => void
  readonly grid: RefObject<GridHandle | null>
  readonly field: RefObject<HTMLTextAreaElement | null>
  readonly openTime: RefObject<(() => void) | null>
  readonly verify: RefObject<(() => void) | null>
  readonly onNewest: () => void
  readonly onLive: () => void
  readonly onClose: () => void
  readonly onHelp: () => void
}

/** The keys of Search. `help.tsx` is their map. */
export function useSearchKeys(keys: SearchKeys): void {
  const { url, go, grid, field, openTime, verify } = keys
  const { zone, singleKeys } = usePreferences()
  const isOpen = url.id !== undefined
  const tabs = TABS.map((tab, at): [string, () => void] => [String(at + 1), () => isOpen && go({ tab }, 'replace')])
  useKeys(
    {
      '/': () => field.current?.focus(),
      t: () => openTime.current?.(),
      j: () => grid.current?.move(1),
      k: () => grid.current?.move(-1),
      n: keys.onNewest,
      l: keys.onLive,
      u: () => setPreference('zone', zone === 'utc' ? 'local' : 'utc'),
      v: () => (isOpen && url.tab !== 'proof' ? go({ tab: 'proof' }, 'replace') : verify.current?.()),
      f: () => document.querySelector<HTMLElement>('.facets input')?.focus(),
      '?': keys.onHelp,
      ...Object.fromEntries(tabs),
    },
    singleKeys,
  )
  const onEscape = useEffectEvent((event: KeyboardEvent) => {
    if (event.key === 'Escape' && !event.defaultPrevented && !isLayered()) keys.onClose()
  })
  useEffect(() => {
    document.addEventListener('keydown', onEscape)
    return () => document.removeEventListener('keydown', onEscape)
  }, [])
}
