import { Hourglass, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { RelatedAnswer } from '../../domain/answers.ts'
import type { AuditEvent } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'
import { useRelated } from '../data/events.ts'
import { SentenceText } from '../parts/sentence-text.tsx'
import { StateMark } from '../parts/state-mark.tsx'
import { keyOf, textIn } from '../search/fold.ts'
import { termOf } from '../search/query-text.ts'
import { isoText } from '../text/range.ts'
import type { Zone } from '../text/time.ts'
import { clockText, countText } from '../text/time.ts'
import type { EventActions } from './acts.tsx'

export interface RelatedSectionProps {
  readonly event: AuditEvent
  readonly zone: Zone
  readonly actions: EventActions
}

/** By what the server joins events, in words. */
const JOINED: ReadonlyMap<string, string> = new Map([
  ['http.request.id', 'the same request'],
  ['trace.id', 'the same connection or trace'],
  ['process.entity_id', 'the same process'],
])

/** What belongs together with an event, oldest first, and whether it came to an end. */
export function RelatedSection({ event, zone, actions }: RelatedSectionProps): ReactNode {
  const related = useRelated(
    event,
    joinValues(event).some((value) => value !== undefined),
  )
  const { data, isError } = related
  if (isError) {
    return (
      <section className="section">
        <h3>Belongs together</h3>
        <p>What else belongs to it cannot be shown now.</p>
      </section>
    )
  }
  if (data?.joinedBy === undefined) return null
  const { events, joinedBy, more } = data
  return (
    <section className="section">
      <h3>
        Belongs together
        <span>
          {more === true && 'more than '}
          {countText(events.length)} {events.length === 1 ? 'event' : 'events'} of {JOINED.get(joinedBy) ?? joinedBy}
        </span>
      </h3>
      <Ending related={data} />
      <RelatedList event={event} events={events} zone={zone} actions={actions} />
      <SearchThem event={event} joinedBy={joinedBy} zone={zone} actions={actions} />
    </section>
  )
}

function joinValues(event: AuditEvent): readonly (string | undefined)[] {
  return [...JOINED.keys()].map((path) => joinValue(event, path))
}

function joinValue(event: AuditEvent, path: string): string | undefined {
  const [first = '', ...others] = path.split('.')
  return textIn(event[first], ...others)
}

function Ending({ related: { complete, finding } }: { related: RelatedAnswer }): ReactNode {
  if (finding !== undefined) {
    return (
      <p className="finding is-failed">
        <TriangleAlert className="i is-failed" />
        It never completed: it was begun, and no end of it was recorded.
      </p>
    )
  }
  if (complete !== false) return null
  return (
    <p className="finding">
      <Hourglass className="i muted" />
      It has not ended yet.
    </p>
  )
}

const FEW = 12

interface RelatedListProps extends RelatedSectionProps {
  readonly events: readonly AuditEvent[]
}

/** The open one and those around it; all of them when asked. */
function RelatedList({ event, events, zone, actions }: RelatedListProps): ReactNode {
  const [all, setAll] = useState(false)
  const key = keyOf(event)
  const at = events.findIndex((each) => keyOf(each) === key)
  const start = Math.max(0, Math.min(at - FEW / 2, events.length - FEW))
  const shown = all ? events : events.slice(start, start + FEW)
  return (
    <>
      <ol className="related">
        {shown.map((each) => (
          <li key={keyOf(each)}>
            <button
              type="button"
              aria-current={keyOf(each) === key ? 'true' : undefined}
              onClick={() => each.event.id !== undefined && actions.onOpen(each.event.id)}
            >
              <time dateTime={each['@timestamp']}>{clockText(Date.parse(each['@timestamp']), zone)}</time>
              <StateMark state={stateOf(each)} small named />
              <span className="related-words">
                <SentenceText event={each} limit={120} />
              </span>
              <StageTag event={each} />
            </button>
          </li>
        ))}
      </ol>
      {shown.length < events.length && (
        <p>
          <button type="button" className="button is-xs" onClick={() => setAll(true)}>
            Show all {countText(events.length)}
          </button>
        </p>
      )}
    </>
  )
}

/** Stages of a request say the same sentence: this tells them apart. */
function StageTag({ event }: { event: AuditEvent }): ReactNode {
  const stage = textIn(event['kubernetes'], 'audit', 'stage')
  return stage === undefined ? null : <span className="tag">{stage.slice(0, 40)}</span>
}

const AROUND_MS = 7 * 86_400_000

/** The same as a search, where filters and export are: over the days in which the server looks. */
function SearchThem({ event, joinedBy, zone, actions }: RelatedSectionProps & { joinedBy: string }): ReactNode {
  const value = joinValue(event, joinedBy)
  const at = Date.parse(event['@timestamp'])
  const source = event.whodid?.source
  if (value === undefined || source === undefined || Number.isNaN(at)) return null
  return (
    <p>
      <button
        type="button"
        className="link"
        onClick={() =>
          actions.onQuery(
            `${termOf(joinedBy, value)} ${termOf('source', source)}`,
            isoText(at - AROUND_MS, zone),
            isoText(at + AROUND_MS, zone),
          )
        }
      >
        Search them
      </button>
    </p>
  )
}
