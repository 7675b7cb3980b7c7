import type { Change } from './event.ts'

/** What a candidate would have made of stored events. */
export interface RuleCheck {
  /** RFC 3339: events from then on were read. */
  readonly since: string
  readonly read: number
  /** There were more, or the time was up: the newest were read. */
  readonly isPart: boolean
  /** What the rules of now make of them, and what the candidate would. */
  readonly now: RuleEffect
  readonly candidate: RuleEffect
  /** Kept now and dropped by the candidate, without those of our own trail, which no rule reaches. */
  readonly newlyDropped: number
  readonly newlyKept: number
  /** Of our own trail: what the candidate's rules match there and would drop, if they reached it. */
  readonly ownTrail: number
  readonly rules: readonly CheckedRule[]
  /** Rules of the candidate that matched none of them. */
  readonly neverMatched: readonly string[]
  readonly sources: readonly CheckedSource[]
  /** Ids of newly dropped events. */
  readonly examples: readonly string[]
}

export interface RuleEffect {
  readonly kept: number
  readonly dropped: number
  /** Kept, but masked, reduced, labelled or sent elsewhere. */
  readonly changed: number
}

/** What a rule of the candidate did; bytes are those of the events' originals. */
export interface CheckedRule {
  readonly name: string
  readonly matched: number
  readonly bytes: number
  readonly dropped: number
  /** It runs in shadow: it would have done it. */
  readonly shadow: number
}

export interface CheckedSource {
  readonly source: string
  /** By the rules of now. */
  readonly kept: number
  readonly newlyDropped: number
}

/** What became of a change of rules that somebody asked for. */
export type RuleOutcome =
  | { readonly kind: 'same'; readonly revision: number; readonly hash: string }
  | {
      readonly kind: 'applied'
      readonly revision: number
      readonly hash: string
      readonly changes: readonly Change[]
    }
  | {
      readonly kind: 'waiting'
      readonly id: string
      readonly reasons: readonly string[]
      readonly changes: readonly Change[]
    }
