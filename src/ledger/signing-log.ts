import { formatCheckpoint, formatNote } from '../../verify/index.ts'
import type { Files } from '../lib/files.ts'
import type { LogKey, LogKeys } from './log-keys.ts'
import type { Log } from './log.ts'

/** Where signed checkpoints are kept, apart from the ledger's files: the guard against a second history. */
export interface SignedCheckpoints {
  all(): readonly { readonly origin: string; readonly size: number; readonly note: string }[]
  /** Compare and set, in one commit; throws when a stored size is not `previousSize`. */
  save(
    rows: readonly {
      readonly origin: string
      readonly size: number
      readonly note: string
      readonly previousSize: number
    }[],
  ): void
}

export interface LedgerDeps {
  readonly files: Files
  /** Each log is in `<folder>/<install>/<node>/<stream>/<period>`. */
  readonly folder: string
  readonly keys: LogKeys
  readonly checkpoints: SignedCheckpoints
  /** Left out: no root log is kept. */
  readonly root?: RootDeps
  /** Whether somebody decided that a log is let go of, and that was told (`log.pruned`). Left out: of none. */
  readonly pruned?: (origin: string) => boolean
}

export interface RootDeps {
  /** Logs of an earlier generation than this one's that were not closed are abandoned: nothing is signed for them. */
  readonly origin: string
  /** Nothing is signed before `Ledger.release`: it is not known yet whether this disk is an old copy. */
  readonly held: boolean
  /** The root log of the generation before, and what the witnesses had seen of it; with an origin of a later one. */
  readonly before?: { readonly origin: string; readonly witnessed: number }
  /** A cache of which entry holds the newest checkpoint of which log: it can be lost. */
  readonly places: { load(): unknown; save(value: unknown): void }
}

export interface Published {
  readonly size: number
  readonly note: string
}

/** A log with its key and the newest checkpoint that everyone may see. */
export interface SigningLog {
  readonly log: Log
  /** Undefined until the first flush of a new log. */
  key: LogKey | undefined
  published: Published | undefined
}

/** Signs a checkpoint of each log that grew; see `Ledger.sign`. */
export async function signLogs(
  deps: LedgerDeps,
  logs: readonly SigningLog[],
  durable: (log: string) => number,
): Promise<void> {
  const signed = []
  for (const each of logs) {
    const size = Math.min(each.log.flushed, durable(each.log.origin))
    if (each.key === undefined || size <= (each.published?.size ?? 0)) continue
    signed.push({ each, size, note: await signedNote(each.log, each.key, size) })
  }
  if (signed.length === 0) return
  // A crash before this line leaves nothing of these checkpoints; after it, openLog publishes them.
  deps.checkpoints.save(
    signed.map(({ each, size, note }) => {
      return { origin: each.log.origin, size, note, previousSize: each.published?.size ?? 0 }
    }),
  )
  for (const { each, size, note } of signed) {
    await deps.files.replace(`${folderOf(deps, each.log.origin)}/checkpoint`, Buffer.from(note))
    each.published = { size, note }
  }
}

/** The checkpoint of a log's first `size` leaves, signed: always the same bytes for the same leaves. */
export async function signedNote(log: Log, key: LogKey, size: number): Promise<string> {
  const text = formatCheckpoint({ origin: log.origin, size, root: await log.root(size) })
  return formatNote({ text, signatures: [{ name: log.origin, id: key.id, bytes: key.sign(Buffer.from(text)) }] })
}

export function folderOf({ folder }: LedgerDeps, origin: string): string {
  return `${folder}/${origin}`
}
