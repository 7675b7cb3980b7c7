import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { AuditEvent } from '../../domain/event.ts'
import { Value } from '../parts/value.tsx'
import { ruleLinesOf } from './rule-lines.ts'

const MOST_PATHS = 8

/** What rules of ours did to it before it was sealed, each with a way to the rule. */
export function RulesSection({ event }: { event: AuditEvent }): ReactNode {
  const lines = ruleLinesOf(event)
  if (lines.length === 0) return null
  return (
    <section className="section">
      <h3>
        Rules <span>before it was sealed</span>
      </h3>
      <ul className="event-rules">
        {lines.map(({ did, rule, name, paths }) => (
          <li key={`${did} ${rule}`}>
            {did}{' '}
            <Link className="link" to="/policies" search={{ rule }}>
              <Value text={name} limit={120} />
            </Link>
            {paths.length > 0 && (
              <span className="mono muted">
                {' '}
                <Value text={paths.slice(0, MOST_PATHS).join(', ')} limit={400} />
                {paths.length > MOST_PATHS && ` and ${paths.length - MOST_PATHS} more`}
              </span>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
