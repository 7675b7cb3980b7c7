import { CircleCheck, History, ListFilter, Radio, Unplug } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Completeness } from '../../domain/answers.ts'
import type { State } from '../../domain/event.ts'
import { useNow } from '../parts/use-now.ts'
import { StateMark } from '../parts/state-mark.tsx'
import type { Zone } from '../text/time.ts'
import { countText, momentText } from '../text/time.ts'
import type { Counts } from './histogram-shape.ts'

export interface TotalsProps {
  readonly total: number | undefined
  readonly counts: Counts | undefined
  readonly completeness: Completeness | undefined
  readonly tookMs: number | undefined
  /** The numbers belong to the query before: the one in the bar cannot be run. */
  readonly previous: boolean
  readonly updating: boolean
  readonly live: boolean
  readonly zone: Zone
  readonly since: number
  readonly filters: number
  readonly onState: (state: State) => void
  readonly onLive: () => void
  readonly onFilters: () => void
  readonly menu: ReactNode
}

export function Totals(props: TotalsProps): ReactNode {
  const { total, counts, completeness, previous, updating, tookMs, live, onState, onLive, onFilters } = props
  return (
    <div className="totals">
      {previous && (
        <span className="chip is-plain">
          <History className="i i-sm" />
          Results of the previous query
        </span>
      )}
      <span className="totals-count">
        {total === undefined ? <span className="bone" /> : <b className="num">{countText(total)}</b>}{' '}
        {total === 1 ? 'event' : 'events'}
      </span>
      <span className="separator only-wide" />
      {counts !== undefined && (
        <span className="totals-states">
          {(['denied', 'failed', 'staged'] as const)
            .filter((state) => counts[state] > 0)
            .map((state) => (
              <button
                key={state}
                type="button"
                className={`button is-ghost is-xs${state === 'denied' ? '' : ' only-wide'}`}
                title={`Only ${state} events`}
                onClick={() => onState(state)}
              >
                <StateMark state={state} small />
                <b className="num">{countText(counts[state])}</b>
                {state}
              </button>
            ))}
        </span>
      )}
      {completeness !== undefined && <CompletenessChip {...props} completeness={completeness} />}
      <span className="muted num only-wide totals-took">
        {updating ? 'Updating…' : tookMs === undefined ? '' : `${countText(Math.max(1, Math.round(tookMs)))} ms`}
      </span>
      <span className="totals-end">
        <button type="button" className="button only-narrow" onClick={onFilters}>
          <ListFilter className="i" />
          Filters{props.filters > 0 && ` ${props.filters}`}
        </button>
        <button
          type="button"
          className="button"
          aria-pressed={live}
          aria-keyshortcuts="l"
          title="Show new events as they are recorded (l)"
          onClick={onLive}
        >
          {live ? <Radio className="i is-success" /> : <span className="live-dot" />}
          Live
        </button>
        {props.menu}
      </span>
    </div>
  )
}

interface CompletenessChipProps {
  readonly completeness: Completeness
  readonly since: number
  readonly zone: Zone
}

/** Says beside every total how complete it is. */
function CompletenessChip({ completeness, since, zone }: CompletenessChipProps): ReactNode {
  const { behind, recordedSince } = completeness
  const now = useNow()
  if (behind > MUCH_BEHIND) {
    const title = `${countText(behind)} events are recorded but not yet searchable.`
    return (
      <span className="chip is-warning" title={title}>
        <Unplug className="i i-sm" />
        <span>
          <span className="only-wide">Indexing: </span>
          {countText(behind)} behind
        </span>
      </span>
    )
  }
  const begun = recordedSince === undefined ? undefined : Date.parse(recordedSince)
  if (begun !== undefined && begun > since) {
    const text = momentText(begun, now, zone)
    return (
      <span className="chip is-plain" title={`The range reaches before the first recorded event, ${text}.`}>
        <CircleCheck className="i i-sm" />
        <span>
          <span className="only-wide">Complete since </span>
          {text}
        </span>
      </span>
    )
  }
  return (
    <span className="chip is-plain" title="Every event that was searchable when this ran is counted.">
      <CircleCheck className="i i-sm" />
      <span>
        Complete
        {behind > 0 && <span className="only-wide">, {countText(behind)} being indexed</span>}
      </span>
    </span>
  )
}

/** Fewer are what a second of intake leaves on its way; they come as newer events. */
export const MUCH_BEHIND = 1000
