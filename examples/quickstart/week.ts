/** The week in which the records were written down: its Monday, 00:00 UTC, in microseconds. */
export const WEEK_START = Date.UTC(2026, 10, 9) * 1000

export const WEEK_MICROS = 7 * 86_400_000_000

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Day = (typeof DAYS)[number]

/** `at('wed', '15:22:07')` in that week, in microseconds since 1970. */
export function at(day: Day, time: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number)
  return WEEK_START + (((DAYS.indexOf(day) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000
}
