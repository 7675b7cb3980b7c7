import type { AuditEvent, JsonObject } from '../domain/event.ts'
import type { Erasure } from '../state/erasures.ts'
import { type Actor, actorEvent } from './actor.ts'

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
  by: Actor,
  erasure: Pick<Erasure, 'id' | 'reference' | 'basis'> | undefined,
  { action, details, reason }: ErasureAct,
  nowMs: number,
): AuditEvent {
  const about = erasure && { reference: erasure.reference, basis: erasure.basis }
  return actorEvent(
    by,
    {
      category: 'iam',
      type: action === 'erasure-finish' ? 'deletion' : 'change',
      action,
      outcome: 'success',
      reason,
      resource: [{ type: 'erasure', ...(erasure !== undefined && { id: erasure.id }) }],
      request: about === undefined ? details : { ...about, ...details },
    },
    nowMs,
  )
}
