import { type Accounting, addAccounting, NOTHING } from '../domain/accounting.ts'
import { type HourAccount, Hours, type HoursSnapshot } from './hours.ts'
import type { EpochNumber, PayloadHeader } from './payload.ts'

/** What the frames so far add up to: kept in memory, saved before a journal file goes, rebuilt from both at start. */
export interface BooksSnapshot {
  /** The next frame that is not in these books. */
  readonly frame: number
  /** Newest receive time, milliseconds since 1970: leaves never go behind it. */
  readonly received: number
  readonly sources: Readonly<Record<string, Accounting>>
  readonly cursors: Readonly<Record<string, string>>
  /** Events by log and source since the log was opened. */
  readonly logs: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** By source: the last number of each epoch, the epoch that was heard of last at the end. */
  readonly numbers?: Readonly<Record<string, readonly EpochNumber[]>>
  /** Accounts of the ways that lead into the source of another name; they are in that one's too. */
  readonly ways?: Readonly<Record<string, Accounting>>
  /** By source or way: when its last record was received, milliseconds since 1970. */
  readonly lastRecords?: Readonly<Record<string, number>>
  /** By source or way: of the records received, those that came from what was rejected before. */
  readonly replayed?: Readonly<Record<string, number>>
  /** Accounts by hour, of those that may still grow or were not saved by themselves. */
  readonly hours?: HoursSnapshot
}

/** Source of the ledger's own leaves: not a source, so not in the accounts. */
export const SYSTEM_SOURCE = '_log'

/** Of a source. Who sends more than that many of them is believed to have begun anew with the oldest. */
const MOST_EPOCHS = 1024

export class Books {
  #frame: number
  #received: number
  readonly #sources: Map<string, Accounting>
  readonly #cursors: Map<string, string>
  readonly #logs: Map<string, Map<string, number>>
  readonly #numbers: Map<string, Map<number, number>>
  readonly #ways: Map<string, Accounting>
  readonly #lastRecords: Map<string, number>
  readonly #replayed: Map<string, number>
  readonly #hours: Hours

  constructor(saved?: BooksSnapshot) {
    this.#frame = saved?.frame ?? 0
    this.#received = saved?.received ?? 0
    this.#sources = new Map(Object.entries(saved?.sources ?? {}))
    this.#cursors = new Map(Object.entries(saved?.cursors ?? {}))
    this.#logs = new Map(Object.entries(saved?.logs ?? {}).map(([log, of]) => [log, new Map(Object.entries(of))]))
    this.#numbers = new Map(Object.entries(saved?.numbers ?? {}).map(([source, of]) => [source, new Map(of)]))
    this.#ways = new Map(Object.entries(saved?.ways ?? {}))
    this.#lastRecords = new Map(Object.entries(saved?.lastRecords ?? {}))
    this.#replayed = new Map(Object.entries(saved?.replayed ?? {}))
    this.#hours = new Hours(saved?.hours)
  }

  /** Enters a frame. One that is in the books already is passed over, so a replay may begin anywhere before. */
  enter(frame: number, header: PayloadHeader, events: number): void {
    if (frame < this.#frame) return
    this.#frame = frame + 1
    this.#received = Math.max(this.#received, header.received)
    if (header.system === 'log.closed' && header.log !== undefined) this.#logs.delete(header.log)
    if (header.source === SYSTEM_SOURCE) return
    this.#sources.set(header.source, addAccounting(this.of(header.source), header.accounting))
    this.#hours.enter(header.source, header.received, header.accounting)
    if (header.cursor !== undefined) this.#cursors.set(header.way ?? header.source, header.cursor)
    this.#note(header)
    for (const [epoch, n] of header.numbers ?? []) this.#number(header.source, epoch, n)
    if (header.log === undefined || events === 0) return
    const log = this.#logs.get(header.log) ?? new Map<string, number>()
    log.set(header.source, (log.get(header.source) ?? 0) + events)
    this.#logs.set(header.log, log)
  }

  #note({ source, way, received, accounting, replay }: PayloadHeader): void {
    if (way !== undefined) this.#ways.set(way, addAccounting(this.ofWay(way), accounting))
    if (accounting.received === 0) return
    if (replay !== true) this.#lastRecords.set(way ?? source, received)
    else
      for (const name of new Set([source, way ?? source]))
        this.#replayed.set(name, this.replayed(name) + accounting.received)
  }

  #number(source: string, epoch: number, n: number): void {
    const epochs = this.#numbers.get(source) ?? new Map<number, number>()
    const last = epochs.get(epoch) ?? 0
    // Removed first, so that it stands at the end: the one at the beginning was silent for longest.
    epochs.delete(epoch)
    epochs.set(epoch, Math.max(last, n))
    const [oldest] = epochs.keys()
    if (epochs.size > MOST_EPOCHS && oldest !== undefined) epochs.delete(oldest)
    this.#numbers.set(source, epochs)
  }

  /** The first frame that is not in these books. */
  get nextFrame(): number {
    return this.#frame
  }

  of(source: string): Accounting {
    return this.#sources.get(source) ?? NOTHING
  }

  /** Of a way that leads into the source of another name. */
  ofWay(way: string): Accounting {
    return this.#ways.get(way) ?? NOTHING
  }

  /** When the last record of a source or way was received, milliseconds since 1970. */
  lastRecord(name: string): number | undefined {
    return this.#lastRecords.get(name)
  }

  /** Of a source, with all ways into it, or of a way. */
  replayed(name: string): number {
    return this.#replayed.get(name) ?? 0
  }

  cursor(source: string): string | undefined {
    return this.#cursors.get(source)
  }

  /** The highest number in an epoch of a source; 0 where there is none. */
  lastNumber(source: string, epoch: number): number {
    return this.#numbers.get(source)?.get(epoch) ?? 0
  }

  /** The last number of each epoch of a source; undefined where it numbers nothing. */
  numbers(source: string): readonly EpochNumber[] | undefined {
    const epochs = this.#numbers.get(source)
    return epochs && [...epochs]
  }

  get received(): number {
    return this.#received
  }

  get sources(): ReadonlyMap<string, Accounting> {
    return this.#sources
  }

  /** By source and hour, oldest first: of all hours that were not forgotten. */
  get hours(): readonly HourAccount[] {
    return this.#hours.list()
  }

  /** Lets go of hours before that one: they are saved elsewhere. */
  forgetHours(before: number): void {
    this.#hours.forget(before)
  }

  /** Events by source in a log since it was opened. */
  inLog(log: string): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#logs.get(log) ?? [])
  }

  snapshot(): BooksSnapshot {
    return {
      frame: this.#frame,
      received: this.#received,
      sources: Object.fromEntries(this.#sources),
      cursors: Object.fromEntries(this.#cursors),
      logs: Object.fromEntries([...this.#logs].map(([log, of]) => [log, Object.fromEntries(of)])),
      numbers: Object.fromEntries([...this.#numbers].map(([source, of]) => [source, [...of]])),
      ways: Object.fromEntries(this.#ways),
      lastRecords: Object.fromEntries(this.#lastRecords),
      replayed: Object.fromEntries(this.#replayed),
      hours: this.#hours.snapshot(),
    }
  }
}
