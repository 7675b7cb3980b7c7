import type { ReactNode } from 'react'
import type { Change, Json } from '../../domain/event.ts'
import { Value } from '../parts/value.tsx'

const MOST_SHOWN = 200

/** What would be other than before, rule by rule: taken away and added, each said in a word too. */
export function ChangeList({ changes }: { changes: readonly Change[] }): ReactNode {
  return (
    <ul className="rule-changes" aria-label="What changes">
      {changes.slice(0, MOST_SHOWN).map((change, at) => (
        // Paths may come twice.
        <li key={`${change.path} ${at}`}>
          <b className="mono">
            <Value text={change.path} limit={200} />
          </b>{' '}
          <span className="tag">{wordOf(change)}</span>
          {change.old !== undefined && (
            <del>
              <Value text={textOf(change.old)} limit={600} />
            </del>
          )}
          {change.new !== undefined && (
            <ins>
              <Value text={textOf(change.new)} limit={600} />
            </ins>
          )}
        </li>
      ))}
      {changes.length > MOST_SHOWN && <li className="muted">{changes.length - MOST_SHOWN} more are not shown.</li>}
    </ul>
  )
}

function wordOf({ old, new: now }: Change): string {
  return old === undefined ? 'added' : now === undefined ? 'removed' : 'changed'
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
