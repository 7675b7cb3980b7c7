import type { DisclosedBlock, Summary } from '../domain/answers.ts'
import type { AuditEvent } from '../domain/event.ts'
import type { ErasedPart, Position, SealedEvent } from '../domain/sealed.ts'
import type { Query } from '../query/ast.ts'
import type { Visibility } from '../query/visibility.ts'

/**
 * Everything that can be read of the store. Each function takes what its reader may see as a required argument, so a read
 * without a judgement does not compile. Rows of source `_log` are left out unless the query names `source:_log`; rows that
 * repeat an older one (`whodid.duplicate_of`) are always left out. Hidden fields are not there: not in results, conditions,
 * facets or errors.
 *
 * Errors: `invalid_query` (position and suggestion), `timeout`, `engine_unavailable` (`retryAfterMs`; the engine is waited
 * for at most 5 s), `engine_failed`. An aborted signal rejects with its reason and ends the query in the engine.
 */
export interface Reads {
  /** A page may be shorter than its limit though there are more: then it has a `next`. */
  list(request: ListRequest, visibility: Visibility, signal?: AbortSignal): Promise<ListAnswer>
  summary(request: SummaryRequest, visibility: Visibility, signal?: AbortSignal): Promise<SummaryAnswer>
  /** The event of that id; of several (a conflict) the one at `position`, else the first. Undefined: not there, or not for this reader. */
  get(id: string, visibility: Visibility, options?: GetOptions): Promise<AuditEvent | undefined>
  /**
   * What a proof discloses: the leaf, blocks in which nothing is hidden from this reader with their salts, and every
   * block's commitment. `commit` is given the whole event to compute them; nothing else of a hidden block leaves the store.
   */
  sealed(id: string, visibility: Visibility, commit: Commit, options?: GetOptions): Promise<SealedAnswer | undefined>
  /** Where the events that match stand, by log: what an evidence pack is about. */
  matches(run: Run, visibility: Visibility, signal?: AbortSignal): Promise<readonly LogMatches[]>
  /** The leaves in which a log speaks of itself, in their order. */
  ownLeaves(log: string, visibility: Visibility, signal?: AbortSignal): Promise<readonly LogLeaf[]>
  /** What an evidence pack shows of one log, as `sealed` does of one event, in the order of its leaves. */
  packed(request: PackedRequest, visibility: Visibility, commit: Commit, signal?: AbortSignal): Promise<PackedAnswer>
  /** For the live tail: matching events behind a feed number, in feed order, together with how far was looked. */
  after(request: AfterRequest, visibility: Visibility, signal?: AbortSignal): Promise<AfterAnswer>
  /** Time of the earliest event that this reader may see, in milliseconds since 1970. */
  firstTime(visibility: Visibility, signal?: AbortSignal): Promise<number | undefined>
  /** Whether there is any event but those of our own trail (stream `whodid`). */
  hasEvents(visibility: Visibility, signal?: AbortSignal): Promise<boolean>
  /** Rows per log, system leaves included: to be compared with tree sizes. */
  countsByLog(visibility: Visibility, signal?: AbortSignal): Promise<ReadonlyMap<string, number>>
}

/** What one run of a query looks at. List, summary and all pages of a run share it. */
export interface Run {
  /** Undefined: everything. */
  readonly query: Query | undefined
  /** Of `@timestamp`, milliseconds since 1970, inclusive. */
  readonly sinceMs?: number
  /** Exclusive. */
  readonly untilMs?: number
  /** Feed number up to which this run sees, inclusive. */
  readonly asOf: number
}

/** Where a row stands in the order (time, feed). */
export interface RowKey {
  /** Microseconds since 1970. */
  readonly timeUs: number
  readonly feed: number
}

export interface ListRequest extends Run {
  readonly order: 'newest' | 'oldest'
  readonly limit: number
  /** Key of the last row of the page before. */
  readonly after?: RowKey
}

export interface ListAnswer {
  readonly events: readonly AuditEvent[]
  /** Key of the last row when there are more. */
  readonly next?: RowKey
  readonly rowsRead: number
}

export interface SummaryRequest extends Run {
  /** IANA zone whose calendar the buckets follow. Default UTC. */
  readonly zone?: string
  /** Of a bucket: a second, minute, hour, day … Chosen to make at most 240 buckets when left out. */
  readonly bucket?: BucketSize
  /** Which facets to count. Default all of FACET_FIELDS. */
  readonly facets?: readonly FacetField[]
}

/** As the fields are written in a query. */
export const FACET_FIELDS = [
  'decision',
  'policy',
  'actor',
  'action',
  'category',
  'resource.type',
  'resource',
  'source',
  'stream',
  'ip',
] as const
export type FacetField = (typeof FACET_FIELDS)[number]

export type BucketSize =
  | '1s'
  | '5s'
  | '15s'
  | '1m'
  | '5m'
  | '15m'
  | '1h'
  | '3h'
  | '6h'
  | '1d'
  | '1w'
  | '1M'
  | '1q'
  | '1y'

/** `since` and `until` are the range that the histogram covers, RFC 3339. */
export type SummaryAnswer = Pick<Summary, 'total' | 'counts' | 'histogram' | 'facets' | 'since' | 'until' | 'rowsRead'>

export interface GetOptions {
  readonly position?: Position
  readonly signal?: AbortSignal
}

/** Salt and commitment B of each block in the order of BLOCK_NAMES, base64url; an absent block's salt is not used. */
export type Commit = (event: SealedEvent) => readonly { readonly salt: string; readonly commitment: string }[]

export interface SealedAnswer {
  readonly leaf: string
  readonly log: string
  readonly index: number
  readonly blocks: readonly DisclosedBlock[]
  readonly commitments: readonly string[]
  /** What erasures took from it. */
  readonly erased?: readonly ErasedPart[]
}

export interface LogMatches {
  readonly log: string
  readonly events: number
  /** Index of the first and of the last of them. */
  readonly first: number
  readonly last: number
}

export interface LogLeaf {
  readonly index: number
  readonly action: string
  /** Milliseconds since 1970. */
  readonly receivedMs: number
}

export interface PackedRequest {
  readonly log: string
  /** Leaves from..to, end exclusive. */
  readonly from: number
  readonly to: number
  readonly limit: number
  /** Which of them: events of a run, or what the log says of itself. */
  readonly run: Run | 'own leaves'
}

export interface PackedAnswer {
  readonly rows: readonly SealedAnswer[]
  /** Where the next page begins, when there may be more. */
  readonly next?: number
}

export interface AfterRequest {
  readonly query: Query | undefined
  readonly afterFeed: number
  readonly asOf: number
  readonly limit: number
}

export interface AfterAnswer {
  readonly events: readonly AuditEvent[]
  /** Everything up to this feed number was looked at: the next `afterFeed`. */
  readonly feed: number
}
