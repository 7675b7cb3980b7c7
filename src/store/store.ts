import { setTimeout as pause } from 'node:timers/promises'
import { AuditError } from '../domain/errors.ts'
import { createConnection, gated, Refused } from './connection.ts'
import type { Connection } from './connection.ts'
import { startEngine } from './engine.ts'
import type { EngineState } from './engine.ts'
import { createFreezes, type Freezes } from './freeze.ts'
import { createErases, type Erases } from './erase.ts'
import { createInserts, type Inserts } from './insert.ts'
import { createPartitions, type Partitions } from './partitions.ts'
import { createReads } from './read.ts'
import type { Reads } from './reads.ts'
import { createRereads, type Rereads } from './reread.ts'
import { createScrubReads, type ScrubReads } from './scrub-rows.ts'
import { migrate } from './schema.ts'

/** The derived store: columns over the sealed events, in the embedded engine or a ClickHouse server. */
export interface Store {
  /** Resolves once the engine has answered and the schema is right. Rejects with what cannot mend itself (`unsupported_version`, `locked`). */
  readonly ready: Promise<void>
  readonly reads: Reads
  readonly inserts: Inserts
  readonly rereads: Rereads
  readonly freezes: Freezes
  readonly scrub: ScrubReads
  readonly erases: Erases
  readonly partitions: Partitions
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
    rereads: createRereads(prepared),
    freezes: createFreezes(prepared, engine === undefined ? undefined : options.folder),
    scrub: createScrubReads(prepared),
    partitions: createPartitions(prepared),
    erases: createErases(prepared),
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
