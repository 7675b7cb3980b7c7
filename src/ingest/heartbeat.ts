import { hash } from 'node:crypto'
import type { JsonObject } from '../domain/event.ts'
import type { Books } from './books.ts'
import { byHour, hourOf } from './hours.ts'
import type { Logs, OpenLog } from './logs.ts'

/** The stream of our own trail: its heartbeats tell of the whole install. */
export const TRAIL_STREAM = 'whodid'

/** What heartbeats say (docs/ledger.md, System leaves). */
export interface Heartbeats {
  /**
   * Of a log, as everything before its turn makes it.
   *
   * @param received of the heartbeat, milliseconds since 1970; @param rules hash of the rules in force, hex.
   */
  of(log: OpenLog, received: number, rules: string): JsonObject
  /** A source's clock was measured: it is that many milliseconds ahead of ours. */
  clock(source: string, offsetMs: number): void
}

export interface HeartbeatDeps {
  /** How far our clock is ahead of another one, in milliseconds, at least and at most. Left out: nobody was heard. */
  readonly ourClock?: () => { readonly by: string; readonly fromMs: number; readonly toMs: number } | undefined
  readonly books: Books
  readonly logs: Logs
  /** The last signed checkpoint of a log, as its note. */
  readonly checkpoint: (log: string) => string | undefined
}

export function createHeartbeats({ books, logs, checkpoint, ourClock }: HeartbeatDeps): Heartbeats {
  /** By source, as measured last. */
  const clockOffsets = new Map<string, number>()
  /** Hours before this one were told by a heartbeat after they had ended. */
  let closedHours = -Infinity

  /** The hour that it is and, once, those that have ended since the last one, as they are now for good. */
  function hoursToTell(received: number): JsonObject {
    const told = books.hours.filter(({ hour }) => hour >= closedHours)
    closedHours = hourOf(received)
    return jsonOf(byHour(told))
  }

  /** Of those that number their records, or whose clock was measured. */
  function aboutSenders(names: readonly string[]): JsonObject {
    const numbers = names.flatMap((name) => {
      const epochs = books.numbers(name)
      return epochs === undefined ? [] : [[name, Object.fromEntries(epochs)] as const]
    })
    const clocks = names.flatMap((name) => {
      const offset = clockOffsets.get(name)
      return offset === undefined ? [] : [[name, offset] as const]
    })
    return {
      ...(numbers.length > 0 && { numbers: Object.fromEntries(numbers) }),
      ...(clocks.length > 0 && { clocks: Object.fromEntries(clocks) }),
    }
  }

  return {
    of(log, received, rules) {
      const note = checkpoint(log.origin)
      const sources = books.inLog(log.origin)
      const clock = ourClock?.()
      return {
        ...(note !== undefined && { checkpoint: hash('sha256', note, 'hex') }),
        ...(clock !== undefined && { clock: { ...clock } }),
        rules,
        sources,
        ...aboutSenders(log.stream === TRAIL_STREAM ? [...books.sources.keys()] : Object.keys(sources)),
        ...(log.stream === TRAIL_STREAM && {
          accounting: jsonOf(Object.fromEntries(books.sources)),
          hours: hoursToTell(received),
          // This one too, also where it is about to end.
          logs: Object.fromEntries([log, ...logs.open].map((each) => [each.origin, each.next])),
        }),
      }
    },
    clock: (source, offsetMs) => void clockOffsets.set(source, Math.round(offsetMs)),
  }
}

function jsonOf(accounts: object): JsonObject {
  // Names, numbers and tables of them.
  return JSON.parse(JSON.stringify(accounts)) as JsonObject
}
