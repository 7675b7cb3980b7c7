import type { AuditEvent, Change, Json } from '../domain/event.ts'
import { formatMillis } from '../domain/time.ts'

/** Who asks for a change of rules. */
export interface RuleActor {
  /** As in our trail: `token:ID`, `local:UID`; `files` for the files of the configuration. */
  readonly id: string
  /** The event's own fields that say who it was and where the call came from. */
  readonly about: Partial<AuditEvent>
}

export const BY_FILES: RuleActor = { id: 'files', about: { user: { kind: 'system', name: 'whodid' } } }

export interface RuleAct {
  /** `change`: other rules are in force. */
  readonly action: 'change' | 'propose' | 'refuse' | 'reload'
  readonly outcome: 'success' | 'failure'
  readonly message: string
  readonly changes?: readonly Change[]
  /** Hashes before and after, revision, approval: what proves it. */
  readonly details?: Json
  readonly reason?: string
}

const MOST_CHANGES = 200

/** A change of rules as an event of our own trail, with a diff that a person reads. */
export function ruleEvent(by: RuleActor, act: RuleAct, nowMs: number): AuditEvent {
  const { action, outcome, message, changes = [], details, reason } = act
  const resource = changes.slice(0, MOST_CHANGES).map(({ path }) => ({ type: 'rule', name: path }))
  return {
    ...by.about,
    '@timestamp': formatMillis(nowMs),
    event: {
      kind: 'event',
      dataset: 'whodid.trail',
      provider: 'whodid',
      category: ['configuration'],
      type: ['change'],
      action,
      outcome,
      ...(reason !== undefined && { reason }),
    },
    audit: {
      ...by.about.audit,
      resource: resource.length > 0 ? resource : [{ type: 'rule' }],
      ...(changes.length > 0 && { change: changes.slice(0, MOST_CHANGES) }),
      ...(details !== undefined && { request: details }),
    },
    message,
  }
}
