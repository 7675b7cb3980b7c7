import { proveConsistency, proveInclusion } from '../../verify/index.ts'
import type { LogInfo } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { isRootOrigin, parseOrigin } from '../domain/sealed.ts'
import { damaged } from './log-files.ts'
import { flushLog, newLog } from './new-log.ts'
import { openLog } from './open-log.ts'
import { pruneLog } from './prune.ts'
import { isAbandoned } from './root-log.ts'
import type { RootHead, RootInclusion, RootWriter } from './root-writer.ts'
import { openRoot } from './root-writer.ts'
import type { ServedFile } from './serve.ts'
import { serveLog } from './serve.ts'
import { sha256 } from './sha256.ts'
import type { LedgerDeps, SigningLog } from './signing-log.ts'
import { folderOf, signLogs } from './signing-log.ts'

export interface Ledger {
  /** Leaves that a log has, appended ones included; 0 for an unknown log. After opening: as recovered from its files. */
  size(log: string): number
  /**
   * Appends leaves, of which the first has index `first`; those that the log has already are passed over. Synchronous and
   * in memory. The caller has them durable in the journal: nothing that could be lost may get into a file here.
   * Throws `damaged` when there is a gap.
   */
  append(log: string, first: number, leaves: readonly Uint8Array[]): void
  /** Makes the files of all that was appended durable. Resolves with the sizes the journal may forget. */
  flush(): Promise<ReadonlyMap<string, number>>
  /**
   * Signs a checkpoint of each log that grew: of what is flushed, at most `durable(log)` leaves. All go through
   * `checkpoints.save` in one commit before any of them is published.
   */
  sign(durable: (log: string) => number): Promise<void>
  /**
   * Brings the root log up to what is published: the checkpoint of each log that changed becomes an entry, and the root
   * log is signed. Does nothing without a root log, or while nothing may be signed.
   */
  enterRoot(): Promise<void>
  /** From here on logs are signed, where `root.held` kept them from it. */
  release(): void
  /** The root log as it is published; undefined: there is none yet. */
  root(): RootHead | undefined
  /** Keeps a checkpoint of the root log that enough witnesses have signed, and serves it beside the newest one. */
  saveCosigned(note: string): Promise<void>
  /** That a checkpoint covering this leaf stands in the root log. Undefined: none yet. */
  rootProof(log: string, index: number): Promise<RootInclusion | undefined>
  /** Lets go of a log's files, for logs that were closed by their last leaf (`log.closed`); they stay readable. */
  close(log: string): Promise<void>
  /**
   * Lets go of a log's entries for good, and keeps its signed end (docs/retention.md). Only what `LedgerDeps.pruned` says
   * was decided; may be repeated. Throws `conflict` for a log that is not at its signed end.
   */
  prune(log: string, keepHashes: boolean): Promise<void>
  /** All logs but root logs, also those that nothing was signed for yet; `closed` by their last leaf. */
  known(): readonly { readonly origin: string; readonly size: number; readonly closed: boolean }[]
  /** All logs that have a published checkpoint. */
  logs(): readonly LogInfo[]
  /** Newest published checkpoint: a signed note. */
  checkpoint(log: string): string | undefined
  /** Undefined: no published checkpoint covers this leaf. Hashes are the path, the leaf's sibling first. */
  proof(log: string, index: number): Promise<{ checkpoint: string; hashes: readonly Uint8Array[] } | undefined>
  /** From one size to a larger one, up to the published size. Throws `not_found` beyond it. */
  consistency(log: string, from: number, to: number): Promise<readonly Uint8Array[]>
  /** What a path below a log's prefix answers: `checkpoint`, `log.json`, `log.vkey`, `tile/…`. Undefined: no such thing. */
  serve(log: string, path: string): Promise<ServedFile | undefined>
  /** Closes all files. What was appended and not flushed is forgotten: the journal has it. */
  stop(): Promise<void>
}

/**
 * Opens all logs below a folder. Throws `damaged`, naming log and file, when files are missing, do not fit together, or do
 * not lead to the last checkpoint that was signed.
 */
export async function openLedger(deps: LedgerDeps): Promise<Ledger> {
  const signed = new Map(deps.checkpoints.all().map((row) => [row.origin, row]))
  const logs = new Map<string, SigningLog>()
  for (const origin of await findLogs(deps)) logs.set(origin, await openLog(deps, origin, signed.get(origin)))
  for (const { origin, size } of signed.values()) {
    if (!logs.has(origin))
      throw damaged(folderOf(deps, origin), `it is gone, but a checkpoint of ${size} leaves was signed`)
  }
  return ledgerOf(deps, logs, await openRoot(deps, logs))
}

