import type { ReactNode } from 'react'
import { useEffect, useMemo, useRef, useState } from 'react'
import type { Facet } from '../../domain/answers.ts'
import { eventTime } from '../../domain/blocks.ts'
import { useEvent, useEventPages, useSummary } from '../data/events.ts'
import { useMe } from '../data/session.ts'
import { useTail } from '../data/tail.ts'
import { Drawer } from '../event/drawer.tsx'
import { announce } from '../parts/announcer.tsx'
import { useNow } from '../parts/use-now.ts'
import { NARROW, useMedia } from '../parts/use-width.ts'
import { FirstRun } from '../shell/first-run.tsx'
import { setPreference, usePreferences } from '../shell/preferences.ts'
import { countText, rowDate, zoneName } from '../text/time.ts'
import { Facets } from './facets.tsx'
import { rowsOf } from './fold.ts'
import type { Row } from './fold.ts'
import type { GridHandle } from './grid.tsx'
import { Grid } from './grid.tsx'
import { Help } from './help.tsx'
import { Histogram } from './histogram.tsx'
import { added, rangeOf } from './histogram-shape.ts'
import { MOST_SHOWN, NOTHING_NEWER, received, released, withNewer } from './live.ts'
import { EndOfList, ListProblem, NewerBar, NothingFound, Skeleton } from './list-states.tsx'
import { MoreMenu } from './more-menu.tsx'
import { QueryBar } from './query-bar.tsx'
import {
  faultIn,
  faultOf,
  filtersOf,
  withNot,
  withOnly,
  withState,
  withStateToggled,
  withValueToggled,
} from './query-text.ts'
import { absoluteLink, fromOf, queryOf, TABS } from './search-url.ts'
import { TimePicker } from './time-picker.tsx'
import { Totals } from './totals.tsx'
import { useGo } from './use-go.ts'
import { useKept } from './use-kept.ts'
import { useKeys } from './use-keys.ts'
import { useRun } from './use-run.ts'
import { SlowLine } from './slow-line.tsx'

