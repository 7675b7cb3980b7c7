import type { Receipt } from '../domain/answers.ts'
import type { Clock } from '../lib/clock.ts'
import type { SecretRef } from './config.ts'

/** One thing a source sent, before anybody understood it. Decoding is done for all sources in `ingest/`. */
export interface SourceRecord {
  readonly bytes: Uint8Array
  /** Name of its format. */
  readonly format: string
  /** Of the format, as the source's configuration gives them. One object for all records that share them. */
  readonly options?: Readonly<Record<string, unknown>>
  /** Names the record at its source; wins over what the format finds. */
  readonly naturalId?: string
  /** Names the record where neither `naturalId` nor the format does: a place in a file. */
  readonly fallbackId?: string
  readonly sequence?: { readonly epoch: number; readonly n: number }
  /** Milliseconds since 1970 when it was first seen, where somebody else collected it for us: its time, if it has none. */
  readonly collectedMs?: number
  /** Where it differs from what the source's configuration says. One object for all records that share it. */
  readonly origin?: RecordOrigin
}

/** What the configuration of a source says of all its records, where one source brings those of several. */
export interface RecordOrigin {
  /** How it came to this source, `HOST/SOURCE` of a forwarder: goes to `whodid.way`. */
  readonly way?: string
  readonly stream?: string
  readonly cluster?: string
  readonly timezone?: string
  /** False: nobody vouches for what it says. */
  readonly authenticated?: false
}

/**
 * Resolves once the batch is durable, with one result per record. Throws AuditError `busy` (with `retryAfterMs`) when the
 * journal is full. `cursor` is sealed in the frame of the batch's last record: at start the newest one is handed back.
 */
export type Emit = (batch: readonly SourceRecord[], options?: EmitOptions) => Promise<Receipt>

export interface EmitOptions {
  readonly cursor?: string
  /** An HTTP client's key: record n gets the natural id `idem:KEY:n`; the same key with other bytes throws `conflict`. */
  readonly idempotencyKey?: string
  readonly signal?: AbortSignal
  /** How far the sender's clock is ahead of ours, milliseconds, where it was measured: told in heartbeats. */
  readonly clockOffsetMs?: number
}

/** A follower or scraper: works by itself. */
export interface Source {
  /**
   * Works until `signal` aborts, then resolves. A source moves its cursor past a record only after `emit` has resolved
   * for it, so a crash repeats records and never loses one.
   */
  run(emit: Emit, signal: AbortSignal): Promise<void>
}

export interface ReceiverRequest {
  readonly method: string
  /** Path below `/in/NAME`, beginning with `/` or empty. */
  readonly path: string
  /** Behind the `?`, without it; empty where there is none. */
  readonly query: string
  readonly headers: ReadonlyMap<string, string>
  /** Already inflated and bounded. */
  readonly body: Uint8Array
}

export interface ReceiverResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** JSON, bytes (then `headers` say of what type), or nothing. */
  readonly body?: unknown
}

/**
 * Pushed to: `api/` mounts it at `/in/NAME` after `auth/` has bound the credential. Envelopes (EventList, _bulk) are split
 * here by byte span, items verbatim.
 */
export interface Receiver {
  /** It is also reached at `POST /v1/logs`, where the credential alone says which source it is. */
  readonly takesOtlp?: true
  handle(request: ReceiverRequest, emit: Emit, signal: AbortSignal): Promise<ReceiverResponse>
}

export interface SourceDeps {
  readonly name: string
  readonly clock: Clock
  /** The newest cursor that was sealed for this source, or undefined at its first start. */
  readonly cursor: string | undefined
  /** The highest number in an epoch of this source that was taken; 0 where there is none. Asked at any time. */
  readonly lastNumber: (epoch: number) => number
  /** Says what an operator should know; never contents of records. */
  readonly log: (message: string) => void
  /** Reads a secret of the configuration. Throws AuditError `invalid_config` where it is not. */
  readonly secret: (ref: SecretRef) => string
  /** Says how the source stands; what is given replaces what was said of it before. */
  readonly report: (status: SourceStatus) => void
}

/** What only the source itself can know; counts, last record and waiting are kept for all of them. */
export interface SourceStatus {
  /** What the far side has and we have not, as far as it can be known. */
  readonly lag?: { readonly records?: number; readonly bytes?: number; readonly seconds?: number }
  readonly connections?: number
  /** Where it listens, HOST:PORT; for listeners of their own. */
  readonly listens?: string
  /** Connections or datagrams turned away before a record could be read, by reason. */
  readonly refused?: Readonly<Record<string, number>>
}
