import type { AuditEvent, Change, Json } from '../domain/event.ts'
import { type Actor, actorEvent } from './actor.ts'

export const BY_FILES: Actor = { id: 'files', about: { user: { kind: 'system', name: 'whodid' } } }

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
export function ruleEvent(by: Actor, act: RuleAct, nowMs: number): AuditEvent {
  const { action, outcome, message, changes = [], details, reason } = act
  const resource = changes.slice(0, MOST_CHANGES).map(({ path }) => ({ type: 'rule', name: path }))
  const event = actorEvent(
    by,
    {
      category: 'configuration',
      type: 'change',
      action,
      outcome,
      reason,
      resource: resource.length > 0 ? resource : [{ type: 'rule' }],
      change: changes.length > 0 ? changes.slice(0, MOST_CHANGES) : undefined,
      request: details,
    },
    nowMs,
  )
  return { ...event, message }
}
