import type { Clock } from '../lib/clock.ts'

/** Remembers which runs are on record: one search is one event, however many answers belong to it. */
export interface RecentRuns {
  /** True once for each run; again when it was long ago or too many others came between. */
  isNew(run: readonly unknown[]): boolean
}

const MAX_RUNS = 10_000
const REMEMBERED_MS = 60 * 60 * 1000

export function createRecentRuns(clock: Clock): RecentRuns {
  // Oldest first: a Map keeps the order of insertion.
  const seen = new Map<string, number>()
  return {
    isNew(run) {
      const key = JSON.stringify(run)
      const now = clock.now()
      const at = seen.get(key)
      if (at !== undefined && now - at < REMEMBERED_MS) return false
      seen.delete(key)
      seen.set(key, now)
      const oldest = seen.keys().next()
      if (seen.size > MAX_RUNS && oldest.done !== true) seen.delete(oldest.value)
      return true
    },
  }
}
