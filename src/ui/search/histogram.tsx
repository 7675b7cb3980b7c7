import { Table2, ChartColumn } from 'lucide-react'
import type { KeyboardEvent, PointerEvent, ReactNode } from 'react'
import { useId, useMemo, useRef, useState } from 'react'
import type { Bucket } from '../../domain/answers.ts'
import { useWidth } from '../parts/use-width.ts'
import type { Zone } from '../text/time.ts'
import { countText, momentText } from '../text/time.ts'
import type { Bar } from './histogram-shape.ts'
import { barsOf, barWords, chartSentence, exceptionsOf, stepText, ticksOf } from './histogram-shape.ts'

const EXCEPTIONS = 32
const GAP = 6
const ALL = 56
const HEIGHT = EXCEPTIONS + GAP + ALL
const LEAST = 5

export interface HistogramProps {
  readonly buckets: readonly Bucket[] | undefined
  /** Milliseconds since 1970. */
  readonly since: number
  readonly until: number
  readonly zone: Zone
  readonly onZoom: (from: number, to: number) => void
}

/** Two lanes on one time axis, so that few exceptions stay visible beside many successes. A click or a drag zooms in. */
export function Histogram({ buckets, since, until, zone, onZoom }: HistogramProps): ReactNode {
  const [asTable, setAsTable] = useState(false)
  const plot = useRef<HTMLDivElement>(null)
  const width = useWidth(plot)
  const most = width === 0 ? 96 : Math.min(240, Math.max(24, Math.floor(width / 7)))
  const bars = useMemo(
    () => (buckets === undefined ? [] : barsOf(buckets, since, until, width < 480 ? 24 : most, zone)),
    [buckets, since, until, most, width, zone],
  )
  const maxAll = Math.max(0, ...bars.map((bar) => bar.total))
  const maxExceptions = Math.max(0, ...bars.map((bar) => exceptionsOf(bar.counts)))
  return (
    <figure className="chart" aria-label={chartSentence(bars, since, until, zone)}>
      <div className="chart-scale num" aria-hidden="true">
        <span>{maxExceptions > 0 && countText(maxExceptions)}</span>
        <b className="only-wide">exceptions</b>
        <span>{maxAll > 0 && countText(maxAll)}</span>
        <b className="only-wide">all</b>
      </div>
      <div className="chart-plot" ref={plot}>
        {bars.length > 0 && maxAll === 0 ? (
          <p className="chart-none">No events in this range</p>
        ) : asTable ? (
          <BarTable bars={bars} zone={zone} until={until} />
        ) : (
          <Plot bars={bars} since={since} until={until} width={width} zone={zone} onZoom={onZoom} />
        )}
      </div>
      <div className="chart-side only-wide">
        <button
          type="button"
          className="button is-ghost is-xs"
          aria-pressed={asTable}
          onClick={() => setAsTable(!asTable)}
        >
          {asTable ? 'As chart' : 'As table'}
          {asTable ? <ChartColumn className="i i-sm" /> : <Table2 className="i i-sm" />}
        </button>
        {bars.length > 0 && <span className="muted num">per {stepText(bars)}</span>}
      </div>
    </figure>
  )
}

interface PlotProps extends Omit<HistogramProps, 'buckets'> {
  readonly bars: readonly Bar[]
  readonly width: number
}

