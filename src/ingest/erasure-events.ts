import type { AuditEvent, JsonObject } from '../domain/event.ts'
import { formatMillis } from '../domain/time.ts'
import type { Erasure } from '../state/erasures.ts'
import type { RuleActor } from './rule-events.ts'

export interface ErasureAct {
  readonly action:
    | 'erasure-preview'
    | 'erasure-request'
    | 'erasure-approve'
    | 'erasure-refuse'
    | 'erasure-hold'
    | 'erasure-start'
    | 'erasure-finish'
  readonly details?: JsonObject
  readonly reason?: string
}

/** An act about an erasure as an event of our own trail. It never says whom the erasure is about. */
export function erasureEvent(
  by: RuleActor,
  erasure: Pick<Erasure, 'id' | 'reference' | 'basis'> | undefined,
  { action, details, reason }: ErasureAct,
  nowMs: number,
): AuditEvent {
  return {
    ...by.about,
    '@timestamp': formatMillis(nowMs),
    event: {
      kind: 'event',
      dataset: 'whodid.trail',
      provider: 'whodid',
      category: ['iam'],
      type: [action === 'erasure-finish' ? 'deletion' : 'change'],
      action,
      outcome: 'success',
      ...(reason !== undefined && { reason }),
    },
    audit: {
      ...by.about.audit,
      resource: [{ type: 'erasure', ...(erasure !== undefined && { id: erasure.id }) }],
      ...(erasure !== undefined && {
        request: { reference: erasure.reference, basis: erasure.basis, ...details },
      }),
      ...(erasure === undefined && details !== undefined && { request: details }),
    },
  }
}
