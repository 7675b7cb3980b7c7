import type { AuditEvent, Json, Resource } from '../domain/event.ts'
import { formatMillis } from '../domain/time.ts'

/** Who asks for a change of rules, of what is kept, or for an erasure. */
export interface Actor {
  /** As in our trail: `token:ID`, `local:UID`; `files` for the files of the configuration. */
  readonly id: string
  /** The event's own fields that say who it was and where the call came from. */
  readonly about: Partial<AuditEvent>
}

/** What somebody did, as an event of our own trail says it. */
export interface ActorAct {
  readonly category: 'configuration' | 'iam'
  readonly type: 'change' | 'deletion'
  readonly action: string
  readonly outcome: 'success' | 'failure'
  readonly reason?: string | undefined
  readonly resource: readonly Resource[]
  readonly change?: NonNullable<AuditEvent['audit']>['change'] | undefined
  readonly request?: Json | undefined
}

/** @param nowMs in milliseconds since 1970. */
export function actorEvent(by: Actor, act: ActorAct, nowMs: number): AuditEvent {
  const { category, type, action, outcome, reason, resource, change, request } = act
  return {
    ...by.about,
    '@timestamp': formatMillis(nowMs),
    event: {
      kind: 'event',
      dataset: 'whodid.trail',
      provider: 'whodid',
      category: [category],
      type: [type],
      action,
      outcome,
      ...(reason !== undefined && { reason }),
    },
    audit: {
      ...by.about.audit,
      resource,
      ...(change !== undefined && { change }),
      ...(request !== undefined && { request }),
    },
  }
}
