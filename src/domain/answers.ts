import type { Accounting } from './accounting.ts'
import type { AuditEvent, Json, State } from './event.ts'
import type { BlockName } from './sealed.ts'

/** What the API answers: shared by the server, the command line and the UI. Names are promises (docs/api). */

/** One event of a list, as its reader may see it. `whodid.log` and `whodid.index` say where it is in the ledger. */
export interface EventPage {
  readonly events: readonly AuditEvent[]
  /** Sealed cursor of the next page; absent at the end. */
  readonly next?: string
  /** The feed number up to which this run sees: list, summary and all pages of one run share it. */
  readonly asOf: string
  readonly tookMs: number
  readonly rowsRead: number
}

export interface Bucket {
  /** Start, RFC 3339. */
  readonly from: string
  /** End, exclusive. The first and last bucket may be clipped by the range. */
  readonly to: string
  readonly counts: Readonly<Record<State, number>>
}

export interface FacetValue {
  readonly value: string
  readonly count: number
}

export interface Facet {
  /** The field as written in a query: `actor`, `policy`, `source` … */
  readonly field: string
  /** Largest first. */
  readonly values: readonly FacetValue[]
  /** Number of distinct values. */
  readonly distinct: number
  /** Counted over these many newest events only, those since then: there are so many that all would take too long. */
  readonly newest?: { readonly events: number; readonly since: string }
}

export interface Completeness {
  /** Acknowledged events that are not searchable yet. */
  readonly behind: number
  /** The range reaches before the first event that is stored. */
  readonly recordedSince?: string
}

export interface Summary {
  readonly total: number
  readonly counts: Readonly<Record<State, number>>
  readonly histogram: readonly Bucket[]
  readonly facets: readonly Facet[]
  readonly completeness: Completeness
  readonly asOf: string
  readonly since: string
  readonly until: string
  readonly tookMs: number
  readonly rowsRead: number
}

/** `GET /v1/events/{id}/related`: what belongs to one request, oldest first. */
export interface RelatedAnswer {
  readonly events: readonly AuditEvent[]
  /** The field they agree in; absent: this event stands alone, or the reader may not see what it belongs to. */
  readonly joinedBy?: string
  /** Whether all that was begun came to an end; absent where this reader or this page cannot tell. */
  readonly complete?: boolean
  /** It did not, and should have by now. */
  readonly finding?: 'never completed'
  /** There are more than these. */
  readonly more?: true
}

export interface DisclosedBlock {
  readonly block: BlockName
  /** The exact text that was hashed; absent when it was erased. */
  readonly json: string
  /** base64url, 32 bytes. */
  readonly salt: string
}

/** `GET /v1/events/{id}/proof?format=json`. Everything a browser needs to check one event by itself. */
export interface ProofAnswer {
  /** The leaf line, verbatim. */
  readonly leaf: string
  readonly log: string
  readonly index: number
  /** `c2sp.org/tlog-proof@v1`, with the signed checkpoint in it. */
  readonly proof: string
  /** The log's verifier key. */
  readonly vkey: string
  /** Blocks that this reader may see. */
  readonly blocks: readonly DisclosedBlock[]
  /** B of every block, base64url, in the order of BLOCK_NAMES; an absent block is 32 zero bytes. */
  readonly commitments: readonly string[]
  /** The same event up to the root log; absent until a checkpoint that covers it stands there. */
  readonly root?: RootProof
}

/** Two proofs, one on top of the other: event, checkpoint of its log, checkpoint of the root log. */
export interface RootProof {
  /** The root log's verifier key. */
  readonly vkey: string
  /** Index in the root log of the entry that is the log's checkpoint. */
  readonly entry: number
  /** `c2sp.org/tlog-proof@v1` of the event; the checkpoint in it, verbatim, is that entry. */
  readonly event: string
  /** `c2sp.org/tlog-proof@v1` of that entry; with cosignatures where there are any. */
  readonly proof: string
}

