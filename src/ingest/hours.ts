import { type Accounting, addAccounting, NOTHING } from '../domain/accounting.ts'

const HOUR_MS = 3_600_000

/** What became of the records of one source in one hour. */
export interface HourAccount {
  /** Hours since 1970, UTC. */
  readonly hour: number
  readonly source: string
  readonly accounting: Accounting
}

/** By hour since 1970 and source. */
export type HoursSnapshot = Readonly<Record<string, Readonly<Record<string, Accounting>>>>

/** The hour in which something was received, in hours since 1970, UTC. @param ms milliseconds since 1970. */
export function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS)
}

/** The start of an hour, RFC 3339: how hours are named in heartbeats and answers. */
export function hourText(hour: number): string {
  return new Date(hour * HOUR_MS).toISOString()
}

/**
 * Accounts by source and hour of receipt, of the hours that may still grow or are not saved yet. Receive time never goes
 * back, so an hour is final once anything was received after it. Each account here is whole: what is saved of that hour
 * is an earlier state of it, to be written over.
 */
export class Hours {
  readonly #hours: Map<number, Map<string, Accounting>>

  constructor(saved: HoursSnapshot = {}) {
    this.#hours = new Map(
      Object.entries(saved).map(([hour, of]) => [Number(hour), new Map(Object.entries(of))] as const),
    )
  }

  enter(source: string, received: number, accounting: Accounting): void {
    const hour = hourOf(received)
    const accounts = this.#hours.get(hour) ?? new Map<string, Accounting>()
    accounts.set(source, addAccounting(accounts.get(source) ?? NOTHING, accounting))
    this.#hours.set(hour, accounts)
  }

  /** In the order of time. */
  list(): readonly HourAccount[] {
    return [...this.#hours]
      .toSorted(([a], [b]) => a - b)
      .flatMap(([hour, accounts]) => [...accounts].map(([source, accounting]) => ({ hour, source, accounting })))
  }

  /** Once they are saved: lets go of what was received before that hour. */
  forget(before: number): void {
    for (const hour of this.#hours.keys()) if (hour < before) this.#hours.delete(hour)
  }

  snapshot(): HoursSnapshot {
    return Object.fromEntries([...this.#hours].map(([hour, accounts]) => [hour, Object.fromEntries(accounts)]))
  }
}

/** As heartbeats say them: accounts by source, by the start of their hour. */
export function byHour(accounts: readonly HourAccount[]): Record<string, Record<string, Accounting>> {
  const hours = new Map<number, Map<string, Accounting>>()
  for (const { hour, source, accounting } of accounts)
    hours.set(hour, (hours.get(hour) ?? new Map<string, Accounting>()).set(source, accounting))
  return Object.fromEntries([...hours].map(([hour, of]) => [hourText(hour), Object.fromEntries(of)]))
}
