import { CircleAlert, LockKeyhole, RefreshCw } from 'lucide-react'
import type { ReactNode } from 'react'
import { AuditError } from '../../domain/errors.ts'
import { Value } from '../parts/value.tsx'

/** For who may not see sources: what is missing, and nothing of what is there. */
export function NoRight(): ReactNode {
  return (
    <div className="empty">
      <LockKeyhole className="i muted" />
      <h2>You may not see Sources.</h2>
      <p>It needs the permission to read events. Somebody who administers this server can give it to you.</p>
    </div>
  )
}

export interface SourcesProblemProps {
  readonly error: Error
  readonly retrying: boolean
  readonly onRetry: () => void
}

/** What is wrong, over what was known before. */
export function SourcesProblem({ error, retrying, onRetry }: SourcesProblemProps): ReactNode {
  return (
    <div className="problem" role="alert">
      <CircleAlert className="i is-failed" />
      <p>
        <ProblemWords error={error} />
      </p>
      <button type="button" className="button is-xs" disabled={retrying} onClick={onRetry}>
        <RefreshCw className="i i-sm" />
        Try now
      </button>
    </div>
  )
}

/** An error in words, with what to do about it where that is known. */
export function ProblemWords({ error }: { error: Error }): ReactNode {
  if (!(error instanceof AuditError)) return 'Something broke here that we did not foresee.'
  if (error.code === 'io_failed') {
    return (
      <>
        <b>No connection to the server.</b> Showing what was loaded. This page tries again by itself.
      </>
    )
  }
  if (error.code === 'unauthenticated') {
    return (
      <>
        <b>Your session ended.</b> Open a new link (whodid admin-link) in this browser; nothing you typed is lost.
      </>
    )
  }
  return (
    <>
      <b>
        <Value text={`${error.message}.`} limit={400} />
      </b>{' '}
      {error.hint !== undefined && <Value text={`${error.hint}.`} limit={400} />}
    </>
  )
}
