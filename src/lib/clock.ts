/** Time, handed in so that tests own it. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number
  /** Calls back after that many milliseconds unless cancelled. */
  later(ms: number, call: () => void): { cancel(): void }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  later(ms, call) {
    const timer = setTimeout(call, ms)
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Resolves after that many milliseconds, or as soon as `signal` aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.later(ms, done)
    signal.addEventListener('abort', done)
  })
}
