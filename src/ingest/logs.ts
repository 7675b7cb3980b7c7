import { formatOrigin, generationOf, generationSuffix, parseOrigin } from '../domain/sealed.ts'

export type Period = 'month' | 'day'

/** A log that takes events now. */
export interface OpenLog {
  readonly origin: string
  readonly stream: string
  readonly period: string
  /** Index of its next leaf. */
  next: number
  /** Events since its last heartbeat. */
  grown: number
  /** When its last heartbeat was, milliseconds since 1970. */
  beaten: number
}

/** A log that takes no more; `next` is its final size once its closing leaf is written. */
export type ClosedLog = Pick<OpenLog, 'origin' | 'next'>

/** What must be written before a stream can take events received at some time. */
export interface Turn {
  /** Its period has ended. */
  readonly close?: OpenLog
  readonly open?: OpenLog
  readonly log: OpenLog
}

export interface LogsOptions {
  readonly install: string
  readonly node: string
  /** Logs are opened for this one; those of earlier ones take nothing more (docs/decisions/recovery.md). Default 1. */
  readonly generation?: number
  /** Of a stream; streams need not be declared. */
  readonly periodOf: (stream: string) => Period
}

/** Which log of each stream is open. One log per (node, stream, period), by receive time in UTC (docs/ledger.md). */
export class Logs {
  readonly #options: LogsOptions
  readonly #open = new Map<string, OpenLog>()
  readonly #previous = new Map<string, ClosedLog>()

  constructor(options: LogsOptions) {
    this.#options = options
  }

  /**
   * At start: a log that ledger or journal know, with the index of its next leaf.
   * @param grown events that the frame at hand adds to it; `beaten` where that is a heartbeat.
   */
  restore(origin: string, next: number, closed: boolean, grown: number | 'beaten' = 0): void {
    const { stream, period } = parseOrigin(origin)
    const known = this.#open.get(stream)
    if (closed || generationOf(origin) < this.#generation) {
      if (known?.origin === origin) this.#open.delete(stream)
      const before = this.#previous.get(stream)
      if (before === undefined || before.origin === origin || isEarlier(before.origin, origin))
        this.#previous.set(stream, { origin, next: Math.max(next, before?.origin === origin ? before.next : 0) })
    } else if (known === undefined || known.origin === origin || isEarlier(known.origin, origin)) {
      const before = known?.origin === origin ? known.grown : 0
      this.#open.set(stream, {
        origin,
        stream,
        period,
        next,
        grown: grown === 'beaten' ? 0 : before + grown,
        beaten: 0,
      })
    }
  }

  get #generation(): number {
    return this.#options.generation ?? 1
  }

  get open(): readonly OpenLog[] {
    return [...this.#open.values()]
  }

  /** The log that was open before this one in its stream. */
  previous(stream: string): ClosedLog | undefined {
    return this.#previous.get(stream)
  }

  /** The log for events of a stream received at that time, with what must come before. */
  turn(stream: string, received: number): Turn {
    const current = this.#open.get(stream)
    const period = periodText(this.#options.periodOf(stream), received)
    if (current !== undefined && !hasEnded(current, period)) return { log: current }
    const { install, node } = this.#options
    const named = `${period}${generationSuffix(this.#generation)}`
    const origin = formatOrigin({ install, node, stream, period: named })
    const log: OpenLog = { origin, stream, period: named, next: 0, grown: 0, beaten: 0 }
    if (current !== undefined) this.closed(current)
    this.#open.set(stream, log)
    return { log, open: log, ...(current && { close: current }) }
  }

  /** Logs whose period has ended by that time. */
  ended(received: number): readonly OpenLog[] {
    return this.open.filter((log) => hasEnded(log, periodText(this.#options.periodOf(log.stream), received)))
  }

  closed(log: OpenLog): void {
    this.#previous.set(log.stream, log)
    if (this.#open.get(log.stream) === log) this.#open.delete(log.stream)
  }
}

/** A log goes on through its period, also where the stream's period was changed in the meantime. */
function hasEnded(log: OpenLog, now: string): boolean {
  const [period = ''] = log.period.split('.')
  return period.slice(0, now.length) !== now.slice(0, period.length)
}

/** Of two logs of one stream: by generation, then by period. */
function isEarlier(a: string, b: string): boolean {
  const byGeneration = generationOf(a) - generationOf(b)
  return byGeneration < 0 || (byGeneration === 0 && a < b)
}

function periodText(period: Period, received: number): string {
  const day = new Date(received).toISOString().slice(0, 10)
  return period === 'day' ? day : day.slice(0, 7)
}
