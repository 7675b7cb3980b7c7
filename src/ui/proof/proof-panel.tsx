import type { LucideIcon } from 'lucide-react'
import { Check, ChevronDown, ChevronUp, Clock, Minus, RefreshCw, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { UseQueryResult } from '@tanstack/react-query'
import { isNotYet } from '../data/proof.ts'
import { CopyButton } from '../parts/copy.tsx'
import { saveFile } from '../parts/save-file.ts'
import type { Zone } from '../text/time.ts'
import { clockText, durationText } from '../text/time.ts'
import type { ProofReport } from './check.ts'
import { PathPicture } from './path-picture.tsx'
import type { Line } from './verdict-lines.ts'
import { brokenKind, checkedCount, linesOf } from './verdict-lines.ts'

export interface ProofTabProps {
  readonly proof: UseQueryResult<ProofReport>
  readonly zone: Zone
}

/** Each check by itself, made in this browser. Nothing hides behind one shield. */
export function ProofTab({ proof, zone }: ProofTabProps): ReactNode {
  const report = proof.data
  if (report === undefined) return <ProofWaiting proof={proof} />
  const lines = linesOf(report, zone)
  const broken = brokenKind(report)
  return (
    <>
      {broken !== undefined && <Broken kind={broken} report={report} />}
      <div className="proof-bar">
        <span>
          <b>
            {checkedCount(lines)} of {lines.length} checked
          </b>{' '}
          in this browser at <span className="num">{clockText(report.at, zone)}</span>, in {durationText(report.tookMs)}
        </span>
        <button type="button" className="button is-xs" disabled={proof.isFetching} onClick={() => void proof.refetch()}>
          <RefreshCw className="i i-sm" />
          Check again<span className="key">v</span>
        </button>
      </div>
      <ol className="verdicts">
        {lines.map((line) => (
          <VerdictLine key={line.name} line={line} report={report} />
        ))}
      </ol>
      <div className="trust">
        <p>The code of this page came from the same server. To trust nobody here, check the proof with another tool:</p>
        <div className="command">
          <code>{VERIFY_COMMAND}</code>
          <CopyButton text={VERIFY_COMMAND} what="the command" />
        </div>
        {report.by === 'page' && (
          <p className="muted">
            This page was not opened over https, so its own code checked the signature, not the browser.
          </p>
        )}
      </div>
    </>
  )
}

/** Recomputes every root of every log of this server. */
const VERIFY_COMMAND = `whodid verify ${location.origin}`

const ICONS: Readonly<Record<Line['state'], LucideIcon>> = { yes: Check, no: X, wait: Clock, unset: Minus }

function VerdictLine({ line, report }: { line: Line; report: ProofReport }): ReactNode {
  const [path, setPath] = useState(false)
  const Icon = ICONS[line.state]
  const hasPath = line.name === 'Included' && report.sides.length > 0
  return (
    <li className={`verdict is-${line.state}`}>
      <Icon
        className={line.state === 'yes' ? 'i is-success' : line.state === 'no' ? 'i is-denied' : 'i muted'}
        role="img"
        aria-label={WORDS[line.state]}
      />
      <b>{line.name}</b>
      <span>
        {line.words}
        {line.mono !== undefined && <span className="mono"> {line.mono}</span>}
      </span>
      {hasPath && (
        <button type="button" className="button is-ghost is-xs" aria-expanded={path} onClick={() => setPath(!path)}>
          {path ? 'Hide path' : 'Show path'}
          {path ? <ChevronUp className="i i-sm" /> : <ChevronDown className="i i-sm" />}
        </button>
      )}
      {hasPath && path && <PathPicture sides={report.sides} leafHash={report.leafHash} root={report.rootHash} />}
    </li>
  )
}

const WORDS: Readonly<Record<Line['state'], string>> = {
  yes: 'checked',
  no: 'failed',
  wait: 'not yet',
  unset: 'not checked',
}

function Broken({ kind, report }: { kind: 'event' | 'fork'; report: ProofReport }): ReactNode {
  const download = (): void => {
    const { answer, pin } = report
    saveFile(
      `${answer.index}.checked.json`,
      JSON.stringify({ ...answer, keptCheckpoint: pin?.checkpoint }, undefined, 2),
    )
  }
  return (
    <div className="broken" role="alert">
      {kind === 'fork' ? (
        <p>
          <b>The ledger shows two different histories.</b> The checkpoint this browser kept is not part of today’s log.
          Keep both and tell your auditor.
        </p>
      ) : (
        <p>
          <b>This event does not match the ledger.</b> Its text was changed after it was recorded, or the ledger is
          damaged. Do not use it as evidence.
        </p>
      )}
      <button type="button" className="button" onClick={download}>
        {kind === 'fork' ? 'Download both checkpoints' : 'Download what was checked'}
      </button>
    </div>
  )
}

function ProofWaiting({ proof }: { proof: UseQueryResult<ProofReport> }): ReactNode {
  if (isNotYet(proof.failureReason) || isNotYet(proof.error)) {
    return (
      <p className="quiet-note" role="status">
        <Clock className="i" /> Recorded and durable. It will be in the next checkpoint, within 10 s; this page then
        checks it by itself.
      </p>
    )
  }
  if (proof.isError) {
    return (
      <p className="quiet-note is-denied" role="alert">
        The proof cannot be fetched: {proof.error.message}.{' '}
        <button type="button" className="button is-xs" onClick={() => void proof.refetch()}>
          Try again
        </button>
      </p>
    )
  }
  return <p className="quiet-note">Checking…</p>
}
