import { type Accounting, addAccounting, NOTHING } from '../domain/accounting.ts'
import type { PayloadHeader } from './payload.ts'

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
}

/** Source of the ledger's own leaves: not a source, so not in the accounts. */
export const SYSTEM_SOURCE = '_log'

export class Books {
  #frame: number
  #received: number
  readonly #sources: Map<string, Accounting>
  readonly #cursors: Map<string, string>
  readonly #logs: Map<string, Map<string, number>>

  constructor(saved?: BooksSnapshot) {
    this.#frame = saved?.frame ?? 0
    this.#received = saved?.received ?? 0
    this.#sources = new Map(Object.entries(saved?.sources ?? {}))
    this.#cursors = new Map(Object.entries(saved?.cursors ?? {}))
    this.#logs = new Map(Object.entries(saved?.logs ?? {}).map(([log, of]) => [log, new Map(Object.entries(of))]))
  }

  /** Enters a frame. One that is in the books already is passed over, so a replay may begin anywhere before. */
  enter(frame: number, header: PayloadHeader, events: number): void {
    if (frame < this.#frame) return
    this.#frame = frame + 1
    this.#received = Math.max(this.#received, header.received)
    if (header.system === 'log.closed' && header.log !== undefined) this.#logs.delete(header.log)
    if (header.source === SYSTEM_SOURCE) return
    this.#sources.set(header.source, addAccounting(this.of(header.source), header.accounting))
    if (header.cursor !== undefined) this.#cursors.set(header.way ?? header.source, header.cursor)
    if (header.log === undefined || events === 0) return
    const log = this.#logs.get(header.log) ?? new Map<string, number>()
    log.set(header.source, (log.get(header.source) ?? 0) + events)
    this.#logs.set(header.log, log)
  }

  /** The first frame that is not in these books. */
  get nextFrame(): number {
    return this.#frame
  }

  of(source: string): Accounting {
    return this.#sources.get(source) ?? NOTHING
  }

  cursor(source: string): string | undefined {
    return this.#cursors.get(source)
  }

  get received(): number {
    return this.#received
  }

  get sources(): ReadonlyMap<string, Accounting> {
    return this.#sources
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
    }
  }
}
