import { VerifyError } from '../../verify/errors.ts'
import type { Sha256 } from '../../verify/hash.ts'
import { parseRootEntry } from '../../verify/root-entry.ts'

/** What root logs say of other logs: gathered while they are verified, and held against the logs themselves. */
export class Witnessed {
  readonly #sha256: Sha256
  readonly #keys = new Map<string, string>()
  readonly #heads = new Map<string, Map<number, Uint8Array>>()

  constructor(sha256: Sha256) {
    this.#sha256 = sha256
  }

  /** Takes an entry of a root log. Throws VerifyError for what is none, or for a second key or history of a log. */
  enter(bytes: Uint8Array): void {
    const entry = parseRootEntry(this.#sha256, new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (entry.kind === 'key') {
      const known = this.#keys.get(entry.origin) ?? entry.vkey
      if (known !== entry.vkey) throw new VerifyError('mismatch', `the root log has two keys of ${entry.origin}`)
      this.#keys.set(entry.origin, entry.vkey)
    } else if (entry.kind === 'checkpoint') {
      const { origin, size, root } = entry.checkpoint
      const heads = this.#heads.get(origin) ?? new Map<number, Uint8Array>()
      this.#heads.set(origin, heads.set(size, root))
    }
  }

  /** Every size at which the root log saw this log, with its root. */
  headsOf(origin: string): ReadonlyMap<number, Uint8Array> {
    return this.#heads.get(origin) ?? new Map()
  }

  /** Leaves of this log that the root log covers. */
  sizeOf(origin: string): number {
    return Math.max(0, ...this.headsOf(origin).keys())
  }

  /** Throws VerifyError when the root log has another key of this log. */
  checkKey(origin: string, vkey: string): void {
    const known = this.#keys.get(origin) ?? vkey
    if (known !== vkey) throw new VerifyError('mismatch', `its key is not the one in the root log, ${known}`)
  }
}
