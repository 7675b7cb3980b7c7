import type { SealedEvent } from '../domain/sealed.ts'
import type { Reads } from './reads.ts'

/** The derived store: columns over the sealed events, in the embedded engine or a ClickHouse server. */
export interface Store {
  /** Resolves once the engine has answered and the schema is right. Rejects with what cannot mend itself (`unsupported_version`, `locked`). */
  readonly ready: Promise<void>
  readonly reads: Reads
  readonly inserts: Inserts
  engine(): EngineState
  close(): Promise<void>
}

export type EngineState =
  | { readonly kind: 'starting' | 'ready' | 'remote' | 'stopped'; readonly pid?: number }
  | { readonly kind: 'failing'; readonly reason: string; readonly retryInMs: number }

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
  /** Index of the first event that is not stored. */
  readonly next: number
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
