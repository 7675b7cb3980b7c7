import { useMemo, useRef } from 'react'
import type { AuditEvent } from '../../domain/event.ts'
import { useEvent } from '../data/events.ts'
import type { Row } from './fold.ts'
import type { Change, Way } from './use-go.ts'

export interface Opened {
  readonly row: Row | undefined
  readonly event: AuditEvent | undefined
  /** The others of its row. */
  readonly others: readonly AuditEvent[]
  readonly error: Error | null
  /** `byKey`: the focus goes into the drawer. */
  readonly open: (row: Row, byKey: boolean) => void
  readonly close: () => void
}

/** The open event of the address: from the list where it is there, else fetched. */
export function useOpened(
  id: string | undefined,
  rows: readonly Row[],
  go: (change: Change, way: Way) => void,
  onClosed: (key: string | undefined) => void,
): Opened {
  const row = useMemo(() => rows.find((each) => stagesOf(each).some((event) => event.event.id === id)), [rows, id])
  const stages = row === undefined || id === undefined ? [] : stagesOf(row)
  const known = stages.find((event) => event.event.id === id)
  const fetched = useEvent(id, known)
  // Whether this entry of the history was made by opening: then closing goes back.
  const isOwnEntry = useRef(false)
  return {
    row: known === undefined ? undefined : row,
    event: known ?? fetched.data,
    others: stages.filter((event) => event !== known),
    error: fetched.error,
    open(target, byKey) {
      const next = target.event.event.id
      if (next === undefined || next === id) return
      if (id === undefined) isOwnEntry.current = true
      go({ id: next }, id === undefined ? 'push' : 'replace')
      if (byKey) requestAnimationFrame(() => document.getElementById('drawer')?.focus())
    },
    close() {
      if (id === undefined) return
      if (isOwnEntry.current) history.back()
      else go({ id: undefined, tab: undefined }, 'replace')
      isOwnEntry.current = false
      requestAnimationFrame(() => onClosed(row?.key))
    },
  }
}

function stagesOf(row: Row): readonly AuditEvent[] {
  return [row.event, ...row.others]
}