function Plot({ bars, since, until, width, zone, onZoom }: PlotProps): ReactNode {
  const [at, setAt] = useState<number>()
  const [dragFrom, setDragFrom] = useState<number>()
  const scale = (time: number): number => Math.round(((time - since) / Math.max(1, until - since)) * width)
  const indexAt = (event: PointerEvent<HTMLDivElement>): number => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left
    const time = since + (x / Math.max(1, width)) * (until - since)
    const index = bars.findIndex((bar) => time < bar.to)
    return index === -1 ? bars.length - 1 : index
  }
  const zoom = (one: number, other: number): void => {
    const first = bars[Math.min(one, other)]
    const last = bars[Math.max(one, other)]
    setDragFrom(undefined)
    if (first !== undefined && last !== undefined && last.to - first.from > 1) onZoom(first.from, last.to)
  }
  const current = at === undefined ? undefined : bars[at]
  const start = dragFrom === undefined ? current : bars[Math.min(dragFrom, at ?? dragFrom)]
  const end = dragFrom === undefined ? current : bars[Math.max(dragFrom, at ?? dragFrom)]
  return (
    <>
      <div
        className="chart-bars"
        role="slider"
        tabIndex={bars.length === 0 ? -1 : 0}
        aria-label="Time in the chart. Arrow keys move, Enter zooms in, with Shift a range is chosen."
        aria-valuemin={0}
        aria-valuemax={Math.max(0, bars.length - 1)}
        aria-valuenow={at ?? 0}
        aria-valuetext={current === undefined ? 'nothing chosen' : barWords(current, zone, until)}
        onPointerMove={(event) => setAt(indexAt(event))}
        onPointerLeave={() => dragFrom === undefined && setAt(undefined)}
        onPointerDown={(event) => {
          if (event.button !== 0) return
          event.currentTarget.setPointerCapture(event.pointerId)
          setDragFrom(indexAt(event))
        }}
        onPointerUp={(event) => dragFrom !== undefined && zoom(dragFrom, indexAt(event))}
        onPointerCancel={() => setDragFrom(undefined)}
        onBlur={() => {
          setAt(undefined)
          setDragFrom(undefined)
        }}
        onKeyDown={(event) => {
          const moved = movedBy(event, at ?? bars.length, bars.length)
          if (moved !== undefined) {
            event.preventDefault()
            setDragFrom(event.shiftKey ? (dragFrom ?? at ?? moved) : undefined)
            setAt(moved)
          }
          if (event.key === 'Enter' && at !== undefined) zoom(dragFrom ?? at, at)
        }}
      >
        {width > 0 && <Bars bars={bars} scale={scale} width={width} />}
        {start !== undefined && end !== undefined && (
          <span
            className="chart-cursor"
            style={{ insetInlineStart: scale(start.from), inlineSize: Math.max(2, scale(end.to) - scale(start.from)) }}
          />
        )}
        {current !== undefined && start !== undefined && end !== undefined && (
          <span className="chart-tip num" style={tipPlace(scale(current.from), width)}>
            {start === end
              ? barWords(current, zone, until)
              : `${momentText(start.from, until, zone)} to ${momentText(end.to, until, zone)}`}
          </span>
        )}
      </div>
      <div className="chart-axis num" aria-hidden="true">
        {width > 0 &&
          ticksOf(since, until, Math.floor(width / (width < 480 ? 56 : 96)), zone)
            .filter((tick) => scale(tick.at) < width - 36)
            .map((tick) => (
              <span
                key={tick.at}
                className={tick.strong ? 'is-strong' : ''}
                style={{ insetInlineStart: scale(tick.at) }}
              >
                {tick.label}
              </span>
            ))}
      </div>
    </>
  )
}

interface BarsProps {
  readonly bars: readonly Bar[]
  readonly scale: (time: number) => number
  readonly width: number
}

