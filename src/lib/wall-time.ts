/**
 * What clocks on a wall show at a moment, as milliseconds since 1970 as if the wall were in Greenwich.
 *
 * @param format Of the wall's zone, with the Gregorian calendar, hour cycle h23 and all numbers from the year on; a part
 *   that it lacks counts as zero.
 */
export function wallMs(format: Intl.DateTimeFormat, utcMs: number): number {
  const parts = new Map(format.formatToParts(utcMs).map(({ type, value }) => [type, Number(value)]))
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
}
