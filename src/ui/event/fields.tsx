import { Search } from 'lucide-react'
import type { ReactNode } from 'react'
import { useMemo, useState } from 'react'
import type { AuditEvent } from '../../domain/event.ts'
import { Value } from '../parts/value.tsx'
import { countText } from '../text/time.ts'
import type { EventActions } from './acts.tsx'
import { ValueActs } from './acts.tsx'
import type { FieldLine } from './flatten.ts'
import { flatten } from './flatten.ts'

const PAGE = 200

export function FieldsTab({ event, actions }: { event: AuditEvent; actions: EventActions }): ReactNode {
  const [sought, setSought] = useState('')
  const [shown, setShown] = useState(PAGE)
  const lines = useMemo(() => flatten(event), [event])
  const found = useMemo(() => matching(lines, sought), [lines, sought])
  return (
    <>
      <div className="find">
        <Search className="i i-sm" />
        <input
          type="search"
          aria-label="Find a field or value"
          placeholder="Find a field or value"
          value={sought}
          onChange={(change) => setSought(change.target.value)}
        />
        <span className="muted num">
          {found.length === lines.length
            ? countText(lines.length)
            : `${countText(found.length)} of ${countText(lines.length)}`}
        </span>
      </div>
      <dl className="facts fields">
        {found.slice(0, shown).map((line, at) => (
          // A path comes once for each member of a list.
          <div className="fact" key={`${line.path} ${at}`}>
            <dt className="mono" title={line.path.length < 200 ? line.path : undefined}>
              <Value text={line.path} limit={120} />
            </dt>
            <dd>
              <span className={`field-value is-${line.kind}`}>
                <Value text={line.text} limit={600} />
              </span>
              <ValueActs
                filter={
                  line.kind === 'empty' || line.text.length > 500 ? undefined : { field: line.path, value: line.text }
                }
                value={line.text}
                what={line.path.slice(0, 80)}
                actions={actions}
              />
            </dd>
          </div>
        ))}
      </dl>
      {found.length === 0 && <p className="quiet-note">No field or value holds these letters.</p>}
      {found.length > shown && (
        <p className="quiet-note">
          <button type="button" className="button" onClick={() => setShown(shown + PAGE)}>
            Show {Math.min(PAGE, found.length - shown)} more of {countText(found.length)}
          </button>
        </p>
      )}
    </>
  )
}

function matching(lines: readonly FieldLine[], sought: string): readonly FieldLine[] {
  const needle = sought.trim().toLowerCase()
  if (needle === '') return lines
  return lines.filter((line) => line.path.toLowerCase().includes(needle) || line.text.toLowerCase().includes(needle))
}
