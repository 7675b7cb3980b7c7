import { Buffer } from 'node:buffer'
import type { Position } from '../domain/sealed.ts'

/** What the window knows of an id: nothing, the same event, or the same id with other content. */
export type Seen = { readonly kind: 'new' | 'conflict' } | { readonly kind: 'duplicate'; readonly position: Position }

const WINDOW_MS = 600_000
const MOST = 2_000_000
const ID = 16
/** Contents of one id that are told apart; more of them would make each look-up longer. Further ones are conflicts, and kept. */
const MOST_OF_ID = 16

/**
 * The ids, content hashes and positions of the last ten minutes, at most two million (docs/architecture.md, Intake):
 * flat arrays in the order of arrival, with a hash table of linear probing over them. Rebuilt from the journal at
 * start.
 */
export class DuplicateWindow {
  readonly #ids: Buffer
  readonly #contents: Buffer
  readonly #logs: Uint16Array
  readonly #indexes: Float64Array
  readonly #times: Float64Array
  /** Slot + 1 of an entry, 0 for empty. Twice as long as the arrays, so probes stay short. */
  readonly #table: Int32Array
  #oldest = 0
  #count = 0
  readonly #logNames: string[] = []
  readonly #logNumbers = new Map<string, number>()
  readonly #most: number

  constructor(most = MOST) {
    this.#most = most
    // All at once: it takes no memory before it is written to, and growing would hold up everything for a while.
    this.#ids = Buffer.alloc(most * ID)
    this.#contents = Buffer.alloc(most * ID)
    this.#logs = new Uint16Array(most)
    this.#indexes = new Float64Array(most)
    this.#times = new Float64Array(most)
    this.#table = new Int32Array(powerOfTwo(most * 2))
  }

  get size(): number {
    return this.#count
  }

  /** @param id 16 bytes at `at`; @param content 16 bytes at the same place. */
  find(ids: Buffer, contents: Buffer, at: number): Seen {
    let seen: Seen = { kind: 'new' }
    const mask = this.#table.length - 1
    for (let probe = hashAt(ids, at) & mask; this.#table[probe] !== 0; probe = (probe + 1) & mask) {
      const slot = this.#slot(probe)
      if (ids.compare(this.#ids, slot * ID, slot * ID + ID, at, at + ID) !== 0) continue
      if (contents.compare(this.#contents, slot * ID, slot * ID + ID, at, at + ID) === 0) {
        return { kind: 'duplicate', position: this.#position(slot) }
      }
      seen = { kind: 'conflict' }
    }
    return seen
  }

  /** @param now milliseconds since 1970, never going backwards. */
  add(ids: Buffer, contents: Buffer, at: number, position: Position, now: number): void {
    this.#forget(now)
    const cell = this.#cellFor(ids, at)
    if (cell === undefined) return
    const slot = (this.#oldest + this.#count) % this.#most
    ids.copy(this.#ids, slot * ID, at, at + ID)
    contents.copy(this.#contents, slot * ID, at, at + ID)
    this.#logs[slot] = this.#logNumber(position.log)
    this.#indexes[slot] = position.index
    this.#times[slot] = now
    this.#count++
    this.#table[cell] = slot + 1
  }

  /** The empty cell that an id goes to; undefined where the window has as many contents of it as are told apart. */
  #cellFor(ids: Buffer, at: number): number | undefined {
    let ofId = 0
    const mask = this.#table.length - 1
    let probe = hashAt(ids, at) & mask
    for (; this.#table[probe] !== 0; probe = (probe + 1) & mask) {
      const slot = this.#slot(probe)
      const isSame = ids.compare(this.#ids, slot * ID, slot * ID + ID, at, at + ID) === 0
      if (isSame && ++ofId >= MOST_OF_ID) return undefined
    }
    return probe
  }

  #forget(now: number): void {
    while (this.#count > 0) {
      const tooOld = (this.#times[this.#oldest] ?? 0) < now - WINDOW_MS
      if (!tooOld && this.#count < this.#most) return
      this.#remove(this.#oldest)
      this.#oldest = (this.#oldest + 1) % this.#most
      this.#count--
    }
  }

  /** Takes one entry out of the table and closes the gap, so that no probe ends too early (Knuth, 6.4, algorithm R). */
  #remove(slot: number): void {
    const mask = this.#table.length - 1
    let gap = hashAt(this.#ids, slot * ID) & mask
    while (this.#slot(gap) !== slot) gap = (gap + 1) & mask
    for (let probe = (gap + 1) & mask; this.#table[probe] !== 0; probe = (probe + 1) & mask) {
      const home = hashAt(this.#ids, this.#slot(probe) * ID) & mask
      if (((probe - home) & mask) < ((probe - gap) & mask)) continue
      this.#table[gap] = this.#table[probe] ?? 0
      gap = probe
    }
    this.#table[gap] = 0
  }

  #slot(probe: number): number {
    return (this.#table[probe] ?? 0) - 1
  }

  #position(slot: number): Position {
    return { log: this.#logNames[this.#logs[slot] ?? 0] ?? '', index: this.#indexes[slot] ?? 0 }
  }

  #logNumber(log: string): number {
    const known = this.#logNumbers.get(log)
    if (known !== undefined) return known
    this.#logNames.push(log)
    this.#logNumbers.set(log, this.#logNames.length - 1)
    return this.#logNames.length - 1
  }
}

/** Ids are keyed hashes: any four of their bytes are as good as a hash of them. */
function hashAt(ids: Buffer, at: number): number {
  return ids.readUInt32LE(at + 12)
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least))
}
