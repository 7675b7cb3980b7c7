import { Link, useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { SourceAnswer } from '../../domain/answers.ts'
import { Ago } from '../parts/ago.tsx'
import { Value } from '../parts/value.tsx'
import { countText } from '../text/time.ts'
import { SourceState } from './source-state.tsx'
import type { Part } from './source-words.ts'
import { imbalanceWords, lagWords, largestFirst, partsOf, sumOf } from './source-words.ts'

/** A row for each source, its account as one sum from left to right. */
export function SourceTable({ sources }: { sources: readonly SourceAnswer[] }): ReactNode {
  return (
    <div className="panel sources-table">
      <table>
        <caption className="unseen">Sources and what became of their records</caption>
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">State</th>
            <th scope="col">Last record</th>
            {(['Received', '= Kept', '+ Dropped', '+ Duplicate', '+ Rejected', '+ Shed'] as const).map((label) => (
              <th key={label} scope="col" className="is-number">
                {label}
              </th>
            ))}
            <th scope="col">Lag</th>
            <th scope="col">Connections</th>
          </tr>
        </thead>
        <tbody>
          {sources.map((source) => (
            <SourceRow key={source.name} source={source} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function SourceRow({ source }: { source: SourceAnswer }): ReactNode {
  const { name, kind, stream, feeds, lastRecord, connections, accounting } = source
  const navigate = useNavigate()
  const refused = sumOf(largestFirst(source.refused))
  const wrong = imbalanceWords(accounting)
  return (
    // The link in it is for keys; a click anywhere in the row does the same.
    <tr onClick={() => void navigate({ to: '/sources/$name', params: { name } })}>
      <th scope="row">
        <Link to="/sources/$name" params={{ name }} onClick={(event) => event.stopPropagation()}>
          <Value text={name} limit={80} identity />
        </Link>
        <small>
          {kind}, stream <Value text={stream} limit={60} />
          {feeds !== undefined && (
            <>
              , feeds <Value text={feeds} limit={60} />
            </>
          )}
        </small>
      </th>
      <td className="is-state">
        <SourceState source={source} />
      </td>
      <td className="num">
        {lastRecord === undefined ? <span className="muted">none yet</span> : <Ago at={lastRecord} />}
      </td>
      {partsOf(accounting).map((part) => (
        <PartCell key={part.label} part={part} wrong={part.label === 'received' ? wrong : undefined} />
      ))}
      <td className="num">{lagWords(source) ?? <span className="muted">unknown</span>}</td>
      <td className="num">
        {connections === undefined ? <span className="muted">–</span> : countText(connections)}
        {refused > 0 && <small className="is-failed">{countText(refused)} refused</small>}
      </td>
    </tr>
  )
}

function PartCell({ part, wrong }: { part: Part; wrong: string | undefined }): ReactNode {
  const { label, count } = part
  const isLoud = count > 0 && (label === 'rejected' || label === 'shed')
  return (
    <td className={`num is-number${count === 0 ? ' muted' : isLoud ? ' is-failed' : ''}`}>
      {countText(count)}
      {wrong !== undefined && <small className="is-denied">{wrong}</small>}
    </td>
  )
}
