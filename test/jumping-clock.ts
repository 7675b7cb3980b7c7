import type { Clock } from '../src/lib/clock.ts'

/** Real time, until a test jumps ahead: what would have been due by then is done at once. */
export interface JumpingClock extends Clock {
  jump(ms: number): void
}

export function jumpingClock(): JumpingClock {
  let ahead = 0
  const now = (): number => Date.now() + ahead
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>()
  return {
    now,
    later(ms, call) {
      const timer = setTimeout(() => entry.fire(), ms)
      const entry = {
        at: now() + ms,
        fire: () => {
          clearTimeout(timer)
          if (timers.delete(entry)) call()
        },
      }
      timers.add(entry)
      return {
        cancel: () => {
          clearTimeout(timer)
          timers.delete(entry)
        },
      }
    },
    jump(ms) {
      ahead += ms
      const due = [...timers].filter(({ at }) => at <= now()).toSorted((a, b) => a.at - b.at)
      for (const { fire } of due) fire()
    },
  }
}
