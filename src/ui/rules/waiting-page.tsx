import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Hourglass } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { WaitingRules } from '../../domain/rule-answers.ts'
import { confirmWaiting, refuseWaiting, useWaiting } from '../data/rules.ts'
import { Ago } from '../parts/ago.tsx'
import { announce } from '../parts/announcer.tsx'
import { Value } from '../parts/value.tsx'
import { counted } from '../sources/source-words.ts'
import { ProblemWords, SourcesProblem } from '../sources/states.tsx'
import { ChangeList } from './change-list.tsx'
import { RulesFrame } from './rules-frame.tsx'

/** Changes that would drop much or unmask something: each with its diff, until somebody decides. */
export function WaitingPage(): ReactNode {
  return <RulesFrame title="Waiting">{(mayEdit) => <Waiting mayDecide={mayEdit} />}</RulesFrame>
}

function Waiting({ mayDecide }: { mayDecide: boolean }): ReactNode {
  const { data, error, refetch, isFetching } = useWaiting(true)
  return (
    <>
      <header className="sources-head">
        <h2>
          {data === undefined
            ? 'Waiting'
            : data.length === 0
              ? 'Waiting'
              : `${counted(data.length, 'change')} to decide`}
        </h2>
      </header>
      {error !== null && <SourcesProblem error={error} retrying={isFetching} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <p className="quiet-note">Asking what waits…</p>}
      {data?.length === 0 && (
        <div className="empty">
          <h2>Nothing waits for a decision.</h2>
          <p>A change waits here when it would have dropped much of the last day, or switches a default mask off.</p>
        </div>
      )}
      {data?.map((each) => (
        <WaitingItem key={each.id} waiting={each} mayDecide={mayDecide} />
      ))}
    </>
  )
}

function WaitingItem({ waiting, mayDecide }: { waiting: WaitingRules; mayDecide: boolean }): ReactNode {
  const { id, summary, requestedBy, requestedAt, reasons, changes, before, after } = waiting
  return (
    <section className="panel waiting-item" aria-labelledby={`waiting-${id}`}>
      <header>
        <Hourglass className="i is-staged" />
        <h3 id={`waiting-${id}`}>
          <Value text={summary} limit={400} />
        </h3>
        <p className="muted">
          asked for by <Value text={requestedBy} limit={120} identity />, <Ago at={requestedAt} /> ·{' '}
          <code>
            {before.slice(0, 12)} → {after.slice(0, 12)}
          </code>
        </p>
      </header>
      <ul className="waiting-reasons">
        {reasons.map((reason) => (
          <li key={reason}>
            It waits because <Value text={reason} limit={400} />.
          </li>
        ))}
      </ul>
      <ChangeList changes={changes} />
      {mayDecide ? (
        <Decision id={id} />
      ) : (
        <p className="quiet-note">Only who administers this server may decide. The rules of before stay in force.</p>
      )}
    </section>
  )
}

function Decision({ id }: { id: string }): ReactNode {
  const client = useQueryClient()
  const [reason, setReason] = useState('')
  const [isMissing, setMissing] = useState(false)
  const settled = (words: string) => async (): Promise<void> => {
    announce(words)
    await Promise.all([['rules'], ['rules-waiting']].map((queryKey) => client.invalidateQueries({ queryKey })))
  }
  const confirming = useMutation({ mutationFn: () => confirmWaiting(id), onSuccess: settled('The change is in force') })
  const refusing = useMutation({
    mutationFn: () => refuseWaiting(id, reason.trim()),
    onSuccess: settled('The change was refused'),
  })
  const busy = confirming.isPending || refusing.isPending
  const error = confirming.error ?? refusing.error
  return (
    <form
      className="decision"
      onSubmit={(event) => {
        event.preventDefault()
        setMissing(reason.trim() === '')
        if (reason.trim() !== '' && !busy) refusing.mutate()
      }}
    >
      <button type="button" className="button is-md is-primary" disabled={busy} onClick={() => confirming.mutate()}>
        Confirm: put it into force
      </button>
      <label>
        <span>Reason, to refuse it</span>
        <input
          className="text-field"
          value={reason}
          maxLength={1000}
          aria-invalid={isMissing}
          aria-describedby={isMissing ? `reason-${id}` : undefined}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <button type="submit" className="button is-md" disabled={busy}>
        Refuse
      </button>
      {isMissing && (
        <p className="is-failed" id={`reason-${id}`} role="alert">
          Say why it is refused: it stands in the trail.
        </p>
      )}
      {error !== null && (
        <p className="is-failed" role="alert">
          <ProblemWords error={error} />
        </p>
      )}
      <p className="muted">Who asked may confirm too: one person is enough here, and the event says so.</p>
    </form>
  )
}
