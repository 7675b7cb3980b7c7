import type { Snapshots } from '../state/snapshots.ts'

/** Places of rows that the engine refused, so that they were stored without typed columns: a scrub expects them so. */
export interface RefusedRows {
  note(log: string, index: number): void
  has(log: string, index: number): boolean
}

const NAME = 'refused rows'
const MOST = 10_000

export function createRefusedRows(snapshots: Snapshots): RefusedRows {
  // We saved it.
  const places = new Set((snapshots.load(NAME) as readonly string[] | undefined) ?? [])
  return {
    note(log, index) {
      if (places.size >= MOST) return
      places.add(`${log} ${index}`)
      snapshots.save(NAME, [...places])
    },
    has: (log, index) => places.has(`${log} ${index}`),
  }
}
