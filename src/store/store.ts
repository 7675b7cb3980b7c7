import { setTimeout as pause } from 'node:timers/promises'
import { AuditError } from '../domain/errors.ts'
import type { SealedEvent } from '../domain/sealed.ts'
import { createConnection, gated, Refused } from './connection.ts'
import type { Connection } from './connection.ts'
import { startEngine } from './engine.ts'
import type { EngineState } from './engine.ts'
import { createInserts } from './insert.ts'
import { createReads } from './read.ts'
import type { Reads } from './reads.ts'
import { migrate } from './schema.ts'

/** The derived store: columns over the sealed events, in the embedded engine or a ClickHouse server. */
export interface Store {
  /** Resolves once the engine has answered and the schema is right. Rejects with what cannot mend itself (`unsupported_version`, `locked`). */
  readonly ready: Promise<void>
  readonly reads: Reads
  readonly inserts: Inserts
  engine(): EngineState | { readonly kind: 'remote' }
  close(): Promise<void>
}

export interface StoreOptions {
  /** Of a ClickHouse server, with user and password where it has them. Left out: the embedded engine in `folder`. */
  readonly url?: string
  /** Default `whodid`. */
  readonly database?: string
  /** The engine's data folder (`<data>/engine`). Made, mode 0700, when it is not there. */
  readonly folder: string
  /** Pid of an engine child that an earlier server of this data folder may have left (from run.json). */
  readonly stalePid?: () => number | undefined
  /** Tells the pid of each engine child, for run.json. */
  readonly onEngine?: (pid: number) => void
  /** For an operator; never contents of events. */
  readonly log: (message: string) => void
}

/** The writer's side. Calls for one log must not overlap. */
export interface Inserts {
  /**
   * For each log that has rows: where to go on. The store is the record of its own position. Own inserts that may still
   * run are ended first, so nothing arrives after the answer.
   */
  positions(signal?: AbortSignal): Promise<ReadonlyMap<string, LogPosition>>
  /**
   * Stores a batch whole and exactly once, and resolves when it is searchable. Waits for the engine as long as it takes:
   * rejects only when `signal` aborts, or for what waiting cannot mend. A row that the engine refuses is stored without
   * typed columns and told to `onRefused`.
   */
  insert(batch: InsertBatch, signal?: AbortSignal): Promise<void>
}

export interface LogPosition {
  /** Index behind the highest that is stored. */
  readonly next: number
  /** Fewer than `next`: some were never stored. */
  readonly rows: number
  /** Feed number of the last one that is. */
  readonly feed: number
}

/** Whole frames of one log, consecutive indexes, at most 10,000 rows. */
export interface InsertBatch {
  readonly log: string
  readonly first: number
  readonly last: number
  /** What `encodeRows` made, in order. */
  readonly blocks: readonly Uint8Array[]
  /** The same events again; asked for only when the engine refuses the batch. */
  readonly events: () => Promise<readonly SealedEvent[]>
  readonly onRefused: (event: SealedEvent, reason: string) => void
}

/**
 * Opens the store: starts the engine (or takes the server's address), and brings the schema to this version. Returns at
 * once; what is asked meanwhile waits. Throws `invalid_config` for a name that is none.
 */
export function openStore(options: StoreOptions): Store {
  const database = checkedDatabase(options.database ?? 'whodid')
  const engine = options.url === undefined ? startEngine(options) : undefined
  const connection = createConnection(engine ? { engine } : { url: options.url ?? '' }, database)
  const closing = new AbortController()
  const ready = prepare(connection, options.log, closing.signal)
  // Who needs the store waits for it and gets the reason; nobody has to.
  ready.catch(() => undefined)
  // Before the schema is right there is no table to ask.
  const prepared = gated(connection, ready)
  return {
    ready,
    reads: createReads(prepared),
    inserts: createInserts(prepared),
    engine: () => engine?.state() ?? { kind: 'remote' },
    async close() {
      closing.abort(new AuditError('engine_unavailable', 'the store was closed'))
      await connection.close()
      await engine?.stop()
    },
  }
}

function checkedDatabase(database: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(database)) return database
  const hint = 'use lower-case letters, digits and underscores'
  throw new AuditError('invalid_config', `store.database ${JSON.stringify(database)} is no name`, { hint })
}

const LONGEST_PAUSE_MS = 10_000

/** Migrates as soon as the engine lets us. What waiting cannot mend rejects. */
async function prepare(connection: Connection, log: (message: string) => void, signal: AbortSignal): Promise<void> {
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      await connection.whenReady(signal)
      await migrate(connection, signal)
      return
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof AuditError || error instanceof Refused) throw error
      log(`the store is not ready yet: ${error instanceof Error ? error.message : String(error)}`)
    }
    await pause(pauseMs, undefined, { signal })
  }
}
