import { Link } from '@tanstack/react-router'
import { FolderOpen, LockKeyhole, Package, ShieldCheck } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect } from 'react'
import type { LedgerAnswer } from '../data/ledger.ts'
import { useLedger } from '../data/ledger.ts'
import { mayReadLedger, useMe } from '../data/session.ts'
import { readPin, writePin } from '../proof/pin.ts'
import { usePreferences } from '../shell/preferences.ts'
import { SourcesProblem } from '../sources/states.tsx'
import { clockText, durationText } from '../text/time.ts'
import { CheckLines } from './check-lines.tsx'
import { Growth } from './growth.tsx'
import { ordered, quickLines } from './ledger-words.ts'
import { LogTable } from './log-table.tsx'
import { Records } from './records.tsx'
import type { Check } from './use-check.ts'
import { useCheck } from './use-check.ts'
import { Witnesses } from './witnesses.tsx'

/** All logs, who witnesses them, what is gone from them, and a check of all that in this browser. */
export function LedgerPage(): ReactNode {
  const me = useMe()
  const mayRead = mayReadLedger(me.data)
  const { data, error, refetch, isFetching } = useLedger(mayRead)
  const check = useCheck('quick')
  useEffect(() => {
    document.title = 'Ledger — whodid'
  }, [])
  const report = check.told?.report
  useEffect(() => {
    for (const [origin, pin] of report?.pins ?? []) writePin(origin, pin)
  }, [report])
  if (!mayRead) return <NoLedger />
  return (
    <div className="ledger">
      <header className="sources-head">
        <h2>Ledger</h2>
        <Link className="button" to="/ledger/pack/open">
          <FolderOpen className="i" />
          Open pack
        </Link>
        <Link className="button" to="/ledger/pack/new">
          <Package className="i" />
          Build pack
        </Link>
        <button
          type="button"
          className="button is-primary"
          disabled={data === undefined || check.running}
          onClick={() => data && check.start({ kind: 'quick', wish: wishOf(data) })}
        >
          <ShieldCheck className="i" />
          Verify now
        </button>
      </header>
      {error !== null && <SourcesProblem error={error} retrying={isFetching} onRetry={() => void refetch()} />}
      <div className="ledger-columns">
        <div className="ledger-stack">
          {data === undefined && error === null && <p className="quiet-note">Asking how the logs stand…</p>}
          {data !== undefined && <LogTable ledger={data} />}
          <Growth />
          {data !== undefined && <Witnesses ledger={data} />}
        </div>
        <div className="ledger-stack">
          <LastCheck check={check} />
          <Records />
        </div>
      </div>
    </div>
  )
}

/** More logs than this are for the command line. */
const MOST_LOGS = 200

function wishOf({ logs, witnesses = [] }: LedgerAnswer) {
  const chosen = ordered(logs).slice(0, MOST_LOGS)
  const pins = chosen.flatMap(({ origin }) => {
    const pin = readPin(origin)
    return pin === undefined ? [] : [[origin, pin] as const]
  })
  return { logs: chosen, witnesses, pins: new Map(pins) }
}

function LastCheck({ check }: { check: Check<'quick'> }): ReactNode {
  const { zone } = usePreferences()
  const { told, progress, failed, running } = check
  const lines = told === undefined ? [] : quickLines(told.report, zone)
  const isBroken = lines.some(({ state }) => state === 'no')
  return (
    <section className="panel" aria-label="Last verification">
      <header className="ledger-head">
        <h3>Last verification</h3>
        {told !== undefined && (
          <span className="muted num">
            quick, {clockText(check.at, zone)}, {durationText(told.report.tookMs)}
          </span>
        )}
      </header>
      {running && (
        <div className="ledger-progress">
          <progress aria-label="How far the check is" value={progress?.done ?? 0} max={progress?.of ?? 1} />
          <button type="button" className="button is-xs" onClick={check.cancel}>
            Cancel
          </button>
        </div>
      )}
      {failed !== undefined && (
        <p className="ledger-note is-failed" role="alert">
          The check did not come to an end: {failed}.
        </p>
      )}
      {isBroken && (
        <div className="broken" role="alert">
          <p>
            <b>The ledger does not hold together.</b> It was changed after it was recorded, or it is damaged. Keep a
            copy and tell your auditor.
          </p>
        </div>
      )}
      {told !== undefined && <CheckLines lines={lines} />}
      {told === undefined && !running && failed === undefined && (
        <p className="ledger-note muted">
          Not in this page yet. “Verify now” checks every log’s signature and growth, its witnesses, and 20 leaves at
          random, here in this browser.
        </p>
      )}
      <p className="ledger-note muted">
        The code of this page came from the same server. To recompute all of it with another program:{' '}
        <code>whodid verify {location.origin}</code>
      </p>
    </section>
  )
}

/** For who may not see the ledger. */
export function NoLedger(): ReactNode {
  return (
    <div className="empty">
      <LockKeyhole className="i muted" />
      <h2>You may not see Ledger.</h2>
      <p>It needs the permission to read events. Somebody who administers this server can give it to you.</p>
    </div>
  )
}
