import { proveConsistency, proveInclusion } from '../../verify/index.ts'
import type { LogInfo } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { parseOrigin } from '../domain/sealed.ts'
import { describeLog } from './describe-log.ts'
import { createLogFiles, damaged } from './log-files.ts'
import type { LogKey } from './log-keys.ts'
import type { Log } from './log.ts'
import { createLog } from './log.ts'
import { openLog } from './open-log.ts'
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
  /** Lets go of a log's files, for logs that were closed by their last leaf (`log.closed`); they stay readable. */
  close(log: string): Promise<void>
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
  return ledgerOf(deps, logs)
}

function ledgerOf(deps: LedgerDeps, logs: Map<string, SigningLog>): Ledger {
  let failure: Error | undefined
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
    sign: (durable) => exclusive(() => signLogs(deps, [...logs.values()], durable)),
    close: (origin) => exclusive(async () => logs.get(origin)?.log.close()),
    logs: () => [...logs.values()].flatMap(logInfo),
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

async function flushLog(deps: LedgerDeps, each: SigningLog): Promise<void> {
  // A crash after each of these leaves a key or a folder without leaves, which the next start takes up.
  each.key ??= await keyOfNewLog(deps, each.log.origin)
  if (each.log.flushed === 0) await describeLog(deps, each.log.origin, each.key)
  await each.log.flush()
}

async function keyOfNewLog(deps: LedgerDeps, origin: string): Promise<LogKey> {
  return (await deps.keys.find(origin)) ?? deps.keys.create(origin)
}

function newLog(deps: LedgerDeps, origin: string): Log {
  const empty = { size: 0, open: [], tail: [], lastLeaf: undefined }
  return createLog(origin, createLogFiles(deps.files, folderOf(deps, origin)), empty)
}

function logInfo({ log, key, published }: SigningLog): readonly LogInfo[] {
  if (key === undefined || published === undefined) return []
  const { stream, period } = parseOrigin(log.origin)
  const closed = log.closed && published.size === log.size
  return [
    { origin: log.origin, vkey: key.vkey, size: published.size, stream, period, state: closed ? 'closed' : 'open' },
  ]
}

/** Origins that have a folder, in order. */
async function findLogs({ files, folder }: LedgerDeps): Promise<readonly string[]> {
  let origins = ['']
  for (let depth = 0; depth < 4; depth++) {
    const below = await Promise.all(
      origins.map(async (origin) => {
        const names = await files.list(origin === '' ? folder : `${folder}/${origin}`)
        return names.map((name) => (origin === '' ? name : `${origin}/${name}`))
      }),
    )
    origins = below.flat()
  }
  return origins
}
