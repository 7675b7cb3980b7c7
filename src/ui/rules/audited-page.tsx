import { Check } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { AuditedAnswer, AuditedBy } from '../../domain/rule-answers.ts'
import { useAudited } from '../data/rules.ts'
import { Value } from '../parts/value.tsx'
import { SourcesProblem } from '../sources/states.tsx'
import type { AuditedRow } from './audited-rows.ts'
import { auditedRows } from './audited-rows.ts'
import { RulesFrame } from './rules-frame.tsx'

/** What AccessAudits ask for: each type with each operation. */
export function AuditedPage(): ReactNode {
  return <RulesFrame title="AccessAudit">{() => <Audited />}</RulesFrame>
}

function Audited(): ReactNode {
  const { data, error, refetch, isFetching } = useAudited(true)
  return (
    <>
      <header className="sources-head">
        <h2>What AccessAudits ask for</h2>
      </header>
      {error !== null && <SourcesProblem error={error} retrying={isFetching} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <p className="quiet-note">Asking what is audited…</p>}
      {data !== undefined && <Grid audited={data} />}
    </>
  )
}

function Grid({ audited }: { audited: AuditedAnswer }): ReactNode {
  const [isWhole, setWhole] = useState(false)
  const rows = auditedRows(audited, isWhole)
  const isNothing = [...rows.flatMap(({ by }) => by), ...audited.others.map(({ by }) => by)].every(
    (by) => by.length === 0,
  )
  return (
    <>
      {isNothing && (
        <div className="empty">
          <h2>No AccessAudit asks for anything.</h2>
          <p>
            Sources that say <code>rules: [access-audit]</code> keep nothing about a mesh. All other sources are not
            judged by it.
          </p>
        </div>
      )}
      <section className="panel audited" aria-labelledby="audited-types">
        <header>
          <h3 id="audited-types">On resources</h3>
          <button type="button" className="button is-xs" aria-pressed={isWhole} onClick={() => setWhole(!isWhole)}>
            Each type in a row of its own
          </button>
        </header>
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls is scrolled by keys too */}
        <div className="audited-scroll" tabIndex={0} role="group" aria-labelledby="audited-types">
          <table>
            <thead>
              <tr>
                <th scope="col">Type</th>
                {audited.operations.map((operation) => (
                  <th key={operation} scope="col">
                    {operation}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row key={row.types.join(' ')} row={row} operations={audited.operations} />
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <section className="panel audited" aria-labelledby="audited-others">
        <header>
          <h3 id="audited-others">Tokens and looks into proxies</h3>
        </header>
        <ul>
          {audited.others.map(({ operation, by }) => (
            <li key={operation}>
              <span className="mono">{operation}</span>
              <Asked by={by} />
            </li>
          ))}
        </ul>
      </section>
      <p className="sources-foot muted">
        A rule without types is about all but{' '}
        {audited.skippedTypes.length === 0 ? 'none' : <Value text={audited.skippedTypes.join(', ')} limit={1000} />}:
        these only the control plane writes. Kong Mesh does not copy AccessAudits between zones: each control plane
        audits by its own. Reading a resource is never audited.
      </p>
    </>
  )
}

function Row({ row, operations }: { row: AuditedRow; operations: readonly string[] }): ReactNode {
  const { types, skipped, by } = row
  return (
    <tr>
      <th scope="row">
        <Value text={types.join(', ')} limit={1200} />
        {skipped && <span className="tag">skipped unless named</span>}
      </th>
      {operations.map((operation, at) => (
        <td key={operation}>
          <Asked by={by[at] ?? []} />
        </td>
      ))}
    </tr>
  )
}

function Asked({ by }: { by: readonly AuditedBy[] }): ReactNode {
  if (by.length === 0) return <span className="muted">not audited</span>
  return (
    <ul className="asked">
      {by.map(({ audit, meshes }) => (
        <li key={audit}>
          <Check className="i i-sm is-success" />
          <Value text={audit} limit={80} />
          {meshes !== undefined && (
            <small>
              mesh <Value text={meshes.join(', ')} limit={160} />
            </small>
          )}
        </li>
      ))}
    </ul>
  )
}
