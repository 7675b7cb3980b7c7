import type { KeysFor, SubjectKey } from './seal.ts'

/** What the key store can do for it. */
export interface KeyStore {
  /** The keys of those identities in a log, made where missing, all in one commit, durable when it returns. */
  ensure(log: string, identities: readonly string[]): readonly SubjectKey[]
  /** The key of an identity in a log, if it has one. */
  existing(log: string, identity: string): SubjectKey | undefined
}

/**
 * Who is known gets a key of their own per log; for all else there is one key per log and day (docs/ledger.md, Blocks),
 * so that guessing names at a sign-in form makes no keys.
 */
export function createKeyDesk(store: KeyStore): KeysFor {
  return async (log, day, wanted) => {
    const own = wanted.map(({ identity, known }) => {
      if (identity === '') return `day:${day}`
      return known || store.existing(log, identity) !== undefined ? identity : `day:${day}`
    })
    return store.ensure(log, own)
  }
}