function ledgerOf(deps: LedgerDeps, logs: Map<string, SigningLog>, root: RootWriter | undefined): Ledger {
  let failure: Error | undefined
  let isHeld = deps.root?.held === true
  let last: Promise<unknown> = Promise.resolve()

  /** One after the other; after a failed write nobody knows what is on the disk, so nothing goes on. */
  function exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(async () => {
      if (failure !== undefined) throw failure
      return work().catch((error: unknown) => {
        failure = error instanceof Error ? error : new Error(String(error))
        throw failure
      })
    })
    last = turn.catch(() => {})
    return turn
  }

  return {
    size: (origin) => logs.get(origin)?.log.size ?? 0,
    append(origin, first, leaves) {
      let known = logs.get(origin)
      if (known === undefined) {
        known = { log: newLog(deps, origin), key: undefined, published: undefined }
        logs.set(origin, known)
      }
      known.log.append(first, leaves)
    },
    flush: () =>
      exclusive(async () => {
        for (const each of logs.values()) {
          if (each.log.size > each.log.flushed) await flushLog(deps, each)
        }
        return new Map([...logs.values()].map(({ log }) => [log.origin, log.flushed]))
      }),
    sign: (durable) =>
      exclusive(async () => {
        if (isHeld) return
        const live = [...logs.values()].filter(
          (each) => !isRootOrigin(each.log.origin) && !isAbandoned(each, deps.root),
        )
        await signLogs(deps, live, durable)
      }),
    enterRoot: () => exclusive(async () => (isHeld ? undefined : root?.enter([...logs.values()]))),
    release: () => {
      isHeld = false
    },
    root: () => root?.head(),
    saveCosigned: (note) => exclusive(async () => root?.saveCosigned(note)),
    rootProof: async (origin, index) => {
      const log = logs.get(origin)?.log
      return log === undefined ? undefined : root?.proof(log, index)
    },
    close: (origin) => exclusive(async () => logs.get(origin)?.log.close()),
    async prune(origin, keepHashes) {
      const known = logs.get(origin)
      if (known === undefined || !mayGo(known, deps))
        throw new AuditError('conflict', `log ${origin} is not at its signed end, or nobody decided that it goes`)
      await exclusive(async () => void logs.set(origin, await pruneLog(deps, logs.get(origin) ?? known, keepHashes)))
    },
    known: () =>
      [...logs.values()]
        .filter(({ log }) => !isRootOrigin(log.origin))
        .map(({ log }) => ({ origin: log.origin, size: log.size, closed: log.closed })),
    logs: () => [...logs.values()].flatMap((each) => logInfo(each, deps, root)),
    checkpoint: (origin) => logs.get(origin)?.published?.note,
    async proof(origin, index) {
      const { log, published } = logs.get(origin) ?? {}
      if (log === undefined || published === undefined || !(index >= 0 && index < published.size)) return undefined
      const hashes = await proveInclusion(sha256, index, published.size, log.reader(published.size))
      return { checkpoint: published.note, hashes }
    },
    async consistency(origin, from, to) {
      const { log, published } = logs.get(origin) ?? {}
      if (log !== undefined && from >= 0 && from <= to && to <= (published?.size ?? 0)) {
        return proveConsistency(sha256, from, to, log.reader(to))
      }
      throw new AuditError('not_found', `log ${origin} has no published checkpoint over leaves ${from} to ${to}`)
    },
    async serve(origin, path) {
      const { log, published } = logs.get(origin) ?? {}
      if (log === undefined || published === undefined) return undefined
      return serveLog(deps.files, folderOf(deps, origin), log, published.size, path)
    },
    async stop() {
      await last
      for (const { log } of logs.values()) await log.close()
    },
  }
}

/** It takes nothing more, what will ever be signed of it is, and it was decided. */
function mayGo(each: SigningLog, deps: LedgerDeps): boolean {
  const { log, published } = each
  if (isRootOrigin(log.origin) || published === undefined || deps.pruned?.(log.origin) !== true) return false
  return (log.closed && published.size === log.size) || isAbandoned(each, deps.root)
}

function logInfo(each: SigningLog, deps: LedgerDeps, root: RootWriter | undefined): readonly LogInfo[] {
  const { log, key, published } = each
  if (key === undefined || published === undefined) return []
  const isRoot = isRootOrigin(log.origin)
  const { stream, period } = isRoot ? { stream: 'root', period: '' } : parseOrigin(log.origin)
  const closed = log.closed && published.size === log.size
  const { minimumIndex } = log
  const isGone = minimumIndex > 0
  const state = isGone ? 'pruned' : isAbandoned(each, deps.root) ? 'abandoned' : closed ? 'closed' : 'open'
  const cosigned = log.origin === deps.root?.origin ? root?.cosigned() : undefined
  return [
    {
      origin: log.origin,
      vkey: key.vkey,
      size: published.size,
      stream,
      period,
      state,
      ...(isGone && { minimumIndex }),
      ...(cosigned && { cosigned }),
    },
  ]
}

/** Origins that have a folder, in order. */
async function findLogs({ files, folder }: LedgerDeps): Promise<readonly string[]> {
  let origins = ['']
  for (let depth = 0; depth < 4; depth++) {
    const below = await Promise.all(
      origins.map(async (origin) => {
        if (isRootOrigin(origin)) return [origin]
        const names = await files.list(origin === '' ? folder : `${folder}/${origin}`)
        return names.map((name) => (origin === '' ? name : `${origin}/${name}`))
      }),
    )
    origins = below.flat()
  }
  return origins
}
