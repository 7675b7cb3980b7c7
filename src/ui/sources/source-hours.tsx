import type { ReactNode } from 'react'
import { useSourceHours } from '../data/sources.ts'
import type { Accounting } from '../../domain/accounting.ts'
import { Value } from '../parts/value.tsx'
import { usePreferences } from '../shell/preferences.ts'
import { countText, momentText, sizeText } from '../text/time.ts'
import { useNow } from '../parts/use-now.ts'
import { largestFirst, partsOf } from './source-words.ts'
import { SourcesProblem } from './states.tsx'

/** The last day, hour by hour: what came as a bar, and the sum that it is made of. */
export function SourceHours({ name }: { name: string }): ReactNode {
  const { data, error, refetch, isFetching } = useSourceHours(name)
  const { zone } = usePreferences()
  const now = useNow()
  const hours = data?.hours.toReversed() ?? []
  const most = Math.max(1, ...hours.map(({ accounting }) => accounting.received))
  return (
    <section className="panel source-hours" aria-labelledby="hours-title">
      <header>
        <h3 id="hours-title">The last 24 hours</h3>
        <span className="muted">received = kept + dropped + duplicate + rejected + shed</span>
      </header>
      {error !== null && <SourcesProblem error={error} retrying={isFetching} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <p className="quiet-note">Fetching the accounts…</p>}
      {data?.hours.length === 0 && <p className="quiet-note">Nothing came in the last 24 hours.</p>}
      {hours.length > 0 && (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls is scrolled by keys too
        <div className="hours-scroll" tabIndex={0} role="group" aria-labelledby="hours-title">
          <table>
            <thead>
              <tr>
                <th scope="col">Hour from</th>
                <th scope="col">
                  <span className="unseen">Share</span>
                </th>
                {['Received', '= Kept', '+ Dropped', '+ Duplicate', '+ Rejected', '+ Shed'].map((label) => (
                  <th key={label} scope="col" className="is-number">
                    {label}
                  </th>
                ))}
                <th scope="col">By</th>
              </tr>
            </thead>
            <tbody>
              {hours.map(({ from, accounting }) => (
                <tr key={from}>
                  <th scope="row" className="num">
                    <time dateTime={from}>{momentText(Date.parse(from), now, zone)}</time>
                  </th>
                  <td className="hours-bar">
                    <Bar accounting={accounting} most={most} />
                  </td>
                  {partsOf(accounting).map(({ label, count }) => (
                    <td key={label} className={`num is-number${count === 0 ? ' muted' : ''}`}>
                      {countText(count)}
                    </td>
                  ))}
                  <td className="hours-by">
                    <By accounting={accounting} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

/** For the eye only: the numbers stand beside it. */
function Bar({ accounting, most }: { accounting: Accounting; most: number }): ReactNode {
  return (
    <span className="stack" aria-hidden="true">
      {partsOf(accounting)
        .filter(({ label, count }) => label !== 'received' && count > 0)
        .map(({ label, count }) => (
          <i key={label} className={`part-${label}`} style={{ inlineSize: `${(count / most) * 100}%` }} title={label} />
        ))}
    </span>
  )
}

const MOST_SHOWN = 5

function By({ accounting: { dropped, droppedBytes = {}, rejected } }: { accounting: Accounting }): ReactNode {
  const all = [
    ...largestFirst(dropped).map(([name, count]) => {
      const bytes = Object.hasOwn(droppedBytes, name) ? droppedBytes[name] : undefined
      return [name, `dropped ${countText(count)}${bytes === undefined ? '' : ` (${sizeText(bytes)})`}`] as const
    }),
    ...largestFirst(rejected).map(([name, count]) => [name, `rejected ${countText(count)}`] as const),
  ]
  return (
    <>
      {all.slice(0, MOST_SHOWN).map(([name, words]) => (
        <span key={`${name} ${words}`}>
          <Value text={name} limit={60} /> <span className="muted">{words}</span>
        </span>
      ))}
      {all.length > MOST_SHOWN && <span className="muted">and {all.length - MOST_SHOWN} more</span>}
    </>
  )
}
