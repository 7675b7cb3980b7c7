import type { AuditEvent, JsonObject } from '../domain/event.ts'
import { formatMillis } from '../domain/time.ts'

export type SystemAction =
  | 'log.opened'
  | 'heartbeat'
  | 'log.closed'
  | 'gap.detected'
  | 'gap.closed'
  | 'subject.erased'
  | 'log.pruned'
  | 'log.abandoned'
  | 'recovery'

/**
 * An event of source `_log`: the ledger speaking of itself (docs/ledger.md, System leaves). Its details are the body
 * block.
 */
export function systemEvent(action: SystemAction, received: number, details: JsonObject): AuditEvent {
  return {
    '@timestamp': formatMillis(received),
    event: { kind: 'state', dataset: 'whodid.log', action, outcome: 'success' },
    ledger: details,
  }
}
