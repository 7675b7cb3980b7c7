import type { ReactNode, RefObject } from 'react'
import type { Zone } from '../text/time.ts'
import { rowDate } from '../text/time.ts'
import type { Row } from './fold.ts'
import type { GridHandle } from './grid.tsx'
import { Grid } from './grid.tsx'
import { EndOfList, ListProblem, NewerBar, NothingFound, Skeleton } from './list-states.tsx'
import type { SearchUrl } from './search-url.ts'
import { fromOf, queryOf } from './search-url.ts'
import type { Change } from './use-go.ts'
import type { Following } from './use-newer.ts'
import type { Results } from './use-results.ts'

export interface ResultListProps {
  readonly url: SearchUrl
  readonly results: Results
  readonly rows: readonly Row[]
  readonly following: Following
  readonly total: number | undefined
  readonly folded: boolean
  readonly zone: Zone
  readonly selectedKey: string | undefined
  readonly grid: RefObject<GridHandle | null>
  readonly onOpen: (row: Row, byKey: boolean) => void
  readonly onAgain: () => void
  readonly onResume: () => void
  readonly onGo: (change: Change) => void
}

/** The list in whichever state it is: what was found stays to be read whatever happens to what was asked next. */
export function ResultList(props: ResultListProps): ReactNode {
  const { results, onAgain } = props
  return (
    <section className="list" aria-label="Results">
      {results.failing !== undefined && (
        <ListProblem error={results.failing} retrying={results.running} onRetry={results.retry} />
      )}
      {results.events === undefined ? <Skeleton idle={results.isStopped} onRun={onAgain} /> : <Found {...props} />}
    </section>
  )
}

function Found(props: ResultListProps): ReactNode {
  const { url, results, rows, following, zone, selectedKey, grid, onOpen, onAgain, onResume, onGo } = props
  const { run, at, since, until, completeness } = results
  if (rows.length === 0 && results.failing !== undefined) return null
  if (rows.length === 0 && !results.running) {
    return (
      <NothingFound
        q={queryOf(url)}
        from={fromOf(url)}
        to={url.to}
        since={since}
        until={until}
        zone={zone}
        behind={completeness?.behind ?? 0}
        onGo={onGo}
      />
    )
  }
  // A range within one day says its day once, above the list.
  const day = rowDate(since, until - 1, zone) === '' ? since : at
  return (
    <Grid
      key={`${run?.q} ${run?.since} ${run?.until}`}
      rows={rows}
      total={props.total}
      folded={props.folded}
      zone={zone}
      now={day}
      day={rowDate(day, at, zone)}
      dated={rowDate(since, day, zone) !== ''}
      selectedKey={selectedKey}
      hasMore={results.hasMore}
      end={<EndOfList recordedSince={completeness?.recordedSince} since={since} zone={zone} />}
      handle={grid}
      place={JSON.stringify(run)}
      onOpen={onOpen}
      onMore={results.more}
      onReading={following.pause}
      bar={url.to === undefined && <NewerBar {...following} onResume={onResume} onNewest={onAgain} />}
    />
  )
}
