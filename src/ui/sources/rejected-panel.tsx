import { useQueryClient } from '@tanstack/react-query'
import { RotateCcw, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { SourceAnswer } from '../../domain/answers.ts'
import { AuditError } from '../../domain/errors.ts'
import type { Selection } from '../data/sources.ts'
import { discardRejected, replayRejected, useRejected } from '../data/sources.ts'
import { Value } from '../parts/value.tsx'
import { countText, sizeText } from '../text/time.ts'
import { DiscardDialog } from './discard-dialog.tsx'
import { RejectedItem } from './rejected-item.tsx'
import { counted, largestFirst, replayWords } from './source-words.ts'
import { ProblemWords, SourcesProblem } from './states.tsx'

export interface RejectedPanelProps {
  readonly source: SourceAnswer
  /** Only those of this reason. */
  readonly reason: string | undefined
  readonly mayEdit: boolean
  readonly onReason: (reason: string | undefined) => void
}

/** What could become no event: why, its bytes, and what to do with it. */
export function RejectedPanel(props: RejectedPanelProps): ReactNode {
  const { source, mayEdit } = props
  const kept = source.rejectedKept
  return (
    <section className="panel rejected" aria-labelledby="rejected-title">
      <header>
        <h3 id="rejected-title">Rejected records</h3>
        {kept !== undefined && <span className="muted num">{keptWords(kept)}</span>}
      </header>
      {mayEdit ? (
        <Rejected {...props} />
      ) : (
        <p className="quiet-note">
          Their contents are shown to administrators only: nothing in them was understood, so nothing can be hidden.
        </p>
      )}
    </section>
  )
}

function keptWords({ records, bytes, letGo }: NonNullable<SourceAnswer['rejectedKept']>): string {
  const gone = letGo === 0 ? '' : `; ${counted(letGo, 'older one')} had to go for room or age`
  return records === 0 ? `none kept${gone}` : `${counted(records, 'record')} kept, ${sizeText(bytes)}${gone}`
}

function Rejected({ source, reason, onReason }: RejectedPanelProps): ReactNode {
  const { name } = source
  const pages = useRejected(name, reason)
  const { busy, outcome, problem, feed, discard } = useRejectedActs(name)
  const [asked, setAsked] = useState<Selection>()
  const records = pages.data?.pages.flatMap((page) => page.rejected) ?? []
  // What comes while somebody reads moves nothing: it waits behind a button.
  const isWhole = reason === undefined && pages.data !== undefined && !pages.hasNextPage && !pages.isFetching && !busy
  const newer = isWhole ? (source.rejectedKept?.records ?? 0) - records.length : 0
  const shown: Selection = reason === undefined ? { all: true } : { reason }
  return (
    <>
      <div className="rejected-bar">
        <Reasons source={source} reason={reason} onReason={onReason} />
        {records.length > 0 && (
          <span className="rejected-acts">
            <button type="button" className="button" disabled={busy} onClick={() => void feed(shown)}>
              <RotateCcw className="i" />
              {reason === undefined ? 'Feed all again' : 'Feed these again'}
            </button>
            <button type="button" className="button" disabled={busy} onClick={() => setAsked(shown)}>
              <Trash2 className="i" />
              {reason === undefined ? 'Throw all away…' : 'Throw these away…'}
            </button>
          </span>
        )}
      </div>
      <p className="rejected-outcome" role="status">
        {outcome}
      </p>
      {problem !== undefined && (
        <p className="rejected-problem" role="alert">
          <ProblemWords error={problem} />
        </p>
      )}
      {pages.error !== null && (
        <SourcesProblem error={pages.error} retrying={pages.isFetching} onRetry={() => void pages.refetch()} />
      )}
      {newer > 0 && (
        <p className="rejected-newer">
          <button type="button" className="button is-xs" onClick={() => void pages.refetch()}>
            Show {countText(newer)} newer
          </button>
        </p>
      )}
      {records.length > 0 && (
        <ul className="rejected-list">
          {records.map((record) => (
            <RejectedItem
              key={record.id}
              source={name}
              record={record}
              busy={busy}
              onFeed={() => void feed({ ids: [record.id] })}
              onDiscard={() => setAsked({ ids: [record.id] })}
            />
          ))}
        </ul>
      )}
      {pages.data !== undefined && records.length === 0 && (
        <p className="quiet-note">
          {reason === undefined
            ? 'Nothing is kept here: every record became events, or was thrown away.'
            : 'No record of this reason is kept.'}
        </p>
      )}
      {pages.data === undefined && pages.error === null && <p className="quiet-note">Fetching rejected records…</p>}
      {pages.hasNextPage && (
        <p className="quiet-note">
          <button
            type="button"
            className="button"
            disabled={pages.isFetchingNextPage}
            onClick={() => void pages.fetchNextPage()}
          >
            Show older ones
          </button>
        </p>
      )}
      {asked !== undefined && (
        <DiscardDialog
          source={source}
          selection={asked}
          onClose={() => setAsked(undefined)}
          onDiscard={() => {
            setAsked(undefined)
            void discard(asked)
          }}
        />
      )}
    </>
  )
}

/** Reasons by which this source's records were ever rejected. */
function Reasons({ source, reason, onReason }: Omit<RejectedPanelProps, 'mayEdit'>): ReactNode {
  const known = largestFirst(source.accounting.rejected).map(([each]) => each)
  const reasons = reason === undefined || known.includes(reason) ? known : [...known, reason]
  if (reasons.length === 0) return null
  return (
    <span className="reasons" role="group" aria-label="By reason">
      {[undefined, ...reasons].map((each) => (
        <button
          key={each ?? ''}
          type="button"
          className="button is-xs"
          aria-pressed={each === reason}
          onClick={() => onReason(each)}
        >
          {each === undefined ? 'all' : <Value text={each} limit={60} />}
        </button>
      ))}
    </span>
  )
}

interface RejectedActs {
  readonly busy: boolean
  /** What came of the last act. */
  readonly outcome: string
  readonly problem: Error | undefined
  readonly feed: (selection: Selection) => Promise<void>
  readonly discard: (selection: Selection) => Promise<void>
}

/** One act at a time, its outcome in words; then list and account are asked anew. */
function useRejectedActs(name: string): RejectedActs {
  const client = useQueryClient()
  const [busy, setBusy] = useState(false)
  const [outcome, setOutcome] = useState('')
  const [problem, setProblem] = useState<Error>()
  const act = async (doing: () => Promise<string>): Promise<void> => {
    setBusy(true)
    setProblem(undefined)
    try {
      setOutcome(await doing())
    } catch (error) {
      setOutcome('')
      setProblem(error instanceof AuditError ? error : new Error('the act failed', { cause: error }))
    }
    await Promise.all([
      client.invalidateQueries({ queryKey: ['rejected', name] }),
      client.invalidateQueries({ queryKey: ['sources'] }),
    ])
    setBusy(false)
  }
  return {
    busy,
    outcome,
    problem,
    feed: (selection) =>
      act(async () => {
        setOutcome('Feeding again…')
        const answer = await replayRejected(name, selection, (sum) => setOutcome(`So far: ${replayWords(sum)}`))
        return replayWords(answer)
      }),
    discard: (selection) => act(async () => `Threw ${counted(await discardRejected(name, selection), 'record')} away.`),
  }
}
