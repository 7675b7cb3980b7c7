import type { TlsOptions } from 'node:tls'

import type { ErasureLine } from '../../verify/index.ts'
import type { LogInfo, SourceAnswer, TimeStampAnswer, WitnessAnswer } from '../domain/answers.ts'
import type { AuditEvent, JsonObject } from '../domain/event.ts'
import type { RuleCheck } from '../domain/rule-answers.ts'
import type { Auth } from '../auth/auth.ts'
import type { HourAccount } from '../ingest/hours.ts'
import type { AccessAuditDesk } from '../ingest/access-audit-desk.ts'
import type { ErasureDesk } from '../ingest/erasure-desk.ts'
import type { RejectedDesk } from '../ingest/rejected-desk.ts'
import type { Scrub } from '../ingest/scrub.ts'
import type { RetentionDesk } from '../ingest/retention.ts'
import type { Refeed } from '../ingest/replay.ts'
import type { RuleCheckAsked } from '../ingest/rule-check.ts'
import type { RuleDesk } from '../ingest/rule-desk.ts'
import type { Clock } from '../lib/clock.ts'
import type { RuleScope } from '../rules/family.ts'
import type { Emit, Receiver } from '../sources/source.ts'
import type { Query } from '../query/ast.ts'
import type { Reads } from '../store/reads.ts'
import type { Rereads } from '../store/reread.ts'
import type { Jobs } from './jobs.ts'

/** What the API is handed: it constructs none of it. */
export interface ApiDeps {
  readonly auth: Auth
  /**
   * The way in for a source: a configured one, the built-in `api`, or the HTTP source that a token names. Undefined: events
   * cannot be taken for it (a reader, a name that is no source).
   */
  readonly emitFor: (source: string) => Emit | undefined
  /** The receiver that is configured under this name. */
  readonly receiver: (name: string) => Receiver | undefined
  /** How all sources stand. */
  readonly sources: () => readonly SourceAnswer[]
  /** Accounts of a source from an hour to before another, oldest first; hours are counted since 1970, UTC. */
  readonly hours: (source: string, since: number, until: number) => readonly HourAccount[]
  readonly accessAudits: AccessAuditDesk
  readonly erasures: ErasureDesk
  readonly rules: RulesApi
  /** Makes a query find what rules in force have hashed, too. Undefined: they hash nothing. */
  readonly hashed?: () => ((query: Query) => Query) | undefined
  /** Left out: nothing is kept for a time. */
  readonly retention?: RetentionDesk
  readonly rejected: Pick<RejectedDesk, 'list' | 'get' | 'take' | 'settle' | 'discard' | 'totals'>
  /** Undefined: nobody knows any more what the records of that source were. */
  readonly refeed: (name: string) => Refeed | undefined
  readonly reads: Reads
  readonly rereads: Rereads
  readonly ledger: LedgerReads
  /** Subject keys by id; one that was destroyed is missing. */
  readonly subjectKeys: (ids: readonly number[]) => ReadonlyMap<number, Uint8Array>
  /** Highest feed number up to which every log's rows are in the store. */
  readonly asOf: () => number
  /** Highest feed number that is durable in the journal. */
  readonly acked: () => number
  /** Calls back whenever `asOf` grew, until cancelled. */
  readonly onSearchable: (call: () => void) => { cancel(): void }
  /** Takes an event of our own trail: without id and `whodid`. Returns at once; must not throw. */
  readonly trail: (event: AuditEvent) => void
  /** An error that is a bug, or what broke: logged once, without contents of events. `id` is what the caller was told. */
  readonly logError: (error: unknown, id: string) => void
  readonly readiness: () => Readiness
  /** Undefined, or left out: none are configured. */
  readonly witnesses?: () => WitnessAnswer | undefined
  /** Undefined, or left out: no time stamp authority is configured. */
  readonly timeStamps?: () => TimeStampAnswer | undefined
  readonly info: ServerInfo
  /** Folder with the built UI; undefined: the API alone. */
  readonly uiFolder: string | undefined
  readonly evidence: EvidenceDeps
  /** Copies the data folder while it is at work. Left out: there is none. */
  readonly backup?: (asked: BackupAsked) => Promise<JsonObject>
  /** The store compared with the ledger. Left out: it is not. */
  readonly scrub?: Pick<Scrub, 'ask' | 'standing'>
  readonly clock: Clock
  readonly limits: Limits
  /** Who may read the logs without a credential: nobody, all but their entries, everybody. Default `none`. */
  readonly publicLedger?: 'none' | 'tiles' | 'entries'
  /** Left out: plain HTTP. A client's certificate is asked for here and judged at the gate. */
  readonly tls?: TlsOptions
  /** Where a proxy shows this server to browsers: its host and origin are ours too. */
  readonly publicUrl?: string
  /** 32 bytes that seal cursors. Left out: new ones, so cursors end with the process. */
  readonly cursorKey?: Uint8Array
}