export interface LogInfo {
  readonly origin: string
  readonly vkey: string
  /** Size of the latest signed checkpoint. */
  readonly size: number
  /** `root` for the root log. */
  readonly stream: string
  /** Empty for the root log. */
  readonly period: string
  /**
   * `abandoned`: it ended without being closed, and a log of a later generation goes on (docs/decisions/recovery.md).
   * `pruned`: its time was over, and its entries are gone (docs/retention.md).
   */
  readonly state: 'open' | 'closed' | 'abandoned' | 'pruned'
  /** Of a pruned log: entries before that one are gone (tlog-tiles, Pruning). */
  readonly minimumIndex?: number
  /** Of the root log: the newest checkpoint that enough witnesses have signed. */
  readonly cosigned?: { readonly size: number; readonly at: string }
}

/** How the witnesses of the root log stand: in `GET /log`, where a policy names some. */
export interface WitnessAnswer {
  readonly quorum: 'met' | 'behind' | 'missing'
  /** Since when newer checkpoints have not been signed by enough of them; absent while they have. */
  readonly unwitnessedSince?: string
  readonly witnesses: readonly {
    readonly name: string
    readonly vkey: string
    readonly state: 'signed' | 'waiting' | 'failing' | 'fork'
    /** Size of the newest checkpoint of the root log that it signed, and when. */
    readonly size?: number
    readonly at?: string
    /** Why it did not sign. */
    readonly reason?: string
  }[]
}

/** How time stamps stand: in `GET /log` as `timeStamps`, where an authority is configured. */
export interface TimeStampAnswer {
  readonly state: 'waiting' | 'stamped' | 'failing'
  /** Size of the newest checkpoint of the root log that has one, and the time that it says. */
  readonly size?: number
  readonly at?: string
  /** When the next one is asked for. */
  readonly next?: string
  /** Why there is none. */
  readonly reason?: string
}

/** `GET /v1/me` */
export interface Me {
  /** `admin` for the one-time link, else the token's name. */
  readonly name: string
  readonly scopes: readonly ('read' | 'ingest' | 'admin')[]
  readonly install: string
  readonly version: string
  /** Whether any event was ever stored, our own trail apart. */
  readonly hasEvents: boolean
  readonly sources: readonly string[]
  readonly streams: readonly string[]
}

/** One of `GET /v1/sources`: how a source stands, as it is seen from outside. */
export interface SourceAnswer {
  readonly name: string
  /** Also `http` for what only a token names. */
  readonly kind: string
  readonly stream: string
  /** The source whose records these are too, where several ways lead into one. */
  readonly feeds?: string
  readonly role: 'receiver' | 'follower'
  readonly state: 'working' | 'listening' | 'waiting' | 'failed'
  /** Of this state, at the earliest since the server started. */
  readonly since: string
  /** Why it waits or failed. */
  readonly reason?: string
  /** HOST:PORT, or `/in/NAME`. */
  readonly listens?: string
  /** When the last record was received; absent before the first. */
  readonly lastRecord?: string
  /** What came this way, since ever. Of a source that others feed: of all of them together. */
  readonly accounting: Accounting
  /** Of the received ones, those that were rejected before and fed again. */
  readonly replayed: number
  /** What the far side has and we have not, where that can be known. */
  readonly lag?: { readonly records?: number; readonly bytes?: number; readonly seconds?: number }
  readonly connections?: number
  /** Turned away before a record could be read, since the server started, by reason. */
  readonly refused: Readonly<Record<string, number>>
  /** How far it has read, in its own words. */
  readonly cursor?: string
  /** What is kept of its rejected records, and how many had to go for room or age. Absent while that is not known. */
  readonly rejectedKept?: { readonly records: number; readonly bytes: number; readonly letGo: number }
}

/** `GET /v1/sources/{name}/accounting`: what became of a source's records, in whole hours by time of receipt, UTC. */
export interface AccountingAnswer {
  readonly source: string
  readonly since: string
  /** Exclusive. */
  readonly until: string
  /** Of all hours together. */
  readonly total: Accounting
  /** Those in which anything came, oldest first. */
  readonly hours: readonly { readonly from: string; readonly accounting: Accounting }[]
}

/** A record that could become no event, in `GET /v1/sources/{name}/rejected`. */
export interface RejectedAnswer {
  readonly id: string
  readonly received: string
  readonly format: string
  /** A word from the closed list by which it is counted. */
  readonly reason: string
  readonly message: string
  readonly path?: string
  /** How many it had. */
  readonly bytes: number
  /** It was longer than what is kept, so it cannot be fed again. */
  readonly cut?: true
}

