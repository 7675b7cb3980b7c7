import type { ErrorCode } from '../domain/errors.ts'
import type { RuleSet } from '../rules/rule-set.ts'
import type { Tombstone } from '../state/erasures.ts'
import type { SealedSlice, Slice, SliceRecord, SubjectKey, Wanted } from './seal.ts'

/** What the main thread and the seal workers say to each other. */
export type Task =
  | SealTask
  | RowsTask
  /** Before the first slice that names this revision. */
  | { readonly kind: 'rules'; readonly revision: number; readonly rules: RuleSet }
  /** Who was erased, all of them; keys that are remembered may be theirs. */
  | { readonly kind: 'erased'; readonly tombstones: readonly Tombstone[] }
  | { readonly kind: 'keys'; readonly question: number; readonly keys: readonly SubjectKey[] }
  | { readonly kind: 'no-keys'; readonly question: number; readonly code: ErrorCode; readonly message: string }

export interface SealTask {
  readonly kind: 'seal'
  readonly id: number
  readonly slice: Omit<Slice, 'records'>
  /** All records in one buffer; spans are pairs of offset and length. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly spans: Uint32Array
  /** What else is known of each record; left out where nothing is of any. */
  readonly known?: readonly Omit<SliceRecord, 'bytes'>[]
}

export interface FrameBytes {
  readonly payload: Uint8Array
  readonly events: number
  readonly firstFeed: number
}

export interface RowsTask {
  readonly kind: 'rows'
  readonly id: number
  readonly frames: readonly FrameBytes[]
  /** Index below which events are stored already. */
  readonly from: number
}

export type Answer =
  | { readonly kind: 'sealed'; readonly id: number; readonly sealed: SealedSlice }
  | { readonly kind: 'rows'; readonly id: number; readonly block: Uint8Array }
  | { readonly kind: 'failed'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  | {
      readonly kind: 'keys'
      readonly question: number
      readonly log: string
      readonly day: string
      readonly wanted: readonly Wanted[]
    }

/** Revisions of the rules that a thread knows at a time, the newest: it is told of one again that it let go. */
export const KNOWN_REVISIONS = 2

export interface WorkerSeed {
  readonly dedupeKey: Uint8Array
  readonly tombstones: readonly Tombstone[]
}
