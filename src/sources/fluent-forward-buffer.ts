import { AuditError } from '../domain/errors.ts'
import type { ItemLimits } from './fluent-forward-msgpack.ts'
import { ItemEnd } from './fluent-forward-msgpack.ts'

/** Bytes that all connections may hold together. */
export interface Budget {
  /** @throws AuditError `busy` where there is no room for so many more. */
  take(bytes: number): void
  give(bytes: number): void
}

export function createBudget(most: number): Budget {
  let held = 0
  return {
    take(bytes) {
      if (held + bytes > most) throw new AuditError('busy', 'more is coming than memory allows')
      held += bytes
    },
    give: (bytes) => void (held -= bytes),
  }
}

/** Takes room for as long as the work lasts. */
export async function holding(budget: Budget, bytes: number, work: () => Promise<void>): Promise<void> {
  budget.take(bytes)
  try {
    await work()
  } finally {
    budget.give(bytes)
  }
}

const FIRST_BYTES = 16 * 1024

/** What came over a connection and is not yet a whole message. Each byte is copied and looked at a fixed number of times. */
export class MessageBuffer {
  readonly #limits: ItemLimits
  readonly #budget: Budget
  #bytes = Buffer.alloc(0)
  #length = 0
  #end: ItemEnd

  constructor(limits: ItemLimits, budget: Budget) {
    this.#limits = limits
    this.#budget = budget
    this.#end = new ItemEnd(0, limits)
  }

  /** @throws AuditError `busy` when there is no room. */
  add(part: Uint8Array): void {
    if (this.#length + part.length > this.#bytes.length) this.#grow(this.#length + part.length)
    this.#bytes.set(part, this.#length)
    this.#length += part.length
  }

  /** Takes the first message out, once all of it is there; its bytes are its own. Throws BrokenMessage. */
  next(): Uint8Array | undefined {
    const end = this.#end.find(this.#bytes, this.#length)
    if (end === undefined) return undefined
    const message = Buffer.from(this.#bytes.subarray(0, end))
    this.#end = new ItemEnd(0, this.#limits)
    this.#keep(this.#bytes.subarray(end, this.#length))
    return message
  }

  /** What came behind the last message. */
  rest(): Uint8Array {
    return Buffer.from(this.#bytes.subarray(0, this.#length))
  }

  release(): void {
    this.#budget.give(this.#bytes.length)
    this.#bytes = Buffer.alloc(0)
    this.#length = 0
  }

  #grow(wanted: number): void {
    const size = Math.max(FIRST_BYTES, this.#bytes.length * 2, wanted)
    this.#budget.take(size - this.#bytes.length)
    const larger = Buffer.alloc(size)
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }

  #keep(rest: Uint8Array): void {
    // A connection that once sent a large message does not hold its room for ever.
    if (rest.length === 0) return this.release()
    this.#bytes.set(rest, 0)
    this.#length = rest.length
  }
}
