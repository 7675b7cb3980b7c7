import type { ReactNode } from 'react'
import type { AuditEvent } from '../../domain/event.ts'
import { Value } from '../parts/value.tsx'
import { isoText } from '../text/range.ts'
import type { Zone } from '../text/time.ts'

/** What was erased of it, when, and on whose request: the proof of the event stays as it was. */
export function ErasedSection({ event, zone }: { event: AuditEvent; zone: Zone }): ReactNode {
  const parts = event.whodid?.erased ?? []
  if (parts.length === 0) return null
  return (
    <section className="section">
      <h3>
        Erased <span>its proof stays as it was</span>
      </h3>
      <ul className="event-rules">
        {parts.map(({ at, request, blocks }) => (
          <li key={`${at} ${request}`}>
            {blocks.join(', ')} on <span className="num">{isoText(Date.parse(at), zone)}</span>, request{' '}
            <Value text={request} limit={120} />
          </li>
        ))}
      </ul>
    </section>
  )
}
