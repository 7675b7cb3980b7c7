import type { AuditEvent } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'

/** Why it was allowed or not, short enough for a row: a name and what stands beside it. */
export interface Why {
  readonly strong?: string
  readonly rest?: string
}

/** What the source recorded as the reason; undefined where it records none. Nothing is guessed. */
export function whyOf(event: AuditEvent): Why | undefined {
  const authz = event.audit?.authz
  const names = (authz?.policies ?? []).map((policy) => policy.name ?? policy.id).filter((name) => name !== undefined)
  const [first, ...others] = names
  if (first !== undefined) return others.length === 0 ? { strong: first } : { strong: first, rest: others.join(', ') }
  const state = stateOf(event)
  if (state === 'denied') return { strong: 'no rule allows it' }
  const method = event.audit?.authn?.method
  if (method !== undefined) return { strong: method }
  if (authz?.permission !== undefined) return { rest: authz.permission }
  if (state === 'unknown') return { rest: 'outcome not recorded' }
  return undefined
}