export function SearchPage(): ReactNode {
  const { zone, fold, singleKeys } = usePreferences()
  const narrow = useMedia(NARROW)
  const { url, go } = useGo()
  const me = useMe()
  const { run, fault: urlFault, rangeFault, at, since, until } = useRun(url, zone)
  const q = queryOf(url)
  const now = useNow()

  const pages = useEventPages(run)
  const kept = useKept(pages.data)
  const asOf = pages.isPlaceholderData ? undefined : pages.data?.pages[0]?.asOf
  const summary = useSummary(run, asOf)
  const totals = useKept(summary.data)
  const serverFault = faultIn(pages.error, q)

  const [draft, setDraft] = useState(q)
  const [draftOf, setDraftOf] = useState(q)
  if (draftOf !== q) {
    setDraftOf(q)
    setDraft(q)
  }
  const draftFault = useMemo(
    () => (draft === q ? (urlFault ?? serverFault) : faultOf(draft, at)),
    [draft, q, at, urlFault, serverFault],
  )

  const live = url.live === true && url.to === undefined
  const [newer, setNewer] = useState(NOTHING_NEWER)
  const [newerOf, setNewerOf] = useState(run)
  const [paused, setPaused] = useState(false)
  if (newerOf !== run) {
    setNewerOf(run)
    setNewer(NOTHING_NEWER)
    setPaused(url.id !== undefined)
  }
  const hold = !live || paused
  const tail = useTail(q, zoneName(zone), url.to === undefined ? asOf : undefined, (batch) =>
    setNewer((before) =>
      received(
        before,
        batch.filter((event) => eventTime(event) / 1000 >= since),
        hold,
      ),
    ),
  )

  const events = useMemo(
    () => [...newer.shown, ...(kept?.pages.flatMap((page) => page.events) ?? [])],
    [kept, newer.shown],
  )
  const rows = useMemo(() => rowsOf(events, fold), [events, fold])
  const openRow = useMemo(() => rows.find((row) => holdsId(row, url.id)), [rows, url.id])
  const known =
    openRow === undefined ? undefined : [openRow.event, ...openRow.others].find((event) => event.event.id === url.id)
  const fetched = useEvent(url.id, known)

  const field = useRef<HTMLTextAreaElement>(null)
  const grid = useRef<GridHandle>(null)
  const openTime = useRef<() => void>(null)
  const verify = useRef<() => void>(null)
  const opened = useRef(false)
  const [help, setHelp] = useState(false)
  const [filtersOpen, setFiltersOpen] = useState(false)

  const edit = (text: string): void => go({ q: text }, 'push')
  const runDraft = (text: string): void => {
    if (faultOf(text, Date.now()) !== undefined) return
    go({ q: text }, text === q ? 'again' : 'push')
  }
  const open = (row: Row, byKey: boolean): void => {
    const id = row.event.event.id
    if (id === undefined || id === url.id) return
    const replaces = url.id !== undefined
    if (!replaces) opened.current = true
    if (live) setPaused(true)
    go({ id }, replaces ? 'replace' : 'push')
    if (byKey) requestAnimationFrame(() => document.getElementById('drawer')?.focus())
  }
  const close = (): void => {
    if (url.id === undefined) return
    const key = openRow?.key
    if (opened.current) history.back()
    else go({ id: undefined, tab: undefined }, 'replace')
    opened.current = false
    requestAnimationFrame(() => grid.current?.focus(key))
  }
  const again = (): void => {
    grid.current?.toTop()
    go({ id: undefined, tab: undefined }, 'again')
  }
  const toggleLive = (): void => {
    if (live && paused) resume()
    else {
      setPaused(false)
      go({ live: live ? undefined : true, to: undefined }, 'replace')
      if (!live) setNewer(released)
    }
  }
  const resume = (): void => {
    setNewer(released)
    setPaused(false)
    grid.current?.toTop()
  }
  const reading = (): void => {
    if (live && !paused) setPaused(true)
  }

  const failing = pages.failureReason ?? pages.error ?? summary.failureReason
  const running = pages.isFetching && !pages.isFetchingNextPage

  useEffect(() => {
    if (newer.shown.length > MOST_SHOWN && !paused) go({}, 'again')
  }, [newer.shown.length, paused, go])
  // An empty list moves under nobody: what is being indexed appears by itself.
  const isFilling = rows.length === 0 && !running && (newer.waitingCount > 0 || (totals?.completeness.behind ?? 0) > 0)
  useEffect(() => {
    if (!isFilling) return
    const timer = setTimeout(() => go({}, 'again'), 1500)
    return () => clearTimeout(timer)
  }, [isFilling, go])
  useEffect(() => {
    if (!live) return
    const onSelect = (): void => {
      if (document.getSelection()?.isCollapsed === false) setPaused(true)
    }
    document.addEventListener('selectionchange', onSelect)
    return () => document.removeEventListener('selectionchange', onSelect)
  }, [live])
  useEffect(() => {
    document.title = `${q === '' ? 'All events' : q.slice(0, 80)} — Search — whodid`
  }, [q])
  useTailWords(newer.waitingCount + newer.shown.length, live)

  useKeys(
    {
      '/': () => field.current?.focus(),
      t: () => openTime.current?.(),
      j: () => grid.current?.move(1),
      k: () => grid.current?.move(-1),
      n: () => (live ? resume() : again()),
      l: toggleLive,
      u: () => setPreference('zone', zone === 'utc' ? 'local' : 'utc'),
      v: () => {
        if (url.id !== undefined && url.tab !== 'proof') go({ tab: 'proof' }, 'replace')
        else verify.current?.()
      },
      f: () => document.querySelector<HTMLElement>('.facets input')?.focus(),
      '?': () => setHelp(true),
      ...Object.fromEntries(
        TABS.map((tab, index) => [String(index + 1), () => url.id !== undefined && go({ tab }, 'replace')]),
      ),
    },
    singleKeys,
  )
  useEffect(() => {
    const onEscape = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !event.defaultPrevented && document.querySelector('dialog[open], .layer') === null)
        close()
    }
    document.addEventListener('keydown', onEscape)
    return () => document.removeEventListener('keydown', onEscape)
  })

  const filters = useMemo(() => filtersOf(q, at), [q, at])
  const total = totals === undefined ? undefined : totals.total + newer.shown.length
  const counts = totals === undefined ? undefined : added(totals.counts, newer.shownCounts)
  const histogram = totals === undefined ? undefined : withNewer(totals.histogram, newer)
  // A range within one day says its day once, above the list.
  const day = rowDate(since, until - 1, zone) === '' ? since : at
  const dated = rowDate(since, day, zone) !== ''
  const stale = draftFault !== undefined && kept !== undefined
  const actions = {
    onIn: (name: string, value: string) => edit(withOnly(q, name, value, at)),
    onOut: (name: string, value: string) => edit(withNot(q, name, value, at)),
    onQuery: (text: string, from?: string, to?: string) =>
      go({ q: text, ...(from !== undefined && { from, to }) }, 'push'),
  }

  if (me.data?.hasEvents === false && kept !== undefined && rows.length === 0) {
    return <FirstRun waiting={tail !== 'off'} onEvent={again} newer={newer.waitingCount} />
  }
  const facets = (
    <Facets
      counts={counts}
      facets={totals?.facets}
      filters={filters}
      onToggle={(name, value) => edit(withValueToggled(q, name, value, at))}
      onOnly={actions.onIn}
      onNot={actions.onOut}
      onState={(state) => edit(withStateToggled(q, state))}
      {...(narrow && { onClose: () => setFiltersOpen(false) })}
    />
  )
  return (
    <div className={url.id === undefined ? 'search' : 'search has-drawer'}>
      <QueryBar
        text={draft}
        fault={draftFault}
        running={running && failing === null}
        previous={draft === q ? undefined : q}
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
        facets={totals?.facets ?? NO_FACETS}
        onText={setDraft}
        onRun={runDraft}
        onCancel={() => go({}, 'cancel')}
      />
      <SlowLine
        running={failing === null && (running || summary.isFetching)}
        since={run}
        onCancel={() => go({}, 'cancel')}
      />
      {rangeFault !== undefined && (
        <p className="notice" role="alert">
          {rangeFault} Below: the last 24 hours are not searched.{' '}
          <button type="button" className="button is-xs" onClick={() => go({ from: undefined, to: undefined }, 'push')}>
            Use the last 24 hours
          </button>
        </p>
      )}
      <Histogram
        buckets={histogram}
        since={since}
        until={live ? Math.max(until, now) : until}
        zone={zone}
        onZoom={(from, to) => go({ ...rangeOf(from, to, zone), live: undefined }, 'push')}
      />
      <Totals
        total={total}
        counts={counts}
        completeness={totals?.completeness}
        tookMs={pages.data?.pages[0]?.tookMs}
        previous={stale || (failing !== null && pages.isPlaceholderData)}
        updating={running || summary.isFetching}
        live={live}
        zone={zone}
        since={since}
        filters={filters.count}
        onState={(state) => edit(withState(q, state))}
        onLive={toggleLive}
        onFilters={() => setFiltersOpen(true)}
        menu={
          <MoreMenu url={url} q={q} since={since} until={until} fold={fold} zone={zone} onHelp={() => setHelp(true)} />
        }
      />
      <div className="results">
        {(!narrow || filtersOpen) && facets}
        <section className="list" aria-label="Results" id="results">
          {failing !== null && serverFault === undefined && (
            <ListProblem error={failing} retrying={pages.isFetching} onRetry={() => void pages.refetch()} />
          )}
          {kept === undefined ? (
            <Skeleton idle={!pages.isFetching} onRun={again} />
          ) : rows.length === 0 && failing !== null ? null : rows.length === 0 && !running ? (
            <NothingFound
              q={q}
              from={fromOf(url)}
              to={url.to}
              since={since}
              until={until}
              zone={zone}
              behind={totals?.completeness.behind ?? 0}
              onGo={(change) => go(change, 'push')}
            />
          ) : (
            <Grid
              key={run === undefined ? 'none' : `${run.q} ${run.since} ${run.until}`}
              rows={rows}
              total={total}
              folded={fold}
              zone={zone}
              now={day}
              day={rowDate(day, at, zone)}
              dated={dated}
              selectedKey={openRow?.key}
              hasMore={pages.hasNextPage}
              end={<EndOfList recordedSince={totals?.completeness.recordedSince} since={since} zone={zone} />}
              handle={grid}
              place={JSON.stringify(run)}
              onOpen={open}
              onMore={() => pages.isFetchingNextPage || void pages.fetchNextPage()}
              onReading={reading}
              bar={<NewerBar live={live} paused={paused} newer={newer} onResume={resume} onNewest={again} />}
            />
          )}
        </section>
        {url.id !== undefined && (
          <Drawer
            id={url.id}
            event={known ?? fetched.data}
            error={fetched.error}
            others={openRow === undefined ? [] : [openRow.event, ...openRow.others].filter((event) => event !== known)}
            tab={url.tab ?? 'summary'}
            zone={zone}
            link={() => absoluteLink(rangeOf(since, until, zone))}
            actions={actions}
            verifier={verify}
            onTab={(tab) => go({ tab }, 'replace')}
            onMove={(step) => grid.current?.move(step)}
            onClose={close}
          />
        )}
      </div>
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  )
}

const NO_FACETS: readonly Facet[] = []

function holdsId(row: Row, id: string | undefined): boolean {
  return id !== undefined && (row.event.event.id === id || row.others.some((event) => event.event.id === id))
}

/** Says at most every ten seconds how many came. */
function useTailWords(count: number, live: boolean): void {
  const said = useRef({ count: 0, at: 0 })
  useEffect(() => {
    const fresh = count - said.current.count
    if (count === 0) said.current = { count: 0, at: Date.now() }
    if (!live || fresh <= 0 || Date.now() - said.current.at < 10_000) return
    said.current = { count, at: Date.now() }
    announce(`${countText(fresh)} new event${fresh === 1 ? '' : 's'}`)
  }, [count, live])
}
