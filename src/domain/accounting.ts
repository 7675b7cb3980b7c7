/**
 * What became of the records of one batch, or of all records of a source so far.
 * received = kept + dropped + duplicate + rejected + shed, counted in records; `events` counts what the kept ones became.
 */
export interface Accounting {
  readonly received: number
  readonly kept: number
  readonly events: number
  /** By rule. */
  readonly dropped: Readonly<Record<string, number>>
  readonly duplicate: number
  /** By reason. */
  readonly rejected: Readonly<Record<string, number>>
  readonly shed: number
}

export const NOTHING: Accounting = {
  received: 0,
  kept: 0,
  events: 0,
  dropped: {},
  duplicate: 0,
  rejected: {},
  shed: 0,
}

export function addAccounting(a: Accounting, b: Accounting): Accounting {
  return {
    received: a.received + b.received,
    kept: a.kept + b.kept,
    events: a.events + b.events,
    dropped: addCounts(a.dropped, b.dropped),
    duplicate: a.duplicate + b.duplicate,
    rejected: addCounts(a.rejected, b.rejected),
    shed: a.shed + b.shed,
  }
}

/** Records that are missing from the sum; 0 when the account ties out. */
export function imbalance(a: Accounting): number {
  return a.received - a.kept - sum(a.dropped) - a.duplicate - sum(a.rejected) - a.shed
}

function addCounts(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const total = new Map(Object.entries(a))
  for (const [name, count] of Object.entries(b)) total.set(name, (total.get(name) ?? 0) + count)
  return Object.fromEntries(total)
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}
