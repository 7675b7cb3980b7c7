import { Check, Clock } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { LogInfo } from '../../domain/answers.ts'
import type { LedgerAnswer } from '../data/ledger.ts'
import { useNewestLeaf } from '../data/ledger.ts'
import { Ago } from '../parts/ago.tsx'
import { Value } from '../parts/value.tsx'
import { countText } from '../text/time.ts'
import { counted, ordered } from './ledger-words.ts'

const PAGE = 24

/** A row for each log, the root log first. */
export function LogTable({ ledger }: { ledger: LedgerAnswer }): ReactNode {
  const [most, setMost] = useState(PAGE)
  const logs = ordered(ledger.logs)
  return (
    <section className="panel" aria-label="Logs">
      <header className="ledger-head">
        <h3>Logs</h3>
        <span className="muted num">{counted(logs.length, 'log')}</span>
      </header>
      {logs.length === 0 ? (
        <p className="ledger-note">No log is signed yet. The first one opens with the first event.</p>
      ) : (
        <table className="ledger-table">
          <caption className="unseen">Logs and how they stand</caption>
          <thead>
            <tr>
              <th scope="col">Log</th>
              <th scope="col" className="is-number">
                Leaves
              </th>
              <th scope="col" className="only-wide">
                Newest
              </th>
              <th scope="col" className="only-wide">
                Witnesses
              </th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {logs.slice(0, most).map((log) => (
              <LogRow key={log.origin} log={log} ledger={ledger} />
            ))}
          </tbody>
        </table>
      )}
      {logs.length > most && (
        <button type="button" className="button is-ghost" onClick={() => setMost(most + 200)}>
          Show more of {counted(logs.length, 'log')}
        </button>
      )}
    </section>
  )
}

function LogRow({ log, ledger }: { log: LogInfo; ledger: LedgerAnswer }): ReactNode {
  const isRoot = log.stream === 'root'
  const keyId = /\+([0-9a-f]{8})\+/.exec(log.vkey)?.[1] ?? ''
  return (
    <tr>
      <th scope="row" title={`key ${keyId}`}>
        <Value text={log.origin} limit={200} />
        {isRoot && <span className="tag">root log</span>}
      </th>
      <td className="num is-number">{countText(log.size)}</td>
      <td className="only-wide num">
        <Newest log={log} />
      </td>
      <td className="only-wide">
        {isRoot ? <OfRoot ledger={ledger} /> : <span className="muted">by the root log</span>}
      </td>
      <td>{log.state === 'open' ? <b>open</b> : <span className="muted">{log.state}</span>}</td>
    </tr>
  )
}

/** A log that still grows says how fresh it is; one that ended has its last checkpoint for good. */
function Newest({ log }: { log: LogInfo }): ReactNode {
  const newest = useNewestLeaf(log, log.state === 'open' && log.stream !== 'root')
  if (log.state !== 'open') return <span className="muted">final</span>
  if (log.stream === 'root') {
    return log.cosigned === undefined ? <span className="muted">–</span> : <Ago at={log.cosigned.at} />
  }
  return newest.data === undefined ? <span className="muted">–</span> : <Ago at={newest.data} />
}

function OfRoot({ ledger }: { ledger: LedgerAnswer }): ReactNode {
  const { witnesses, quorum } = ledger
  if (witnesses === undefined) return <span className="muted">none configured</span>
  const signed = witnesses.filter(({ state }) => state === 'signed').length
  const Icon = quorum === 'met' ? Check : Clock
  return (
    <span className="ledger-state">
      <Icon className={`i i-sm ${quorum === 'met' ? 'is-success' : quorum === 'missing' ? 'is-failed' : 'muted'}`} />
      {signed} of {witnesses.length}
    </span>
  )
}
