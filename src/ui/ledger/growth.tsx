import type { ReactNode } from 'react'
import { useState } from 'react'
import { Table2 } from 'lucide-react'
import { GROWTH_DAYS, useGrowth } from '../data/ledger.ts'
import { usePreferences } from '../shell/preferences.ts'
import { countText, dateText, zoneName } from '../text/time.ts'

const HEIGHT = 96
const WIDTH = 630

/** Events of each of the last days, by the time at which they happened. */
export function Growth(): ReactNode {
  const { zone } = usePreferences()
  const [asTable, setAsTable] = useState(false)
  const { data, error } = useGrowth(zoneName(zone))
  const days = new Map<string, number>()
  for (const { from, counts } of data?.histogram ?? []) {
    const day = dateText(Date.parse(from), zone)
    days.set(day, (days.get(day) ?? 0) + Object.values(counts).reduce((sum, each) => sum + each, 0))
  }
  const bars = [...days]
  const most = Math.max(1, ...bars.map(([, count]) => count))
  const [top] = bars.toSorted((a, b) => b[1] - a[1])
  const step = WIDTH / Math.max(1, bars.length)
  return (
    <section className="panel" aria-label="Growth">
      <header className="ledger-head">
        <h3>Growth</h3>
        <span className="muted">events a day, the last {GROWTH_DAYS} days</span>
        <button
          type="button"
          className="button is-ghost is-xs"
          aria-pressed={asTable}
          onClick={() => setAsTable(!asTable)}
        >
          As table
          <Table2 className="i i-sm" />
        </button>
      </header>
      {error !== null && <p className="ledger-note is-failed">Not known now: {error.message}.</p>}
      {bars.length > 0 && !asTable && (
        <figure
          className="ledger-growth"
          aria-label={`${countText(data?.total ?? 0)} events in ${bars.length} days. Most: ${top?.[0]} with ${countText(top?.[1] ?? 0)}.`}
        >
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
            {bars.map(([day, count], at) => {
              const height = count === 0 ? 0 : Math.max(2, (count / most) * HEIGHT)
              return (
                <rect key={day} x={at * step + 2} width={Math.max(1, step - 4)} y={HEIGHT - height} height={height} />
              )
            })}
          </svg>
          <figcaption className="muted num">
            <span>{bars[0]?.[0]}</span>
            <span>most: {countText(most)}</span>
            <span>{bars.at(-1)?.[0]}</span>
          </figcaption>
        </figure>
      )}
      {asTable && (
        <table className="ledger-table">
          <caption className="unseen">Events a day</caption>
          <tbody>
            {bars.map(([day, count]) => (
              <tr key={day}>
                <th scope="row">{day}</th>
                <td className="num is-number">{countText(count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
