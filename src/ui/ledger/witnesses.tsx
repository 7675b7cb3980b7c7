import { Check, Clock, X } from 'lucide-react'
import type { ReactNode } from 'react'
import type { LedgerAnswer } from '../data/ledger.ts'
import { Ago } from '../parts/ago.tsx'
import { Value } from '../parts/value.tsx'
import { countText } from '../text/time.ts'

const QUORUM = { met: 'enough have signed', behind: 'the newest is not signed by enough yet', missing: 'too few sign' }

/** Who signs the root log beside this server, as the server last heard of them. */
export function Witnesses({ ledger }: { ledger: LedgerAnswer }): ReactNode {
  const { witnesses, quorum, unwitnessedSince } = ledger
  return (
    <section className="panel" aria-label="Witnesses">
      <header className="ledger-head">
        <h3>Witnesses</h3>
        {quorum !== undefined && (
          <span className={quorum === 'missing' ? 'is-failed' : 'muted'}>
            {QUORUM[quorum]}
            {unwitnessedSince !== undefined && (
              <>
                {' '}
                since <Ago at={unwitnessedSince} />
              </>
            )}
          </span>
        )}
      </header>
      {witnesses === undefined ? (
        <p className="ledger-note muted">
          None is configured. Without them, whoever has the keys could rewrite a log and sign it again:{' '}
          <code>ledger.witnesses</code> names a policy.
        </p>
      ) : (
        <ul className="ledger-witnesses">
          {witnesses.map((each) => {
            const isBad = each.state === 'failing' || each.state === 'fork'
            const Icon = each.state === 'signed' ? Check : isBad ? X : Clock
            const tone = each.state === 'signed' ? 'is-success' : isBad ? 'is-denied' : 'muted'
            return (
              <li key={each.vkey}>
                <Icon className={`i ${tone}`} />
                <b>
                  <Value text={each.name} limit={80} identity />
                </b>
                <span className={isBad ? 'is-denied' : ''}>
                  {each.state === 'fork' ? 'holds another history' : each.state}
                  {each.size !== undefined && `, ${countText(each.size)} entries`}
                  {each.at !== undefined && (
                    <>
                      , <Ago at={each.at} />
                    </>
                  )}
                  {each.reason !== undefined && (
                    <>
                      : <Value text={each.reason} limit={300} />
                    </>
                  )}
                </span>
                <code>
                  <Value text={each.vkey.split('+').slice(0, 2).join('+')} limit={120} />
                </code>
              </li>
            )
          })}
        </ul>
      )}
    </section>
  )
}
