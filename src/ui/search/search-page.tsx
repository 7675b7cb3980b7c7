import type { ReactNode } from 'react'
import { useEffect, useEffectEvent, useMemo, useRef, useState } from 'react'
import { useMe } from '../data/session.ts'
import { Drawer } from '../event/drawer.tsx'
import { useNow } from '../parts/use-now.ts'
import { NARROW, useMedia } from '../parts/use-width.ts'
import { FirstRun } from '../shell/first-run.tsx'
import { usePreferences } from '../shell/preferences.ts'
import { Facets } from './facets.tsx'
import { rowsOf } from './fold.ts'
import type { GridHandle } from './grid.tsx'
import { Help } from './help.tsx'
import { Histogram } from './histogram.tsx'
import { added, rangeOf } from './histogram-shape.ts'
import { withNewer } from './live.ts'
import { MoreMenu } from './more-menu.tsx'
import { QueryBar } from './query-bar.tsx'
import { faultOf, filtersOf, withNot, withOnly, withState, withStateToggled, withValueToggled } from './query-text.ts'
import { ResultList } from './result-list.tsx'
import { absoluteLink, fromOf, queryOf } from './search-url.ts'
import { SlowLine } from './slow-line.tsx'
import { TimePicker } from './time-picker.tsx'
import { MUCH_BEHIND, Totals } from './totals.tsx'
import { useDraft } from './use-draft.ts'
import { useGo } from './use-go.ts'
import { useNewer } from './use-newer.ts'
import { useOpened } from './use-opened.ts'
import type { Results } from './use-results.ts'
import { useResults } from './use-results.ts'
import { useSearchKeys } from './use-search-keys.ts'

