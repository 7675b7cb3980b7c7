import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { SourceAnswer } from '../../domain/answers.ts'
import { Ago } from '../parts/ago.tsx'
import { Value } from '../parts/value.tsx'
import { countText } from '../text/time.ts'
import { AccountSum } from './account-sum.tsx'
import { SourceState } from './source-state.tsx'
import { lagWords, largestFirst, sumOf } from './source-words.ts'

/** The sources where there is no room for a table. */
export function SourceCards({ sources }: { sources: readonly SourceAnswer[] }): ReactNode {
  return (
    <ul className="panel source-cards">
      {sources.map((source) => (
        <li key={source.name}>
          <Link to="/sources/$name" params={{ name: source.name }}>
            <Value text={source.name} limit={80} identity />
            <small>
              {source.kind}, {source.lastRecord === undefined ? 'no record yet' : <Ago at={source.lastRecord} />}
            </small>
          </Link>
          <SourceState source={source} />
          <AccountSum accounting={source.accounting} />
          <OnTheWay source={source} />
        </li>
      ))}
    </ul>
  )
}

function OnTheWay({ source }: { source: SourceAnswer }): ReactNode {
  const refused = sumOf(largestFirst(source.refused))
  const words = [
    lagWords(source),
    source.connections === undefined ? undefined : `${countText(source.connections)} connected`,
    refused === 0 ? undefined : `${countText(refused)} refused`,
  ].filter((each) => each !== undefined)
  return words.length === 0 ? null : <p className="muted num">{words.join(' · ')}</p>
}