function Bars({ bars, scale, width }: BarsProps): ReactNode {
  const id = useId()
  const maxAll = Math.max(1, ...bars.map((bar) => bar.total))
  const maxExceptions = Math.max(1, ...bars.map((bar) => exceptionsOf(bar.counts)))
  return (
    <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
      <defs>
        <pattern id={`${id}failed`} width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect className="bar-failed-ground" width="4" height="4" />
          <rect className="bar-failed" width="2.2" height="4" />
        </pattern>
        <pattern id={`${id}staged`} width="4" height="4" patternUnits="userSpaceOnUse">
          <rect className="bar-staged" width="4" height="4" />
          <rect className="bar-staged-dot" x="1" y="1" width="1.8" height="1.8" />
        </pattern>
      </defs>
      <path
        className="chart-grid"
        d={`M0 .5H${width}M0 ${EXCEPTIONS + GAP + 0.5}H${width}M0 ${EXCEPTIONS + GAP + ALL / 2 + 0.5}H${width}`}
      />
      <path className="chart-base" d={`M0 ${EXCEPTIONS + 0.5}H${width}M0 ${HEIGHT - 0.5}H${width}`} />
      {bars.map((bar) => {
        const x = scale(bar.from)
        const size = Math.max(1, scale(bar.to) - x - 1)
        return (
          <g key={bar.from} className={bar.clipped ? 'is-clipped' : undefined}>
            {exceptionParts(bar, maxExceptions).map(({ state, y, height }) => (
              <rect
                key={state}
                className={state === 'denied' ? 'bar-denied' : undefined}
                fill={state === 'denied' ? undefined : `url(#${id}${state})`}
                x={x}
                y={y}
                width={size}
                height={height}
              />
            ))}
            {allParts(bar, maxAll).map(({ state, y, height }) => (
              <rect key={`all ${state}`} className={`bar-${state}`} x={x} y={y} width={size} height={height} />
            ))}
          </g>
        )
      })}
    </svg>
  )
}

interface Part {
  readonly state: keyof Bar['counts']
  readonly y: number
  readonly height: number
}

/** Denied on the ground, then failed, then staged: each at least visible, so that one denial is. */
function exceptionParts(bar: Bar, max: number): readonly Part[] {
  const parts: Part[] = []
  let y = EXCEPTIONS
  for (const state of ['denied', 'failed', 'staged'] as const) {
    const count = bar.counts[state]
    if (count === 0) continue
    const height = Math.min(Math.max(LEAST, (count / max) * (EXCEPTIONS - 2)), y)
    y -= height
    parts.push({ state, y, height: Math.max(1, height - (parts.length > 0 ? 1 : 0)) })
  }
  return parts
}

function allParts(bar: Bar, max: number): readonly Part[] {
  const parts: Part[] = []
  const whole = bar.total === 0 ? 0 : Math.max(2, Math.round((bar.total / max) * (ALL - 1)))
  let y = HEIGHT
  for (const state of ['success', 'unknown', 'failed', 'staged', 'denied'] as const) {
    const count = bar.counts[state]
    if (count === 0) continue
    const height = (count / bar.total) * whole
    y -= height
    parts.push({ state, y, height })
  }
  return parts
}

function BarTable({ bars, zone, until }: { bars: readonly Bar[]; zone: Zone; until: number }): ReactNode {
  return (
    // A region that scrolls must be reachable without a pointer.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above
    <div className="chart-table" role="region" aria-label="Events over time, as a table" tabIndex={0}>
      <table className="num">
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">All</th>
            <th scope="col">Denied</th>
            <th scope="col">Failed</th>
            <th scope="col">Staged</th>
          </tr>
        </thead>
        <tbody>
          {bars
            .filter((bar) => bar.total > 0)
            .toReversed()
            .map((bar) => (
              <tr key={bar.from}>
                <th scope="row">{momentText(bar.from, until, zone)}</th>
                <td>{countText(bar.total)}</td>
                <td>{countText(bar.counts.denied)}</td>
                <td>{countText(bar.counts.failed)}</td>
                <td>{countText(bar.counts.staged)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  )
}

function movedBy(event: KeyboardEvent, at: number, count: number): number | undefined {
  const steps = new Map([
    ['ArrowLeft', -1],
    ['ArrowRight', 1],
    ['PageDown', -10],
    ['PageUp', 10],
    ['Home', -count],
    ['End', count],
  ])
  const step = steps.get(event.key)
  return step === undefined ? undefined : Math.min(Math.max(at + step, 0), count - 1)
}

/** The words stay within the plot: at the right half they hang to the left. */
function tipPlace(x: number, width: number): { insetInlineStart?: number; insetInlineEnd?: number } {
  return x < width / 2 ? { insetInlineStart: x + 12 } : { insetInlineEnd: width - x + 4 }
}
