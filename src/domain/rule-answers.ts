import type { AuditEvent, Change } from './event.ts'

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
  /** The rule of the candidate that drops each of the examples, by id. */
  readonly decidedBy: Readonly<Record<string, string>>
}

export interface RuleEffect {
  readonly kept: number
  readonly dropped: number
  /** Kept, but masked, reduced, labelled or sent elsewhere. */
  readonly changed: number
  /** Of the originals of what is kept. */
  readonly bytes: number
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

interface CheckedSource {
  readonly source: string
  /** By the rules of now. */
  readonly kept: number
  readonly newlyDropped: number
}

/** What documents of rules say, before they are tried on events. */
export interface RuleLint {
  /** What would be other than now. */
  readonly changes: readonly Change[]
  readonly findings: readonly RuleFinding[]
  /** What the documents hold, in the form in which the API takes it. */
  readonly rules: readonly CandidateRule[]
}

/** Something in a document of rules that hardly anybody means. */
export interface RuleFinding {
  /** `error`: a part of it has no effect. `warning`: it has one that may be unwanted. */
  readonly severity: 'error' | 'warning'
  readonly document: string
  /** From 1. */
  readonly line: number
  readonly column: number
  readonly message: string
}

/** A policy is changed in its file alone, so nothing of it is told but its name. */
export type CandidateRule =
  | { readonly kind: 'policy'; readonly name: string }
  | { readonly kind: 'rule' | 'access-audit'; readonly name: string; readonly value: Readonly<Record<string, unknown>> }

/** What AccessAudits ask for, by resource type and operation. */
export interface AuditedAnswer {
  /** Operations on resources: each type has an entry in `by` for each, in this order. */
  readonly operations: readonly string[]
  readonly types: readonly {
    readonly type: string
    /** A rule that names no types is not about it. */
    readonly skipped?: true
    readonly by: readonly (readonly AuditedBy[])[]
  }[]
  /** Operations that have no resource type. */
  readonly others: readonly { readonly operation: string; readonly by: readonly AuditedBy[] }[]
  readonly skippedTypes: readonly string[]
}

/** One AccessAudit that asks for it. */
export interface AuditedBy {
  readonly audit: string
  /** In these alone. Absent: in all meshes, and outside of them. */
  readonly meshes?: readonly string[]
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

/** What rules make of one event. */
export interface RuleRuling {
  readonly becomes: 'kept' | 'changed' | 'dropped'
  /** The rule that dropped it or let it in. Absent: no rule did. */
  readonly by?: string
  /** Where a rule sends it. */
  readonly stream?: string
  /** Every rule that acted or, in shadow, would have, in their order, with what it says. */
  readonly acted: readonly {
    readonly rule: string
    readonly did: 'keep' | 'drop' | 'change'
    readonly shadow?: true
    readonly says?: string
  }[]
  /** What is left of it, where that is another one. */
  readonly event?: AuditEvent
  readonly masked?: readonly { readonly path: string; readonly rule: string }[]
}

/** How often a rule acted. Events for all but drops, which are counted in records. */
export interface RuleCounts {
  readonly dropped: number
  readonly droppedBytes: number
  /** Let in, changed, or dropped out of an envelope of which something was kept. */
  readonly acted: number
  readonly shadow: number
}

/** A rule in force. */
export interface RuleAnswer {
  readonly name: string
  readonly family: string
  /** What it says, in one line. */
  readonly says: string
  /** `FILE:LINE:COLUMN`, or `api`. */
  readonly origin: string
  /** Who added it by the API, and when. */
  readonly by?: string
  readonly at?: string
  readonly shadow?: true
  /** Since the install began, and today (UTC). Absent: not for this reader. */
  readonly total?: RuleCounts
  readonly today?: RuleCounts
}

export interface WaitingRules {
  readonly id: string
  readonly summary: string
  readonly requestedBy: string
  readonly requestedAt: string
  readonly reasons: readonly string[]
  readonly changes: readonly Change[]
  readonly before: string
  readonly after: string
}

export interface RulesAnswer {
  readonly revision: number
  readonly hash: string
  readonly since: string
  readonly rules: readonly RuleAnswer[]
  readonly waiting: readonly WaitingRules[]
  /** The last reading of the files failed: the rules in force stayed. */
  readonly error?: {
    readonly at: string
    readonly message: string
    readonly hint?: string
    readonly faults: readonly { readonly path: string; readonly message: string }[]
  }
  /** In words for an operator. */
  readonly notes: readonly string[]
}

export interface RuleVersionAnswer {
  readonly revision: number
  readonly hash: string
  readonly since: string
  readonly by: string
  readonly approval?: string
}
