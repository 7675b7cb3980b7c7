import { Link } from '@tanstack/react-router'
import { ArrowLeft, FolderOpen } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'
import type { PackReport, PackedEvent } from '../../../verify/pack.ts'
import { CHECK_NAMES } from '../../../verify/report.ts'
import { Value } from '../parts/value.tsx'
import { countText } from '../text/time.ts'
import { CheckLines } from './check-lines.tsx'
import { counted } from './ledger-words.ts'
import { useCheck } from './use-check.ts'

const STATES = { yes: 'yes', no: 'no', open: 'unset' } as const

/** Checks an evidence pack that lies on this computer. Nothing of it leaves the browser. */
export function PackOpenPage(): ReactNode {
  const check = useCheck('pack')
  const [file, setFile] = useState<File>()
  const [policy, setPolicy] = useState<File>()
  const [over, setOver] = useState(false)
  useEffect(() => {
    document.title = 'Open pack — Ledger — whodid'
  }, [])
  const take = (pack: File | undefined, trusted: File | undefined): void => {
    setFile(pack)
    setPolicy(trusted)
    if (pack !== undefined) check.start({ kind: 'pack', file: pack, ...(trusted !== undefined && { policy: trusted }) })
  }
  return (
    <div
      className="ledger"
      role="presentation"
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        take(event.dataTransfer.files[0], policy)
      }}
    >
      <header className="sources-head">
        <Link className="button is-ghost is-icon" to="/ledger" aria-label="Ledger" title="Ledger">
          <ArrowLeft className="i" />
        </Link>
        <h2>Open pack</h2>
        <span className="muted">nothing leaves this computer</span>
      </header>
      <section className={`panel ledger-drop${over ? ' is-over' : ''}`} aria-label="Choose a pack">
        <FolderOpen className="i muted" />
        <p>
          {file === undefined ? 'Drop an evidence pack here, or choose it.' : <Value text={file.name} limit={120} />}
        </p>
        <label>
          <span>Pack</span>
          <input type="file" accept=".tar" onChange={({ target }) => take(target.files?.[0], policy)} />
        </label>
        <label>
          <span>Your own policy.txt, if you have one</span>
          <input type="file" onChange={({ target }) => take(file, target.files?.[0])} />
        </label>
      </section>
      {check.running && (
        <div className="ledger-progress" role="status">
          <span className="spinner" /> Checking {file === undefined ? '' : <Value text={file.name} limit={120} />}…
          <button type="button" className="button is-xs" onClick={check.cancel}>
            Cancel
          </button>
        </div>
      )}
      {check.failed !== undefined && (
        <p className="problem" role="alert">
          This pack could not be checked: {check.failed}
        </p>
      )}
      {check.told !== undefined && !check.running && <PackResult report={check.told.report} />}
    </div>
  )
}

function PackResult({ report }: { report: PackReport }): ReactNode {
  const { about, summary, verdict, trusted, lines, events } = report
  return (
    <>
      <section className="panel" aria-label="What was checked">
        <div className={`ledger-verdict ${verdict === 'verified' ? '' : 'broken'}`} role="status">
          <b>
            <Value text={summary} limit={2000} />
          </b>
          <p>
            <Value text={about} limit={4000} />
          </p>
        </div>
        <CheckLines
          lines={lines.map(({ check, verdict: said, text, log }) => ({
            name: CHECK_NAMES[check],
            state: STATES[said],
            words: text,
            ...(log !== undefined && { about: log }),
          }))}
        />
        <p className="ledger-note muted">
          Believed: {trusted}.{trusted === 'your policy' ? '' : ' Compare it with a copy that you had another way.'}
        </p>
      </section>
      {events.length > 0 && <PackEvents events={events} />}
    </>
  )
}

const PAGE = 100

function PackEvents({ events }: { events: readonly PackedEvent[] }): ReactNode {
  const [most, setMost] = useState(PAGE)
  return (
    <section className="panel" aria-label="Events of the pack">
      <header className="ledger-head">
        <h3>Events</h3>
        <span className="muted num">
          {countText(Math.min(most, events.length))} of {counted(events.length, 'event')}
        </span>
      </header>
      <ul className="ledger-events">
        {events.slice(0, most).map(({ log, index, leaf, blocks }) => (
          <li key={`${log} ${index}`}>
            <details>
              <summary>
                <time dateTime={leaf.t}>{leaf.t}</time> <b>{leaf.y}</b> {leaf.o}{' '}
                <span className="muted">
                  {leaf.s}, leaf {countText(index)} of <Value text={log} limit={120} />
                </span>
              </summary>
              {blocks.map(({ block, json }) => (
                <p key={block} className="mono">
                  <b>{block}</b> <Value text={json} limit={4000} />
                </p>
              ))}
            </details>
          </li>
        ))}
      </ul>
      {events.length > most && (
        <button type="button" className="button is-ghost" onClick={() => setMost(most + PAGE)}>
          Show more
        </button>
      )}
    </section>
  )
}
