import type { ReactNode } from 'react'
import type { Accounting } from '../../domain/accounting.ts'
import { Value } from '../parts/value.tsx'
import { countText } from '../text/time.ts'
import { imbalanceWords, partsOf } from './source-words.ts'

const SIGNS = ['', '=', '+', '+', '+', '+'] as const

/** What was received, and what became of all of it: a sum that can be read as one. */
export function AccountSum({ accounting }: { accounting: Accounting }): ReactNode {
  const wrong = imbalanceWords(accounting)
  return (
    <>
      <p className="account-sum num">
        {partsOf(accounting).map(({ label, count }, at) => (
          <span key={label} className={count === 0 ? 'is-none' : undefined}>
            {SIGNS[at] !== '' && <i>{`${SIGNS[at]} `}</i>}
            <b>{countText(count)}</b> {label}
          </span>
        ))}
      </p>
      {wrong !== undefined && (
        <p className="is-denied" role="alert">
          {wrong}
        </p>
      )}
    </>
  )
}

export interface CountsProps {
  readonly title: string
  readonly counts: readonly (readonly [name: string, count: number])[]
}

/** A number taken apart by rule or reason. */
export function Counts({ title, counts }: CountsProps): ReactNode {
  if (counts.length === 0) return null
  return (
    <div className="source-fact">
      <dt>{title}</dt>
      <dd>
        {counts.map(([name, count]) => (
          <span key={name} className="tag num">
            <Value text={name} limit={80} /> {countText(count)}
          </span>
        ))}
      </dd>
    </div>
  )
}
