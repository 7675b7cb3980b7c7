import { CircleAlert, Pause, RefreshCw } from 'lucide-react'
import type { ReactNode } from 'react'
import type { ErrorCode } from '../../domain/errors.ts'
import { AuditError } from '../../domain/errors.ts'
import { useNow } from '../parts/use-now.ts'
import { Value } from '../parts/value.tsx'
import { DEFAULT_FROM, presetOf } from '../text/range.ts'
import type { Zone } from '../text/time.ts'
import { countText, momentText } from '../text/time.ts'
import type { Newer } from './live.ts'
import { MOST_WAITING } from './live.ts'
import { FIRST_QUERY } from './search-url.ts'
import { MUCH_BEHIND } from './totals.tsx'
import type { Change } from './use-go.ts'

export interface NewerBarProps {
  readonly live: boolean
  readonly paused: boolean
  readonly newer: Newer
  readonly onResume: () => void
  readonly onNewest: () => void
}

/** What came since. It has its place from the start, so that nothing moves when the first one comes. */
export function NewerBar({ live, paused, newer, onResume, onNewest }: NewerBarProps): ReactNode {
  const { waitingCount } = newer
  const words = `${countText(waitingCount)} newer event${waitingCount === 1 ? '' : 's'}`
  if (live && !paused) {
    return (
      <BarRow>
        <span className="newer-words">
          <span className="live-dot is-beating" />
          Live: new events appear as they are recorded
          {newer.shown.length >= MOST_WAITING && `, the newest ${MOST_WAITING} at a time`}
        </span>
      </BarRow>
    )
  }
  if (live) {
    return (
      <BarRow>
        <button type="button" className="newer-button" onClick={onResume}>
          <Pause className="i i-sm" />
          Paused while you read. {words}.<b>Resume</b>
          <span className="key">l</span>
        </button>
      </BarRow>
    )
  }
  if (waitingCount === 0) {
    return (
      <BarRow>
        <span className="newer-words is-quiet">No newer events</span>
      </BarRow>
    )
  }
  return (
    <BarRow>
      <button type="button" className="newer-button" onClick={onNewest}>
        {words}
        <span className="key">n</span>
      </button>
    </BarRow>
  )
}

function BarRow({ children }: { children: ReactNode }): ReactNode {
  return (
    <div role="row" className="newer">
      <div role="gridcell">{children}</div>
    </div>
  )
}

export interface ListProblemProps {
  readonly error: Error
  readonly retrying: boolean
  readonly onRetry: () => void
}

/** What is wrong, what still works, and what to do. In place, over what was loaded before. */
export function ListProblem({ error, retrying, onRetry }: ListProblemProps): ReactNode {
  return (
    <div className="problem" role="alert">
      <CircleAlert className="i is-failed" />
      <p>{problemWords(error)}</p>
      <button
        type="button"
        className="button is-xs"
        disabled={retrying && !(error instanceof AuditError)}
        onClick={onRetry}
      >
        <RefreshCw className="i i-sm" />
        Try now
      </button>
    </div>
  )
}

function problemWords(error: Error): ReactNode {
  if (!(error instanceof AuditError)) return 'Something broke here that we did not foresee.'
  const known = PROBLEMS.get(error.code)
  if (known === undefined) {
    return (
      <>
        <b>The search failed:</b> <Value text={error.message} />{' '}
        {error.hint !== undefined && <Value text={error.hint} />}
      </>
    )
  }
  return (
    <>
      <b>{known[0]}</b> {known[1]}
    </>
  )
}

const ENGINE = [
  'Search is unavailable: the engine is restarting.',
  'Events are still being recorded and wait to be indexed. This page tries again by itself.',
] as const

/** What is wrong, then what still works and what to do. */
const PROBLEMS: ReadonlyMap<ErrorCode, readonly [string, string]> = new Map<ErrorCode, readonly [string, string]>([
  ['engine_unavailable', ENGINE],
  ['engine_failed', ENGINE],
  ['io_failed', ['No connection to the server.', 'Showing what was loaded. This page tries again by itself.']],
  ['busy', ['The server is busy.', 'This page tries again by itself.']],
  [
    'timeout',
    [
      'The search took too long and was stopped.',
      'A shorter range or a filter on who, action or item makes it faster.',
    ],
  ],
  [
    'unauthenticated',
    ['Your session ended.', 'Open a new link (whodid admin-link) in this browser; nothing you typed is lost.'],
  ],
  ['forbidden', ['You may not search events.', 'It needs the permission to read events.']],
])

/** Rows of the real height, shown only when it takes a while. */
export function Skeleton({ idle, onRun }: { idle: boolean; onRun: () => void }): ReactNode {
  if (idle) {
    return (
      <div className="empty">
        <p>Stopped. Nothing was loaded.</p>
        <button type="button" className="button" onClick={onRun}>
          Search again
        </button>
      </div>
    )
  }
  return (
    <div className="bones" aria-label="Loading events" role="status">
      {Array.from({ length: 24 }, (_, at) => (
        <div key={at} className="bones-row">
          <span className="bone" />
          <span className={`bone is-${['long', 'middle', 'longer', 'short'][at % 4]}`} />
        </div>
      ))}
    </div>
  )
}

export interface NothingFoundProps {
  readonly q: string
  readonly from: string
  readonly to: string | undefined
  readonly since: number
  readonly until: number
  readonly zone: Zone
  /** Recorded and not searchable yet. */
  readonly behind: number
  readonly onGo: (change: Change) => void
}

/** Says what was searched, and offers to ask for more. */
export function NothingFound({ q, from, to, since, until, zone, behind, onGo }: NothingFoundProps): ReactNode {
  const now = useNow()
  const wider = presetOf(from, to)?.from === 'now-30d' ? undefined : 'now-30d'
  return (
    <div className="empty" role="status">
      <h2>No events match.</h2>
      <p>
        Searched{' '}
        {q === '' ? (
          'all events'
        ) : (
          <code>
            <Value text={q} />
          </code>
        )}{' '}
        from <span className="num">{momentText(since, now, zone)}</span> to{' '}
        <span className="num">{momentText(until, now, zone)}</span>.
      </p>
      {behind > MUCH_BEHIND && (
        <p>{countText(behind)} events are recorded and being indexed. What matches appears here by itself.</p>
      )}
      <div className="empty-acts">
        {wider !== undefined && (
          <button type="button" className="button" onClick={() => onGo({ from: wider, to: undefined })}>
            Search the last 30 days
          </button>
        )}
        {from !== DEFAULT_FROM && (
          <button type="button" className="button" onClick={() => onGo({ from: undefined, to: undefined })}>
            Search the last 24 hours
          </button>
        )}
        {q !== '' && q !== FIRST_QUERY && (
          <button type="button" className="button" onClick={() => onGo({ q: undefined })}>
            Without the query
          </button>
        )}
      </div>
    </div>
  )
}

export interface EndOfListProps {
  readonly recordedSince: string | undefined
  readonly since: number
  readonly zone: Zone
}

/** Why the list ends where it ends. */
export function EndOfList({ recordedSince, since, zone }: EndOfListProps): ReactNode {
  const now = useNow()
  const begun = Date.parse(recordedSince ?? '')
  if (begun > since) return <>Recording began {momentText(begun, now, zone)}.</>
  return <>Start of the range, {momentText(since, now, zone)}.</>
}
