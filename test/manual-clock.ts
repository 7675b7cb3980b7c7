import type { Clock } from '../src/lib/clock.ts'

/** Time that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on and calls back what is due, in order. */
  advance(ms: number): void
  /** How many wait to be called back. */
  waiting(): number
}

export function manualClock(startMs = Date.UTC(2026, 10, 20, 14, 3, 22)): ManualClock {
  let now = startMs
  const waiting = new Set<{ readonly at: number; readonly call: () => void }>()
  return {
    now: () => now,
    later(ms, call) {
      const entry = { at: now + ms, call }
      waiting.add(entry)
      return { cancel: () => void waiting.delete(entry) }
    },
    waiting: () => waiting.size,
    advance(ms) {
      now += ms
      const due = [...waiting].filter((entry) => entry.at <= now).sort((a, b) => a.at - b.at)
      for (const entry of due) if (waiting.delete(entry)) entry.call()
    },
  }
}
