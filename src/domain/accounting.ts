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
  /** Bytes of the records that were dropped, by rule: nothing else is left of them. Absent: none. */
  readonly droppedBytes?: Readonly<Record<string, number>>
  /** Events that a rule changed, let in or, in envelopes of which something was kept, dropped: by rule. Absent: none. */
  readonly acted?: Readonly<Record<string, number>>
  /** Events on which a rule in shadow would have acted, by rule. Absent: none. */
  readonly shadow?: Readonly<Record<string, number>>
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
    ...sumOf('droppedBytes', a, b),
    ...sumOf('acted', a, b),
    ...sumOf('shadow', a, b),
  }
}

/** Records that are missing from the sum; 0 when the account ties out. */
export function imbalance(a: Accounting): number {
  return a.received - a.kept - sum(a.dropped) - a.duplicate - sum(a.rejected) - a.shed
}

type ByRule = 'droppedBytes' | 'acted' | 'shadow'

/** Absent where neither has any: frames and heartbeats do not carry empty tables. */
function sumOf(name: ByRule, a: Accounting, b: Accounting): Partial<Pick<Accounting, ByRule>> {
  if (a[name] === undefined && b[name] === undefined) return {}
  return { [name]: addCounts(a[name] ?? {}, b[name] ?? {}) }
}

function addCounts(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const total = new Map(Object.entries(a))
  for (const [name, count] of Object.entries(b)) total.set(name, (total.get(name) ?? 0) + count)
  return Object.fromEntries(total)
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}
