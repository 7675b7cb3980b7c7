import { createHash } from 'node:crypto'
import { AuditError } from '../domain/errors.ts'
import type { EventIds } from './event-id.ts'
import type { PayloadHeader } from './payload.ts'

type Mark = NonNullable<PayloadHeader['idempotency']>

const WINDOW_MS = 600_000
const MOST = 100_000

/** Remembers for ten minutes what came with each Idempotency-Key, so that one key never stands for two bodies. */
export class IdempotencyKeys {
  readonly #ids: EventIds
  readonly #contents = new Map<string, { readonly content: string; readonly time: number }>()

  constructor(ids: EventIds) {
    this.#ids = ids
  }

  /** The mark for the frames of this batch, or undefined without a key. Throws `conflict` for a key with other bytes. */
  enter(
    source: string,
    key: string | undefined,
    batch: readonly { readonly bytes: Uint8Array }[],
    now: number,
  ): Mark | undefined {
    if (key === undefined) return undefined
    const content = createHash('sha256')
    for (const { bytes } of batch) content.update(`${bytes.length}:`).update(bytes)
    const mark = {
      key: this.#ids.natural(source, `idempotency ${key}`).toString('base64url'),
      content: content.digest('base64url'),
    }
    const known = this.#contents.get(mark.key)
    if (known !== undefined && known.content !== mark.content) {
      const hint = 'a retry must send the same records in the same order; new records need a new key'
      throw new AuditError('conflict', `Idempotency-Key ${key} was used with other records`, { hint })
    }
    this.restore(mark, now)
    return mark
  }

  /** At start: a mark that a frame of that receive time carries. */
  restore(mark: Mark, time: number): void {
    this.#contents.delete(mark.key)
    this.#contents.set(mark.key, { content: mark.content, time })
    for (const [key, { time: then }] of this.#contents) {
      if (then >= time - WINDOW_MS && this.#contents.size <= MOST) return
      this.#contents.delete(key)
    }
  }
}
