import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { FlaskConical } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect } from 'react'
import type { SourceAnswer } from '../../domain/answers.ts'
import { mayEditSources, mayReadSources, useMe } from '../data/session.ts'
import { useSources } from '../data/sources.ts'
import { useMedia } from '../parts/use-width.ts'
import { SourceCards } from './source-cards.tsx'
import { SourceTable } from './source-table.tsx'
import { allWords } from './source-words.ts'
import { NoRight, SourcesProblem } from './states.tsx'
import { TryPanel } from './try-panel.tsx'

/** All sources as they stand, or the form that tries a format. */
export function SourcesPage(): ReactNode {
  const me = useMe()
  const { try: format } = useSearch({ from: '/sources' })
  const navigate = useNavigate({ from: '/sources' })
  useEffect(() => {
    document.title = `${format === undefined ? 'Sources' : 'Try a format — Sources'} — whodid`
  }, [format])
  if (!mayReadSources(me.data)) return <NoRight />
  if (format !== undefined) {
    return <TryPanel format={format} onFormat={(next) => void navigate({ search: { try: next }, replace: true })} />
  }
  return <AllSources mayTry={mayEditSources(me.data)} />
}

function AllSources({ mayTry }: { mayTry: boolean }): ReactNode {
  const { data, error, refetch, isFetching } = useSources(true)
  return (
    <div className="sources">
      <header className="sources-head">
        <h2>{data === undefined ? 'Sources' : allWords(data)}</h2>
        {mayTry && (
          <Link className="button" to="/sources" search={{ try: '' }}>
            <FlaskConical className="i" />
            Try a format
          </Link>
        )}
      </header>
      {error !== null && <SourcesProblem error={error} retrying={isFetching} onRetry={() => void refetch()} />}
      {data !== undefined && data.length > 0 && <List sources={data} />}
      {data?.length === 0 && (
        <div className="empty">
          <h2>No source is configured, and none has sent yet.</h2>
          <p>
            Name one under <code>sources</code> in <code>whodid.yaml</code>, or make a token that may write: who sends
            with it stands here from its first record on.
          </p>
        </div>
      )}
      {data === undefined && error === null && <p className="quiet-note">Asking how the sources stand…</p>}
    </div>
  )
}

function List({ sources }: { sources: readonly SourceAnswer[] }): ReactNode {
  const narrow = useMedia('(max-width: 1239px)')
  return (
    <>
      {narrow ? <SourceCards sources={sources} /> : <SourceTable sources={sources} />}
      <p className="sources-foot muted">
        Counted in records, since ever: received = kept + dropped + duplicate + rejected + shed. What was refused before
        it could be read is counted since the server started.
      </p>
    </>
  )
}
