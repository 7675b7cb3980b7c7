import type { DecodedEvent } from '../formats/format.ts'

/** What is known of an event beside itself when rules are asked about it. */
export interface RuleScope {
  readonly source: string
  /** Where its source puts it. */
  readonly stream: string
  /** Name of the Kubernetes audit policy that its source asks for. */
  readonly kubernetesPolicy?: string
  /** Its source says `rules: [access-audit]`. */
  readonly accessAudit?: boolean
}

/** What one family says of an event. Undefined: it is none of its, or nothing matched and the family keeps then. */
export type Ruling =
  | { readonly kind: 'drop'; readonly rule: string }
  | {
      readonly kind: 'keep'
      /** Reduced or masked, or as it was. */
      readonly decoded: DecodedEvent
      /** Where it goes instead of its source's stream. */
      readonly stream?: string
      /** Which rule lets it in: `whodid.rule`. */
      readonly rule?: string
    }

/**
 * A family of rules, compiled (docs/architecture.md, Rules). Judging is pure, linear in the event's size and never
 * throws for what an event holds.
 */
export interface Family {
  /** Where its rules may send events; absent: nowhere else. A ruling that names another stream is not followed. */
  readonly streams?: readonly string[]
  /** @param id 16 bytes: what samples are drawn by. @param noted told of every rule that acted, for the counts. */
  judge(decoded: DecodedEvent, scope: RuleScope, id: Uint8Array, noted: Noted): Ruling | undefined
}

/**
 * Names of rules, as they stand in accounts, events and answers: `policy/NAME/3`, `access-audit`, `category/iam`,
 * `rule/NAME`, `secret/NAME`.
 *
 * @param would what a rule in shadow would have done; it did nothing.
 */
export type Noted = (rule: string, did: 'keep' | 'drop' | 'change', would?: 'shadow') => void
