import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { eventTime } from '../../domain/blocks.ts'
import { useTail } from '../data/tail.ts'
import { announce } from '../parts/announcer.tsx'
import type { Zone } from '../text/time.ts'
import { countText, zoneName } from '../text/time.ts'
import type { Newer } from './live.ts'
import { MOST_SHOWN, NOTHING_NEWER, received, released } from './live.ts'
import type { SearchUrl } from './search-url.ts'
import { queryOf } from './search-url.ts'
import type { Results } from './use-results.ts'

export interface Following {
  readonly newer: Newer
  readonly live: boolean
  /** Live, but the reader reads: what comes waits. */
  readonly paused: boolean
  readonly isConnected: boolean
  readonly pause: () => void
  readonly resume: () => void
}

/** Follows what is recorded after the run: shown at once while live, else counted until the reader wants it. */
export function useNewer(url: SearchUrl, { run, asOf, since }: Results, zone: Zone, again: () => void): Following {
  const live = url.live === true && url.to === undefined
  const [newer, setNewer] = useState(NOTHING_NEWER)
  const [paused, setPaused] = useState(false)
  const [of, setOf] = useState({ run, live })
  if (of.run !== run || of.live !== live) {
    setOf({ run, live })
    setNewer(of.run === run ? released : NOTHING_NEWER)
    setPaused(url.id !== undefined)
  }
  const hold = !live || paused
  const tail = useTail(queryOf(url), zoneName(zone), url.to === undefined ? asOf : undefined, (batch) => {
    // What is recorded late may have happened before the range.
    const inRange = batch.filter((event) => eventTime(event) / 1000 >= since)
    setNewer((before) => received(before, inRange, hold))
  })
  const pause = (): void => {
    if (live && !paused) setPaused(true)
  }
  usePauseOnSelection(live, pause)
  useGrowth(newer.shown.length > MOST_SHOWN && !paused, again)
  useWords(newer.waitingCount + newer.shown.length, live)
  const resume = (): void => {
    setNewer(released)
    setPaused(false)
  }
  return { newer, live, paused, isConnected: tail !== 'off', pause, resume }
}

/** Who marks text reads it. */
function usePauseOnSelection(live: boolean, pause: () => void): void {
  const onSelect = useEffectEvent(() => {
    if (document.getSelection()?.isCollapsed === false) pause()
  })
  useEffect(() => {
    if (!live) return
    document.addEventListener('selectionchange', onSelect)
    return () => document.removeEventListener('selectionchange', onSelect)
  }, [live])
}

/** A list that has grown long takes a new snapshot, so that its numbers are the server's again. */
function useGrowth(tooLong: boolean, again: () => void): void {
  const renew = useEffectEvent(again)
  useEffect(() => {
    if (tooLong) renew()
  }, [tooLong])
}

/** Says at most every ten seconds how many came. */
function useWords(count: number, live: boolean): void {
  const said = useRef({ count: 0, at: 0 })
  useEffect(() => {
    const fresh = count - said.current.count
    if (count === 0) said.current = { count: 0, at: Date.now() }
    if (!live || fresh <= 0 || Date.now() - said.current.at < 10_000) return
    said.current = { count, at: Date.now() }
    announce(`${countText(fresh)} new event${fresh === 1 ? '' : 's'}`)
  }, [count, live])
}