/** Search: a query, what it found as numbers, chart and sentences, and one event beside them. */
export function SearchPage(): ReactNode {
  const { zone, fold } = usePreferences()
  const narrow = useMedia(NARROW)
  const now = useNow()
  const me = useMe()
  const { url, go } = useGo()
  const q = queryOf(url)
  const results = useResults(url, zone)
  const { at, since, until, totals } = results
  const draft = useDraft(q, results.fault, at)
  const grid = useRef<GridHandle>(null)
  const again = (): void => {
    grid.current?.toTop()
    go({ id: undefined, tab: undefined }, 'again')
  }
  const following = useNewer(url, results, zone, () => go({}, 'again'))
  const { newer, live } = following
  const rows = useMemo(
    () => rowsOf([...newer.shown, ...(results.events ?? [])], fold),
    [newer.shown, results.events, fold],
  )
  useFilling(rows.length === 0, newer.waitingCount, results, () => go({}, 'again'))
  const opened = useOpened(url.id, rows, go, (key) => grid.current?.focus(key))

  const field = useRef<HTMLTextAreaElement>(null)
  const openTime = useRef<() => void>(null)
  const verify = useRef<() => void>(null)
  const [help, setHelp] = useState(false)
  const [sheet, setSheet] = useState(false)
  const resume = (): void => {
    following.resume()
    grid.current?.toTop()
  }
  const toggleLive = (): void =>
    live && following.paused ? resume() : go({ live: live ? undefined : true, to: undefined }, 'replace')
  const edit = (text: string): void => go({ q: text }, 'push')
  const actions = {
    onIn: (name: string, value: string) => edit(withOnly(q, name, value, at)),
    onOut: (name: string, value: string) => edit(withNot(q, name, value, at)),
    onQuery: (text: string, from?: string, to?: string) =>
      go({ q: text, ...(from !== undefined && { from, to }) }, 'push'),
    onOpen: (id: string) => go({ id }, 'replace'),
  }
  useSearchKeys({
    url,
    go,
    grid,
    field,
    openTime,
    verify,
    onNewest: live ? resume : again,
    onLive: toggleLive,
    onClose: opened.close,
    onHelp: () => setHelp(true),
  })
  useEffect(() => {
    document.title = `${q === '' ? 'All events' : q.slice(0, 80)} — Search — whodid`
  }, [q])

  if (me.data?.hasEvents === false && results.events !== undefined && rows.length === 0) {
    return <FirstRun waiting={following.isConnected} onEvent={again} newer={newer.waitingCount} />
  }
  const counts = totals && added(totals.counts, newer.shownCounts)
  const total = totals && totals.total + newer.shown.length
  const filters = filtersOf(q, at)
  return (
    <div className={url.id === undefined ? 'search' : 'search has-drawer'}>
      <QueryBar
        text={draft.text}
        fault={draft.fault}
        running={results.running && results.failing === undefined}
        previous={draft.text === q ? undefined : q}
        field={field}
        time={
          <TimePicker
            from={fromOf(url)}
            to={url.to}
            zone={zone}
            opener={openTime}
            onRange={(from, to) => go({ from, to, ...(to !== undefined && { live: undefined }) }, 'push')}
          />
        }
        facets={results.facets}
        onText={draft.setText}
        onRun={(text) => {
          if (faultOf(text, Date.now()) === undefined) go({ q: text }, text === q ? 'again' : 'push')
        }}
        onCancel={() => go({}, 'cancel')}
      />
      <SlowLine
        running={results.updating && results.failing === undefined}
        since={results.run}
        onCancel={() => go({}, 'cancel')}
      />
      {results.rangeFault !== undefined && (
        <p className="notice" role="alert">
          {results.rangeFault}
          <button type="button" className="button is-xs" onClick={() => go({ from: undefined, to: undefined }, 'push')}>
            Use the last 24 hours
          </button>
        </p>
      )}
      <Histogram
        buckets={totals && withNewer(totals.histogram, newer)}
        since={since}
        until={live ? Math.max(until, now) : until}
        zone={zone}
        onZoom={(from, to) => go({ ...rangeOf(from, to, zone), live: undefined }, 'push')}
      />
      <Totals
        total={total}
        counts={counts}
        completeness={results.completeness}
        tookMs={results.tookMs}
        previous={
          totals !== undefined && (draft.fault !== undefined || (results.failing !== undefined && results.isOld))
        }
        updating={results.updating}
        live={live}
        zone={zone}
        since={since}
        filters={filters.count}
        onState={(state) => edit(withState(q, state))}
        onLive={toggleLive}
        onFilters={() => setSheet(true)}
        menu={
          <MoreMenu url={url} q={q} since={since} until={until} fold={fold} zone={zone} onHelp={() => setHelp(true)} />
        }
      />
      <div className="results">
        {(!narrow || sheet) && (
          <Facets
            counts={counts}
            facets={totals?.facets}
            filters={filters}
            onToggle={(name, value) => edit(withValueToggled(q, name, value, at))}
            onOnly={actions.onIn}
            onNot={actions.onOut}
            onState={(state) => edit(withStateToggled(q, state))}
            {...(narrow && { onClose: () => setSheet(false) })}
          />
        )}
        <ResultList
          url={url}
          results={results}
          rows={rows}
          following={following}
          total={total}
          folded={fold}
          zone={zone}
          selectedKey={opened.row?.key}
          grid={grid}
          onOpen={(row, byKey) => {
            following.pause()
            opened.open(row, byKey)
          }}
          onAgain={again}
          onResume={resume}
          onGo={(change) => go(change, 'push')}
        />
        {url.id !== undefined && (
          <Drawer
            id={url.id}
            event={opened.event}
            error={opened.error}
            others={opened.others}
            tab={url.tab ?? 'summary'}
            zone={zone}
            link={() => absoluteLink(rangeOf(since, until, zone))}
            actions={actions}
            verifier={verify}
            onTab={(tab) => go({ tab }, 'replace')}
            onMove={(step) => grid.current?.move(step)}
            onClose={opened.close}
          />
        )}
      </div>
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  )
}

const FILLING_MS = 2000

/**
 * An empty list moves under nobody: what matches appears in it by itself, also while much is still being indexed. The few
 * events that are always on their way are no reason to look again.
 */
function useFilling(isEmpty: boolean, waiting: number, { running, completeness }: Results, again: () => void): void {
  const isFilling = isEmpty && !running && (waiting > 0 || (completeness?.behind ?? 0) > MUCH_BEHIND)
  const look = useEffectEvent(again)
  useEffect(() => {
    if (!isFilling) return
    const timer = setTimeout(() => look(), FILLING_MS)
    return () => clearTimeout(timer)
  }, [isFilling])
}
