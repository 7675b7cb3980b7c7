import { createHmac } from 'node:crypto'
import { MASKED } from '../domain/mask.ts'
import { fold } from '../query/words.ts'

/** Secrets that rules work with. They are no part of the rules, which are shown, sealed and written to files. */
export interface RuleKeys {
  /** 32 bytes: `hash` masks are keyed with it, so that nobody without it can try out values. */
  readonly hash: Uint8Array | undefined
}

/** Who only looks what rules would do needs none. */
export const NO_KEYS: RuleKeys = { hash: undefined }

/** Keys of an install, of the key that its ids are made with. */
export function deriveRuleKeys(dedupeKey: Uint8Array): RuleKeys {
  return { hash: createHmac('sha256', dedupeKey).update('whodid mask hash 1').digest() }
}

export type MaskHash = (text: string) => string

/**
 * `hash:` and 22 characters: the first 16 bytes of HMAC-SHA-256 over the text in lower case, base64url. Two values have
 * the same hash when a search for one finds the other.
 */
export function createMaskHash({ hash }: RuleKeys): MaskHash {
  if (hash === undefined) return () => MASKED
  return (text) => {
    const digest = createHmac('sha256', hash).update(fold(text.toWellFormed())).digest()
    return `hash:${digest.subarray(0, 16).toString('base64url')}`
  }
}
