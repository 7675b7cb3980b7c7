import { useVirtualizer } from '@tanstack/react-virtual'
import { ShieldCheck } from 'lucide-react'
import type { KeyboardEvent, ReactNode, RefObject } from 'react'
import { useEffect, useEffectEvent, useImperativeHandle, useMemo, useRef, useState } from 'react'
import { NARROW, useMedia } from '../parts/use-width.ts'
import { useChecked } from '../proof/checked.ts'
import type { Zone } from '../text/time.ts'
import { offsetText } from '../text/time.ts'
import type { Row } from './fold.ts'
import { RowView } from './row.tsx'

export interface GridHandle {
  /** Moves by rows from the open or reached one; with a drawer open the next event opens in it. */
  move(step: number): void
  toTop(): void
  /** Puts the focus on a row, or on the first one. */
  focus(key: string | undefined): void
}

export interface GridProps {
  readonly rows: readonly Row[]
  readonly total: number | undefined
  readonly folded: boolean
  readonly zone: Zone
  /** Times of this day show no date. */
  readonly now: number
  /** What to call that day where it is not today. */
  readonly day: string
  /** The range reaches before today, so times need their dates. */
  readonly dated: boolean
  readonly selectedKey: string | undefined
  readonly hasMore: boolean
  /** What stands behind the last row: why it ends there. */
  readonly end: ReactNode
  readonly handle: RefObject<GridHandle | null>
  /** Kept for Back: where a run was left. */
  readonly place: string
  /** `byKey`: the focus goes with it. */
  readonly onOpen: (row: Row, byKey: boolean) => void
  readonly onMore: () => void
  /** The reader is reading: scrolled, or the focus went into the rows. */
  readonly onReading: () => void
  readonly bar: ReactNode
}

const places = new Map<string, number>()

/** The list of events. Only what is seen is in the page: any number of rows costs the same. */
export function Grid(props: GridProps): ReactNode {
  const { rows, zone, now, selectedKey, handle, place, onOpen, onMore } = props
  const narrow = useMedia(NARROW)
  const scroller = useRef<HTMLDivElement>(null)
  const [reached, setReached] = useState<string>()
  const checked = useChecked()
  const indexes = useMemo(() => new Map(rows.map((row, at) => [row.key, at])), [rows])
  const reachable = indexes.get(reached ?? selectedKey ?? '') ?? indexes.get(selectedKey ?? '') ?? 0
  const isNew = reached === undefined && selectedKey === undefined
  const size = narrow ? 56 : 32
  const virtual = useVirtualizer({
    count: rows.length + 1,
    getScrollElement: () => scroller.current,
    estimateSize: () => size,
    overscan: 14,
    initialOffset: places.get(place) ?? 0,
    getItemKey: (index) => rows[index]?.key ?? 'end',
    // The row that has the focus stays, else the focus would fall out of the list.
    rangeExtractor: ({ startIndex, endIndex, overscan, count }) => {
      const first = Math.max(0, startIndex - overscan)
      const last = Math.min(count - 1, endIndex + overscan)
      const range = Array.from({ length: last - first + 1 }, (_, at) => first + at)
      return reachable < first
        ? [reachable, ...range]
        : reachable > last && reachable < count
          ? [...range, reachable]
          : range
    },
  })
  useEffect(() => virtual.measure(), [virtual, size])
  // A link to an event shows it in its place.
  const shownFirst = useEffectEvent(() => {
    const index = indexes.get(selectedKey ?? '')
    if (index !== undefined && !places.has(place)) virtual.scrollToIndex(index, { align: 'center' })
  })
  useEffect(() => shownFirst(), [])
  const items = virtual.getVirtualItems()
  const lastSeen = items.findLast((item) => item.index !== reachable)?.index ?? 0
  const wantMore =
    props.hasMore && lastSeen > rows.length - 2 * Math.ceil((scroller.current?.clientHeight ?? 900) / size)
  const more = useEffectEvent(onMore)
  useEffect(() => {
    if (wantMore) more()
  }, [wantMore, rows.length])

  const goTo = (index: number, open: boolean): void => {
    const row = rows[Math.min(Math.max(index, 0), rows.length - 1)]
    if (row === undefined) return
    setReached(row.key)
    virtual.scrollToIndex(indexes.get(row.key) ?? 0, { align: 'auto' })
    if (open) onOpen(row, false)
    // A row that was not in the page yet is there in the next frame.
    if (!focusRow(scroller.current, row.key)) requestAnimationFrame(() => focusRow(scroller.current, row.key))
  }
  useImperativeHandle(handle, () => ({
    // The first step of all is onto the first row.
    move: (step) => goTo(isNew ? 0 : reachable + step, selectedKey !== undefined),
    focus: (key) => goTo(indexes.get(key ?? '') ?? reachable, false),
    toTop: () => scroller.current?.scrollTo({ top: 0 }),
  }))

  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / size) - 1)
    const step = stepOf(event, page, rows.length)
    if (step !== undefined) {
      event.preventDefault()
      goTo(reachable + step, selectedKey !== undefined && Math.abs(step) === 1)
    }
  }
  return (
    <div
      className={props.dated ? 'grid is-dated' : 'grid'}
      role="grid"
      aria-label="Events"
      aria-rowcount={props.folded || props.total === undefined ? -1 : props.total + 1}
      onKeyDown={onKeyDown}
    >
      <GridHead zone={zone} now={now} day={props.day} />
      {props.bar}
      <div
        className="rows"
        ref={scroller}
        role="presentation"
        onScroll={(event) => {
          places.set(place, event.currentTarget.scrollTop)
          if (event.currentTarget.scrollTop > size) props.onReading()
        }}
      >
        <div role="rowgroup" className="rows-all" style={{ blockSize: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index]
            if (row === undefined) {
              return (
                <div key="end" role="row" className="row-end" style={{ transform: `translateY(${item.start}px)` }}>
                  <span role="gridcell">{props.hasMore ? 'Loading older events…' : props.end}</span>
                </div>
              )
            }
            return (
              <RowView
                key={row.key}
                row={row}
                position={item.index + 1}
                top={item.start}
                zone={zone}
                now={now}
                selected={row.key === selectedKey}
                reachable={item.index === reachable}
                checked={checked.get(row.key)}
                onOpen={onOpen}
              />
            )
          })}
        </div>
      </div>
    </div>
  )
}

function GridHead({ zone, now, day }: { zone: Zone; now: number; day: string }): ReactNode {
  return (
    <div className="row-head" role="row" aria-rowindex={1}>
      <span role="columnheader" aria-sort="descending">
        {day === '' ? 'When' : day}{' '}
        <span className="muted num">
          <span>UTC</span>
          {offsetText(now, zone)}
        </span>
      </span>
      <span role="columnheader">Event</span>
      <span role="columnheader">Why</span>
      <span role="columnheader">Source</span>
      <span role="columnheader">
        <ShieldCheck className="i" role="img" aria-label="Proof" />
      </span>
    </div>
  )
}

function stepOf(event: KeyboardEvent, page: number, count: number): number | undefined {
  switch (event.key) {
    case 'ArrowDown':
      return 1
    case 'ArrowUp':
      return -1
    case 'PageDown':
      return page
    case 'PageUp':
      return -page
    case 'Home':
      return -count
    case 'End':
      return count
    default:
      return undefined
  }
}

function focusRow(scroller: HTMLElement | null, key: string): boolean {
  const row = scroller?.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`) ?? null
  row?.focus({ preventScroll: true })
  return row !== null
}