/** Rules in force, and how they change. */
interface RulesApi {
  readonly desk: Pick<RuleDesk, 'status' | 'put' | 'remove' | 'confirm' | 'refuse' | 'versions'>
  /** What a candidate would make of the stored last day. */
  check(asked: Omit<RuleCheckAsked, 'at' | 'now'>): Promise<RuleCheck>
  /** How rules are asked about events of a source. */
  readonly scopeOf: (source: string, stream: string) => RuleScope
  /** In words for an operator: what waits, what was not understood, what wants a restart. */
  notes(): readonly string[]
}

/** The part of the ledger that is read by callers. See `src/ledger/ledger.ts`. */
interface LedgerReads {
  logs(): readonly LogInfo[]
  /** Latest signed note of a log. */
  checkpoint(log: string): string | undefined
  /** Undefined: no checkpoint covers it yet. */
  proof(log: string, index: number): Promise<InclusionProof | undefined>
  /** That a checkpoint which covers it stands in the root log. Undefined: none yet. Left out: there is no root log. */
  rootProof?(log: string, index: number): Promise<RootInclusion | undefined>
  /** Paths below a log (C2SP tlog-tiles). Undefined: no such thing. */
  serve(log: string, path: string): Promise<ServedFile | undefined>
}

interface BackupAsked {
  /** A folder of this machine, absolute. */
  readonly to: string
  readonly withKeys: boolean
  readonly tell: (doneBytes: number, totalBytes: number) => void
  readonly signal: AbortSignal
}

/** What evidence packs are made with, beside what all reads have. */
export interface EvidenceDeps {
  readonly jobs: Jobs
  /** `verify.html` as it was built. Undefined: it was not. */
  page(): Promise<Uint8Array | undefined>
  /** The rules that had this hash, as JSON, by where they came from. Undefined: not known. */
  rules(hash: string): string | undefined
  /** The configured tlog-policy; undefined: no witness is asked for. */
  policy(): string | undefined
  readonly approvals: 'single' | 'two'
  /** Blocks of leaves from..to of a log that were erased, each with the proof of its record. Left out: nothing ever was. */
  erasures?(log: string, from: number, to: number): Promise<readonly ErasureLine[]>
}

interface InclusionProof {
  readonly checkpoint: string
  readonly hashes: readonly Uint8Array[]
}

interface RootInclusion {
  readonly entry: number
  readonly note: string
  readonly hashes: readonly Uint8Array[]
  readonly rootNote: string
  readonly rootHashes: readonly Uint8Array[]
}

interface ServedFile {
  readonly body: Uint8Array
  readonly contentType: string
  readonly cache: 'short' | 'immutable'
  /** The body is gzip: it is answered with that content encoding. */
  readonly gzip: boolean
}

interface Readiness {
  readonly ready: boolean
  /** What is not as it should be, in words for an operator. May be non-empty while ready. */
  readonly reasons: readonly string[]
}

interface ServerInfo {
  readonly install: string
  readonly version: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly sources: () => readonly string[]
  readonly streams: () => readonly string[]
}

export interface Limits {
  /** Of a request's body, after inflation. */
  readonly requestBytes: number
  /** Inflated to deflated. */
  readonly inflateRatio: number
  /** In one request. */
  readonly records: number
}

export const DEFAULT_LIMITS: Limits = { requestBytes: 32 * 1024 * 1024, inflateRatio: 200, records: 10_000 }
