import { Check, Filter, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { useMemo } from 'react'
import type { TriedRecord } from '../../domain/answers.ts'
import type { AuditEvent } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'
import { flatten } from '../event/flatten.ts'
import { SentenceText } from '../parts/sentence-text.tsx'
import { StateMark } from '../parts/state-mark.tsx'
import { Value } from '../parts/value.tsx'
import { sizeText } from '../text/time.ts'
import { counted } from './source-words.ts'

/** More are counted only: a sample is for looking at. */
const MOST_SHOWN = 200

/** What each record of a sample would become. */
export function TriedRecords({ records }: { records: readonly TriedRecord[] }): ReactNode {
  const events = records.reduce((sum, each) => sum + each.events.length, 0)
  const rejected = records.filter((each) => each.rejected !== undefined).length
  const dropped = records.filter((each) => each.dropped !== undefined).length
  const words = [
    counted(events, 'event'),
    rejected > 0 ? `${rejected} rejected` : undefined,
    dropped > 0 ? `${dropped} dropped` : undefined,
  ].filter((each) => each !== undefined)
  return (
    <>
      <div role="status">
        <h3>
          {counted(records.length, 'record')} would become {words.join(', ')}
        </h3>
      </div>
      <ol className="panel tried">
        {records.slice(0, MOST_SHOWN).map((record, at) => (
          // Records have no name but their place.
          <li key={at}>
            <span className="muted num">
              {at + 1} <small>{sizeText(record.bytes)}</small>
            </span>
            <Became record={record} />
          </li>
        ))}
      </ol>
      {records.length > MOST_SHOWN && (
        <p className="quiet-note">{counted(records.length - MOST_SHOWN, 'more record')} are counted above.</p>
      )}
    </>
  )
}

function Became({ record: { events, rejected, dropped } }: { record: TriedRecord }): ReactNode {
  return (
    <div>
      {events.map(({ event }, at) => (
        <TriedEvent key={at} event={event} />
      ))}
      {rejected !== undefined && (
        <p>
          <X className="i i-sm is-failed" /> <b className="is-failed">rejected</b>{' '}
          <span className="tag">
            <Value text={rejected.code} limit={60} />
          </span>{' '}
          <Value text={rejected.message} limit={400} />{' '}
          {rejected.path !== undefined && rejected.path !== '' && (
            <code>
              <Value text={rejected.path} limit={200} />
            </code>
          )}
        </p>
      )}
      {dropped !== undefined && (
        <p>
          <Filter className="i i-sm muted" /> dropped by <Value text={dropped} limit={120} />
        </p>
      )}
      {events.length === 0 && rejected === undefined && dropped === undefined && (
        <p>
          <Check className="i i-sm muted" /> nothing: it belongs to another record
        </p>
      )}
    </div>
  )
}

function TriedEvent({ event }: { event: AuditEvent }): ReactNode {
  const lines = useMemo(() => flatten(event), [event])
  return (
    <details>
      <summary>
        <StateMark state={stateOf(event)} small named /> <SentenceText event={event} />
      </summary>
      <dl className="tried-fields">
        {lines.map((line, at) => (
          // A path comes once for each member of a list.
          <div key={`${line.path} ${at}`}>
            <dt className="mono">
              <Value text={line.path} limit={120} />
            </dt>
            <dd>
              <Value text={line.text} limit={600} />
            </dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
