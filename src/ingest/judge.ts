import type { AuditEvent } from '../domain/event.ts'
import type { Verdict } from '../domain/verdict.ts'

/**
 * What is kept of a decoded event. One rule stands above all others and cannot be switched off: nobody but us sets
 * `whodid.*` or speaks as a dataset of ours.
 */
export function judge(event: AuditEvent, ofOurOwn: boolean): Verdict {
  if (ofOurOwn) return { kind: 'keep', event }
  if (event.whodid !== undefined) {
    const message = 'whodid.* is set by whodid alone: leave it out'
    return { kind: 'reject', reason: 'claims_whodid', path: 'whodid', message }
  }
  if (event.event.dataset?.startsWith('whodid.') === true) {
    const message = `dataset ${event.event.dataset} is whodid's own trail: choose another name`
    return { kind: 'reject', reason: 'claims_whodid', path: 'event.dataset', message }
  }
  return { kind: 'keep', event }
}
