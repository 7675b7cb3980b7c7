import type { AuditEvent } from '../domain/event.ts'
import type { RejectReason } from '../domain/verdict.ts'

/** What a decoder knows beside the bytes. */
export interface DecodeContext {
  /** Configured name of the source. */
  readonly source: string
  /** `orchestrator.cluster.name`, from the source's configuration. */
  readonly cluster?: string
  /** IANA zone of times that carry none. */
  readonly timezone?: string
  /** Milliseconds since 1970: for records without a time of their own (`time:collected`). */
  readonly now: number
}

/** One event that a record became. `event` has no `event.id`, no `event.ingested` and no `whodid`; sealing adds them. */
export interface DecodedEvent {
  readonly event: AuditEvent
  /** What names this record at its source for ever (docs/architecture.md, Words); absent: it gets a fresh id. */
  readonly naturalId?: string
  /** `whodid.category`, for formats that have one (auth, iam, file). */
  readonly category?: readonly string[]
  /** What was believed or assumed: `ip:last-hop`, `agent:claim`, `time:collected` … */
  readonly trust?: readonly string[]
  /** What was left out, with its length where that is known (else 0), and why: goes to `whodid.truncated`. */
  readonly truncated?: readonly Truncation[]
  /** What was taken out or hidden, in the event and in its original, and by which rule: goes to `whodid.masked`. */
  readonly masked?: readonly Masked[]
  /** The record, where its bytes are not UTF-8 and so no `event.original`: goes to `whodid.original_base64`. */
  readonly originalBase64?: string
}

interface Masked {
  readonly path: string
  readonly rule: string
}

export interface Truncation {
  readonly path: string
  readonly bytes: number
  readonly reason: string
}

export type Decoded = DecodedEvents | Reject

export interface DecodedEvents {
  readonly kind: 'events'
  readonly events: readonly DecodedEvent[]
  /** Of an envelope: what in it could not become an event. The rest of it is taken all the same. */
  readonly rejects?: readonly Reject[]
}

/** `message` and `path` are for the sender to read; they hold no contents of the record. */
export interface Reject {
  readonly kind: 'reject'
  readonly reason: RejectReason
  readonly message: string
  readonly path?: string
  /** What of the record may be kept, where that is not all of it: without secrets, or without what became events. */
  readonly bytes?: Uint8Array
}

/**
 * A foreign record's shape. `decode` is pure and never throws for what a record holds: hostile bytes are a `reject`.
 * `version` goes up whenever the same record would become another event.
 */
export interface Format {
  /** The word in the configuration: `format: kubernetes-audit`. */
  readonly name: string
  readonly version: number
  /** Where events of such records go when neither source nor kind names a stream; left out: `default`. */
  readonly stream?: string
  decode(bytes: Uint8Array, context: DecodeContext): Decoded
  /**
   * The same format under the `options:` of a source, which it parses strictly. Left out: it has none. Called once per
   * source and thread, so what is costly is compiled here. Throws AuditError `invalid_config` that names the key.
   */
  configure?(options: unknown): Format
  /** Left out: every line of a file or a stream is a record. Called once per file. */
  joiner?(): LineJoiner
}

/** Tells where records begin in a text whose records span lines. It is asked for every line in order. */
export interface LineJoiner {
  /** Whether this line, without its end, goes on with the record of the line before. */
  continues(line: Uint8Array): boolean
}
