import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useLedgerRecords } from '../data/ledger.ts'
import { Ago } from '../parts/ago.tsx'
import { Value } from '../parts/value.tsx'

/** What the logs say is not there any more, and which leaf says so. */
export function Records(): ReactNode {
  const { data, error } = useLedgerRecords()
  return (
    <section className="panel" aria-label="Erased and pruned">
      <header className="ledger-head">
        <h3>Erased and pruned</h3>
      </header>
      {error !== null && (
        <p className="ledger-note is-failed" role="alert">
          These records cannot be read now: {error.message}.
        </p>
      )}
      {data?.length === 0 && (
        <p className="ledger-note muted">No record of an erasure, and none of a log that was let go of.</p>
      )}
      {data !== undefined && data.length > 0 && (
        <ul className="ledger-records">
          {data.map((event) => (
            <li key={event.event.id}>
              <b>{event.event.action === 'log.pruned' ? 'Pruned' : 'Erased'}</b>
              <Link className="link" to="/events" search={{ q: '', id: event.event.id ?? '', tab: 'proof' }}>
                <Value text={event.whodid?.log ?? ''} limit={120} />
              </Link>
              <span className="muted">
                <Ago at={event['@timestamp']} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
