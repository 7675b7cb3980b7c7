/** How far our clock is from others, as far as that can be said from answers that hold a time. */
export interface ClockWatch {
  /**
   * Somebody answered with a time.
   *
   * @param by who; @param timeMs what its clock said, which was right for that moment or up to `exactMs` after it;
   * @param sentMs and @param receivedMs by our own clock: it answered in between.
   */
  heard(by: string, timeMs: number, exactMs: number, sentMs: number, receivedMs: number): void
  /** What was heard last; undefined: nothing yet. */
  reading(): ClockReading | undefined
  /** In words for an operator. */
  reasons(): readonly string[]
}

/** Our clock is between `fromMs` and `toMs` milliseconds ahead of theirs. */
export interface ClockReading {
  readonly by: string
  readonly fromMs: number
  readonly toMs: number
}

const MOST_SKEW_MS = 5000

/** @param alarm is told once when a clock is found to be off by more than five seconds, and once when it is right again. */
export function createClockWatch(alarm: (isOff: boolean, message: string) => void): ClockWatch {
  const readings = new Map<string, ClockReading>()
  let last: ClockReading | undefined

  return {
    heard(by, timeMs, exactMs, sentMs, receivedMs) {
      // A clock that was set in between says nothing.
      if (receivedMs < sentMs) return
      const before = readings.get(by)
      last = { by, fromMs: Math.round(sentMs - timeMs - exactMs), toMs: Math.round(receivedMs - timeMs) }
      readings.set(by, last)
      const wasOff = before !== undefined && isOff(before)
      if (isOff(last) && !wasOff) alarm(true, offText(last))
      if (!isOff(last) && wasOff) alarm(false, `our clock agrees with that of ${by} again`)
    },
    reading: () => last,
    reasons: () => [...readings.values()].filter(isOff).map(offText),
  }
}

function isOff({ fromMs, toMs }: ClockReading): boolean {
  return fromMs > MOST_SKEW_MS || toMs < -MOST_SKEW_MS
}

function offText({ by, fromMs, toMs }: ClockReading): string {
  const [least, word] = fromMs > 0 ? [fromMs, 'ahead of'] : [-toMs, 'behind']
  return `our clock is at least ${(least / 1000).toFixed(1)} s ${word} that of ${by}`
}
