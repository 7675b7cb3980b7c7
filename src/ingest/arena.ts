import { Buffer } from 'node:buffer'

/**
 * One growing piece of memory that texts are written into, one after the other: no buffer a text, nothing for the
 * collector. Used again after `take`, so only one may be filled at a time.
 */
export interface Arena {
  /** Appends a text as UTF-8 and tells its bytes. */
  write(text: string): number
  /** Forgets what was written: by somebody who failed before they could take it. */
  clear(): void
  /** What was written, in memory of its own; the arena is empty again. */
  take(): Uint8Array
}

const SMALLEST = 1 << 20
/** One huge slice must not hold its size in memory for ever. */
const LARGEST_KEPT = 8 << 20

export function createArena(): Arena {
  let memory = Buffer.allocUnsafeSlow(SMALLEST)
  let end = 0
  return {
    write(text) {
      // A UTF-16 unit becomes three bytes at most.
      const most = end + text.length * 3
      if (most > memory.length) {
        const larger = Buffer.allocUnsafeSlow(most * 2)
        memory.copy(larger, 0, 0, end)
        memory = larger
      }
      const bytes = memory.write(text, end)
      end += bytes
      return bytes
    },
    clear() {
      end = 0
    },
    take() {
      const taken = new Uint8Array(memory.subarray(0, end))
      end = 0
      if (memory.length > LARGEST_KEPT) memory = Buffer.allocUnsafeSlow(SMALLEST)
      return taken
    },
  }
}
