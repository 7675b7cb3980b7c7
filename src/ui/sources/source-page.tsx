import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { ArrowLeft, Search } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect } from 'react'
import type { SourceAnswer } from '../../domain/answers.ts'
import { mayEditSources, mayReadSources, useMe } from '../data/session.ts'
import { useSources } from '../data/sources.ts'
import { Ago } from '../parts/ago.tsx'
import { Value } from '../parts/value.tsx'
import { termOf } from '../search/query-text.ts'
import { countText } from '../text/time.ts'
import { AccountSum, Counts } from './account-sum.tsx'
import { RejectedPanel } from './rejected-panel.tsx'
import { SourceHours } from './source-hours.tsx'
import { SourceState } from './source-state.tsx'
import { counted, lagWords, largestFirst, partsOf } from './source-words.ts'
import { NoRight, SourcesProblem } from './states.tsx'

/** One source: how it stands, its account, and what it sent that could become no event. */
export function SourcePage(): ReactNode {
  const me = useMe()
  const { name } = useParams({ from: '/sources/$name' })
  const { reason } = useSearch({ from: '/sources/$name' })
  const navigate = useNavigate({ from: '/sources/$name' })
  const mayRead = mayReadSources(me.data)
  const { data, error, refetch, isFetching } = useSources(mayRead)
  useEffect(() => {
    document.title = `${name.slice(0, 80)} — Sources — whodid`
  }, [name])
  if (!mayRead) return <NoRight />
  const source = data?.find((each) => each.name === name)
  return (
    <div className="sources">
      <header className="sources-head">
        <Link className="button is-ghost is-icon" to="/sources" aria-label="All sources" title="All sources">
          <ArrowLeft className="i" />
        </Link>
        <h2>
          <Value text={name} limit={120} identity />
        </h2>
        <Link className="button" to="/events" search={{ q: termOf('source', name) }}>
          <Search className="i" />
          Search its events
        </Link>
      </header>
      {error !== null && <SourcesProblem error={error} retrying={isFetching} onRetry={() => void refetch()} />}
      {source !== undefined && <Standing source={source} />}
      {source !== undefined && <SourceHours name={name} />}
      {data !== undefined && source === undefined && (
        <div className="empty">
          <h2>There is no such source.</h2>
          <p>It is not configured, and nothing was ever received under this name.</p>
        </div>
      )}
      {source !== undefined && (
        <RejectedPanel
          source={source}
          reason={reason}
          mayEdit={mayEditSources(me.data)}
          onReason={(next) => void navigate({ search: next === undefined ? {} : { reason: next }, replace: true })}
        />
      )}
    </div>
  )
}

function Standing({ source }: { source: SourceAnswer }): ReactNode {
  const { kind, stream, role, feeds, since, listens, lastRecord, connections, cursor, accounting, replayed } = source
  return (
    <section className="panel source-standing" aria-label="How it stands">
      <AccountSum accounting={accounting} />
      <dl>
        <Fact title="State">
          <SourceState source={source} />
          <span className="muted">
            since <Ago at={since} />
          </span>
        </Fact>
        <Fact title="Kind">
          <span>
            {kind}, a {role}, stream <Value text={stream} limit={80} />
          </span>
        </Fact>
        {feeds !== undefined && (
          <Fact title="Feeds">
            <Link className="link" to="/sources/$name" params={{ name: feeds }}>
              <Value text={feeds} limit={80} />
            </Link>
            <span className="muted">its account has these records too</span>
          </Fact>
        )}
        {listens !== undefined && (
          <Fact title="Listens">
            <code>
              <Value text={listens} limit={200} />
            </code>
          </Fact>
        )}
        <Fact title="Last record">
          {lastRecord === undefined ? <span className="muted">none yet</span> : <Ago at={lastRecord} />}
        </Fact>
        <Fact title="Lag">{lagWords(source) ?? <span className="muted">not known for this kind</span>}</Fact>
        {connections !== undefined && <Fact title="Connections">{counted(connections, 'connection')} open</Fact>}
        {cursor !== undefined && (
          <Fact title="Has read">
            <code>
              <Value text={cursor} limit={400} />
            </code>
          </Fact>
        )}
        <Fact title="Became">{counted(accounting.events, 'event')}</Fact>
        {partsOf(accounting).map(({ label, by }) => (
          <Counts key={label} title={label === 'dropped' ? 'Dropped by' : 'Rejected as'} counts={by ?? []} />
        ))}
        {replayed > 0 && <Fact title="Fed again">{countText(replayed)} of the received ones</Fact>}
        <Counts title="Refused" counts={largestFirst(source.refused)} />
      </dl>
    </section>
  )
}

function Fact({ title, children }: { title: string; children: ReactNode }): ReactNode {
  return (
    <div className="source-fact">
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  )
}
