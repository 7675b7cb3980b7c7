import type { Truncation } from './format.ts'

/** How often a line stands for its message. */
export interface Repeats {
  /** What was said again; undefined where the line is not about a repetition, or does not say of what. */
  readonly message: string | undefined
  /** As the line says. */
  readonly times: number
  /** How many events it becomes: at most a hundred, fewer of a long line. */
  readonly events: number
  readonly truncated: readonly Truncation[]
}

const ONCE: Repeats = { message: undefined, times: 1, events: 1, truncated: [] }
/** Anyone who may log can say how often: a line must not become more than can be held. */
const MOST_EVENTS = 100
const MOST_BYTES = 1 << 20

/**
 * rsyslog's `message repeated 5 times: [ … ]` and syslogd's `last message repeated 5 times`, which does not say what: the
 * line before does.
 */
export function repeatsOf(message: string, lineBytes: number): Repeats {
  const found = REPEATED.exec(message)
  if (found === null) return ONCE
  const times = Number(found[2])
  if (times < 1) return ONCE
  const inner = found[1] === 'message' ? innerOf(message.slice(found[0].length)) : undefined
  if (found[1] === 'message' && inner === undefined) return ONCE
  const events = Math.min(times, MOST_EVENTS, Math.max(1, Math.floor(MOST_BYTES / lineBytes)))
  const truncated = events === times ? [] : [{ path: 'event', bytes: 0, reason: 'repeat_limit' }]
  return { message: inner, times, events, truncated }
}

const REPEATED = /^(message|last message) repeated (\d{1,9}) times?(?::|\.?$)/

function innerOf(text: string): string | undefined {
  const begin = text.startsWith(' [') ? 2 : -1
  if (begin < 0 || !text.endsWith(']')) return undefined
  return text.slice(begin, -1).trim()
}
