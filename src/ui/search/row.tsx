import { ShieldCheck, ShieldX } from 'lucide-react'
import type { ReactNode } from 'react'
import { memo } from 'react'
import type { AuditEvent } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'
import { SentenceText } from '../parts/sentence-text.tsx'
import { StateMark } from '../parts/state-mark.tsx'
import { Value } from '../parts/value.tsx'
import type { Checked } from '../proof/checked.ts'
import type { Zone } from '../text/time.ts'
import { clockText, rowDate } from '../text/time.ts'
import type { Row } from './fold.ts'
import { partWord } from './fold.ts'
import { whyOf } from './why.ts'

export interface RowViewProps {
  readonly row: Row
  /** Place in the list, counted from 1. */
  readonly position: number
  readonly top: number
  readonly zone: Zone
  /** Rows of this day show no date. */
  readonly now: number
  readonly selected: boolean
  /** The one row that Tab reaches. */
  readonly reachable: boolean
  readonly checked: Checked | undefined
  readonly onOpen: (row: Row, byKey: boolean) => void
}

/** One event in a line: when, what happened, why, from where, and a shield where it was checked here. */
export const RowView = memo(function RowView(props: RowViewProps): ReactNode {
  const { row, position, top, zone, now, selected, reachable, checked, onOpen } = props
  const { event, others } = row
  const state = stateOf(event)
  const at = Date.parse(event['@timestamp'])
  const why = whyOf(event)
  return (
    <div
      className="row"
      role="row"
      aria-rowindex={position + 1}
      aria-selected={selected}
      tabIndex={reachable ? 0 : -1}
      data-row={row.key}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onOpen(row, false)}
      onKeyDown={({ key, target, currentTarget }) => key === 'Enter' && target === currentTarget && onOpen(row, true)}
    >
      <span role="gridcell" className="row-state">
        {state !== 'success' && <StateMark state={state} named />}
      </span>
      <span role="gridcell" className="row-time">
        <RowTime event={event} at={at} now={now} zone={zone} />
      </span>
      <span role="rowheader" className="row-event">
        <SentenceText event={event} />
        {others.length > 0 && (
          <span className="tag num">
            {others.length + 1}
            <span className="tag-word"> {partWord(row)}</span>
          </span>
        )}
        {/* Where the time's own column has no room for it. */}
        <span className="row-day" aria-hidden="true">
          {Number.isNaN(at) ? '' : rowDate(at, now, zone)}
        </span>
      </span>
      <span role="gridcell" className="row-why">
        {why !== undefined && (
          <>
            {why.strong !== undefined && (
              <b>
                <Value text={why.strong} limit={80} />
              </b>
            )}{' '}
            {why.rest !== undefined && <Value text={why.rest} limit={80} />}
          </>
        )}
      </span>
      <span role="gridcell" className="row-source">
        <Value text={event.whodid?.source ?? ''} limit={40} />
      </span>
      <span role="gridcell" className="row-proof">
        {checked === 'valid' && <ShieldCheck className="i is-success" role="img" aria-label="Proof checked here" />}
        {checked === 'broken' && <ShieldX className="i is-denied" role="img" aria-label="Does not match the ledger" />}
      </span>
      <span role="gridcell" className="row-where only-narrow">
        <WhereLine event={event} />
      </span>
    </div>
  )
})

function RowTime({ event, at, now, zone }: { event: AuditEvent; at: number; now: number; zone: Zone }): ReactNode {
  if (Number.isNaN(at)) return <Value text={event['@timestamp']} limit={20} />
  const date = rowDate(at, now, zone)
  return (
    <time dateTime={event['@timestamp']}>
      {clockText(at, zone)}
      {date !== '' && <span className="row-date"> {date}</span>}
    </time>
  )
}

/** On a narrow screen: why and source in one quiet line. */
function WhereLine({ event }: { event: AuditEvent }): ReactNode {
  const why = whyOf(event)
  const words = [why?.strong ?? why?.rest, event.whodid?.source].filter((each) => each !== undefined)
  return <Value text={words.join(' · ')} limit={120} />
}
