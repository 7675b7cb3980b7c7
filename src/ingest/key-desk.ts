import type { KeysFor, SubjectKey } from './seal.ts'

/** What the key store can do for it. */
export interface KeyStore {
  /** The keys of those identities in a log, made where missing, all in one commit, durable when it returns. */
  ensure(log: string, identities: readonly string[]): readonly SubjectKey[]
  /** The key of an identity in a log, if it has one. */
  existing(log: string, identity: string): SubjectKey | undefined
}

interface Request {
  readonly log: string
  readonly names: readonly string[]
  readonly resolve: (keys: readonly SubjectKey[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * Who is known gets a key of their own per log; for all else there is one key per log and day (docs/ledger.md, Blocks),
 * so that guessing names at a sign-in form makes no keys. Requests that come together share one commit, since each holds
 * up the event loop for a sync of the disk.
 */
export function createKeyDesk(store: KeyStore): KeysFor {
  let waiting: Request[] = []

  function answer(): void {
    const requests = Map.groupBy(waiting, ({ log }) => log)
    waiting = []
    for (const [log, own] of requests) answerOne(log, own)
  }

  function answerOne(log: string, requests: readonly Request[]): void {
    try {
      const keys = store.ensure(
        log,
        requests.flatMap(({ names }) => names),
      )
      let at = 0
      for (const { names, resolve } of requests) resolve(keys.slice(at, (at += names.length)))
    } catch (error) {
      for (const { reject } of requests) reject(error)
    }
  }

  return (log, day, wanted) => {
    const names = wanted.map(({ identity, known }) => {
      if (identity === '') return `day:${day}`
      return known || store.existing(log, identity) !== undefined ? identity : `day:${day}`
    })
    return new Promise((resolve, reject) => {
      waiting.push({ log, names, resolve, reject })
      if (waiting.length === 1) setImmediate(answer)
    })
  }
}
