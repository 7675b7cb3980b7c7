import type { Clock } from '../lib/clock.ts'

export interface ExpiryClockDeps {
  readonly clock: Clock
  /** Newest receive time that was in the books when the process started, milliseconds since 1970; 0: nothing was received yet. */
  readonly received: number
  /** Milliseconds that the process has run, by a clock that nobody sets. */
  readonly ranMs: () => number
  /** Keeps what it should be while the clock is doubted: what is received meanwhile is stamped by that clock. */
  readonly doubt: { load(): unknown; save(value: unknown): void }
}

export type ExpiryClock = ReturnType<typeof createExpiryClock>

const MOST_AHEAD_MS = 2 * 86_400_000
const DAY_MS = 86_400_000

/** Doubts a clock that jumped ahead: what it says is over is not (docs/retention.md). */
export function createExpiryClock({ clock, received, ranMs, doubt }: ExpiryClockDeps) {
  const saved = doubt.load()
  let isDoubted = typeof saved === 'number'
  let base = (typeof saved === 'number' ? saved : received || clock.now()) - ranMs()
  const expected = (): number => base + ranMs()

  /** Why nothing goes by itself now; undefined: the clock is believed. */
  function reason(): string | undefined {
    const ahead = clock.now() - expected()
    if (ahead <= MOST_AHEAD_MS) return undefined
    const days = Math.round(ahead / DAY_MS)
    return `the clock is ${days} days ahead of what was received last: nothing is let go of; if it is right: whodid streams prune --clock-is-right`
  }

  return {
    reason,
    /** `reason`, and remembers over a restart whether there is one. */
    check(): string | undefined {
      const why = reason()
      if (why !== undefined) doubt.save(expected())
      else if (isDoubted) doubt.save(null)
      isDoubted = why !== undefined
      return why
    },
    /** Somebody says that the clock is right. */
    believe(): void {
      base = clock.now() - ranMs()
      if (isDoubted) doubt.save(null)
      isDoubted = false
    },
  }
}
