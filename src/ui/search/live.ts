import type { Bucket } from '../../domain/answers.ts'
import type { AuditEvent } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'
import { eventTime } from '../../domain/blocks.ts'
import type { Counts } from './histogram-shape.ts'
import { added } from './histogram-shape.ts'
import { keyOf } from './fold.ts'

/** What came after the run: in the list already, or waiting until the reader wants it. Newest first. */
export interface Newer {
  readonly shown: readonly AuditEvent[]
  readonly waiting: readonly AuditEvent[]
  /** All that wait, also those that are too many to be kept here. */
  readonly waitingCount: number
  readonly waitingDenied: number
  readonly shownCounts: Counts
}

/** So many are kept in the page; a new run has them all. */
export const MOST_WAITING = 500
/** Beyond this the list takes a new snapshot instead of growing on. */
export const MOST_SHOWN = 1000

const NO_COUNTS: Counts = { denied: 0, failed: 0, staged: 0, success: 0, unknown: 0 }
export const NOTHING_NEWER: Newer = {
  shown: [],
  waiting: [],
  waitingCount: 0,
  waitingDenied: 0,
  shownCounts: NO_COUNTS,
}

/** Takes a batch in feed order. With `hold` nothing in the list moves. */
export function received(newer: Newer, batch: readonly AuditEvent[], hold: boolean): Newer {
  const known = new Set([...newer.shown, ...newer.waiting].map(keyOf))
  const fresh = batch.filter((event) => !known.has(keyOf(event))).toReversed()
  const waiting = [...fresh, ...newer.waiting]
  const next = {
    ...newer,
    waiting: waiting.slice(0, MOST_WAITING),
    waitingCount: newer.waitingCount + fresh.length,
    waitingDenied: newer.waitingDenied + fresh.filter((event) => stateOf(event) === 'denied').length,
  }
  return hold ? next : released(next)
}

/** Puts everything that waits on top of the list. */
export function released(newer: Newer): Newer {
  return {
    shown: [...newer.waiting, ...newer.shown],
    waiting: [],
    waitingCount: 0,
    waitingDenied: 0,
    shownCounts: newer.waiting.map(countOf).reduce(added, newer.shownCounts),
  }
}

/** The histogram with what was added to the list since. */
export function withNewer(histogram: readonly Bucket[], newer: Newer): readonly Bucket[] {
  if (newer.shown.length === 0) return histogram
  const since = newer.shown.map((event): Bucket => {
    const at = new Date(eventTime(event) / 1000).toISOString()
    return { from: at, to: at, counts: countOf(event) }
  })
  return [...histogram, ...since]
}

function countOf(event: AuditEvent): Counts {
  return { ...NO_COUNTS, [stateOf(event)]: 1 }
}
