import { hash } from 'node:crypto'

/** Events of one log group that were taken already, as far back as late ones are looked for. */
export class SeenEvents {
  /** Time of the newest one, milliseconds since 1970; undefined before the first. */
  newestMs: number | undefined
  readonly #overlapMs: number
  /** Times by a short hash of the id, in the order they were taken. */
  #seen = new Map<string, number>()

  constructor(overlapMs: number, cursor: string | undefined) {
    this.#overlapMs = overlapMs
    if (cursor !== undefined) this.#restore(cursor)
  }

  /** From when on events are asked for; undefined: from the first. */
  get fromMs(): number | undefined {
    if (this.newestMs === undefined) return undefined
    // Where there were too many to remember, what is no newer than the oldest is not asked for again.
    const oldest = this.#seen.size >= MOST_SEEN ? Math.min(...this.#seen.values()) : -Infinity
    return Math.max(0, oldest + 1, this.newestMs - this.#overlapMs)
  }

  has(id: string): boolean {
    return this.#seen.has(shortHash(id))
  }

  /** Also what was taken counts as newest that claims to be of the future: no more than `nowMs` is believed. */
  add(id: string, timeMs: number, nowMs: number): void {
    this.#seen.set(shortHash(id), timeMs)
    this.newestMs = Math.max(this.newestMs ?? 0, Math.min(timeMs, nowMs))
  }

  /** Forgets what is not asked for again. */
  prune(): void {
    const fromMs = this.fromMs ?? 0
    const kept = [...this.#seen].filter(([, timeMs]) => timeMs >= fromMs)
    if (kept.length > MOST_SEEN) kept.sort(([, a], [, b]) => b - a).length = MOST_SEEN
    this.#seen = new Map(kept)
  }

  format(): string {
    const entries = Buffer.alloc(this.#seen.size * ENTRY_BYTES)
    let at = 0
    for (const [key, timeMs] of this.#seen) {
      entries.write(key, at, HASH_BYTES, 'latin1')
      entries.writeDoubleBE(timeMs, at + HASH_BYTES)
      at += ENTRY_BYTES
    }
    return JSON.stringify({ v: 1, newestMs: this.newestMs, seen: entries.toString('base64') })
  }

  /** What is no cursor of ours is none: then everything is read again, and found by its id. */
  #restore(cursor: string): void {
    const parsed = parsedCursor(cursor)
    if (parsed === undefined) return
    this.newestMs = parsed.newestMs
    const entries = Buffer.from(parsed.seen, 'base64')
    for (let at = 0; at + ENTRY_BYTES <= entries.length; at += ENTRY_BYTES) {
      this.#seen.set(entries.toString('latin1', at, at + HASH_BYTES), entries.readDoubleBE(at + HASH_BYTES))
    }
  }
}

/** With this many a cursor has 430 KB; it is sealed with every batch. */
const MOST_SEEN = 20_000
const HASH_BYTES = 8
const ENTRY_BYTES = HASH_BYTES + 8

function shortHash(id: string): string {
  return hash('sha256', id, 'buffer').toString('latin1', 0, HASH_BYTES)
}

function parsedCursor(cursor: string): { readonly newestMs: number; readonly seen: string } | undefined {
  try {
    const parsed: unknown = JSON.parse(cursor)
    if (typeof parsed !== 'object' || parsed === null) return undefined
    const fields = new Map<string, unknown>(Object.entries(parsed))
    const [newestMs, seen] = [fields.get('newestMs'), fields.get('seen')]
    return typeof newestMs === 'number' && typeof seen === 'string' ? { newestMs, seen } : undefined
  } catch {
    return undefined
  }
}
