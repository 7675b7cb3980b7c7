import type { ReactNode } from 'react'
import { CopyButton } from '../parts/copy.tsx'

/** What the drawer can ask of the page. */
export interface EventActions {
  readonly onIn: (field: string, value: string) => void
  readonly onOut: (field: string, value: string) => void
  readonly onQuery: (q: string, from?: string, to?: string) => void
  /** Opens another event in place of this one. */
  readonly onOpen: (id: string) => void
}

export interface ValueActsProps {
  readonly filter: { readonly field: string; readonly value: string } | undefined
  readonly value: string
  readonly what: string
  readonly actions: EventActions
}

/** Beside a value: filter by it, filter it out, copy it. Real buttons, so that keys reach them too. */
export function ValueActs({ filter, value, what, actions }: ValueActsProps): ReactNode {
  return (
    <span className="acts">
      {filter !== undefined && (
        <>
          <button
            type="button"
            className="button is-xs"
            aria-label={`Only events with this ${what}`}
            onClick={() => actions.onIn(filter.field, filter.value)}
          >
            in
          </button>
          <button
            type="button"
            className="button is-xs"
            aria-label={`No events with this ${what}`}
            onClick={() => actions.onOut(filter.field, filter.value)}
          >
            out
          </button>
        </>
      )}
      <CopyButton text={value} what={what} />
    </span>
  )
}
