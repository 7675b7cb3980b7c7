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