/** What became of rejected records that were fed again. */
export interface ReplayAnswer {
  readonly replayed: number
  readonly kept: number
  readonly duplicate: number
  readonly dropped: number
  readonly rejected: number
  /** Not fed: only a part of them is kept. */
  readonly cut: number
  /** There may be more behind this id. */
  readonly next?: string
  /** Why it ended before all were fed. */
  readonly waits?: string
}

/** What became of stored originals that today's parsers read again. */
export interface RereadAnswer {
  readonly read: number
  readonly renewed: number
  /** Made by the same parser, and the same. */
  readonly unchanged: number
  /** Left as they were, by why. */
  readonly skipped: {
    readonly noOriginal: number
    /** Nobody knows its format any more. */
    readonly noFormat: number
    /** Something of the original was masked or cut. */
    readonly notWhole: number
    readonly rejected: number
    /** Another number of events comes of it, or another event. */
    readonly otherEvents: number
  }
  /** Ids of some that were left. */
  readonly examples: readonly string[]
  /** There may be more behind this feed number. */
  readonly next?: string
}

/** One record of `POST /v1/sources:try`: what would become of it. */
export interface TriedRecord {
  readonly bytes: number
  readonly events: readonly { readonly sentence: string; readonly event: AuditEvent }[]
  readonly rejected?: { readonly code: string; readonly message: string; readonly path?: string }
  /** By which rule. */
  readonly dropped?: string
}

/** One entry of `results` in the answer to `POST /v1/events`, in the order of the records sent. */
export type RecordResult =
  | { readonly id: string; readonly log: string; readonly index: number; readonly conflict?: true }
  | { readonly dropped: string }
  | { readonly duplicate: string; readonly log: string; readonly index: number }
  | { readonly rejected: { readonly code: string; readonly path?: string; readonly message: string } }
  | { readonly shed: ShedFor }

/** Which limit of its source a record was beyond that was given up; `intake`: nothing could be taken at all. */
export type ShedFor = 'recordsPerSecond' | 'bytesPerSecond' | 'connections' | 'journalShare' | 'intake'

/** What a source gets once its batch is durable. */
export interface Receipt {
  readonly received: number
  readonly kept: number
  readonly dropped: number
  readonly duplicate: number
  readonly rejected: number
  readonly shed: number
  readonly results: readonly RecordResult[]
}

/** `GET /v1/evidence/{id}`: how a job stands that ends in a file. */
export type JobAnswer = {
  readonly id: string
  readonly startedAt: string
  /** Until then it is kept. */
  readonly until: string
} & (
  | { readonly state: 'running'; readonly done: number; readonly total: number }
  | { readonly state: 'done'; readonly sizeBytes: number; readonly [detail: string]: Json | undefined }
  | { readonly state: 'failed'; readonly code: string; readonly reason: string; readonly hint?: string }
)

/** What is known of an evidence pack once it is made. */
export interface EvidenceAnswer {
  /** Of the file, hex. */
  readonly sha256: string
  readonly events: number
  readonly leaves: number
  readonly logs: number
}

/** `GET /v1/ledger/scrub`: the store compared with the ledger (docs/scrub.md). */
export interface ScrubAnswer {
  /** Part of the time that the background pass works; 0: it is off. */
  readonly share: number
  /** Leaves of all logs now. */
  readonly of: number
  /** The pass that is under way: how many leaves it compared, and where it is. */
  readonly pass?: {
    readonly begunAt: string
    readonly leaves: number
    readonly at?: { readonly log: string; readonly index: number }
  }
  readonly last?: { readonly begunAt: string; readonly endedAt: string; readonly leaves: number }
  /** How long a whole pass takes, as fast as this or the last one is. */
  readonly cycleSeconds?: number
  /** What differed when it was compared last: a thousand at most. */
  readonly differences: readonly ScrubDifference[]
  /** The run that somebody asked for last. */
  readonly run?: {
    readonly state: 'running' | 'done' | 'failed'
    readonly begunAt: string
    readonly endedAt?: string
    readonly leaves: number
    readonly of: number
    /** Rows whose shown blocks a later parser made. */
    readonly readAgain: number
    readonly differences: number
    readonly reason?: string
  }
}

interface ScrubDifference {
  readonly log: string
  readonly index: number
  readonly kind: 'differs' | 'missing' | 'repeated'
  readonly columns: readonly string[]
  readonly since: string
  readonly text: string
}
