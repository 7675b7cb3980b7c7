import type { Authz, EventFields, JsonObject } from '../domain/event.ts'
import { objectIn, stringIn } from './loose.ts'

export function outcomeOf(record: JsonObject): EventFields['outcome'] {
  const code = codeOf(record)
  if (decisionOf(record) === 'deny' || (code !== undefined && code >= 400)) return 'failure'
  const stage = stringIn(record, 'stage')
  if (stage === 'Panic') return 'failure'
  const isAnswered = code !== undefined || stringIn(objectIn(record, 'responseStatus'), 'status') === 'Success'
  return stage === 'ResponseComplete' && isAnswered ? 'success' : 'unknown'
}

export function codeOf(record: JsonObject): number | undefined {
  const code = objectIn(record, 'responseStatus')?.['code']
  return typeof code === 'number' && Number.isInteger(code) && code > 0 ? code : undefined
}

export function decisionOf(record: JsonObject): Authz['decision'] {
  const decision = stringIn(objectIn(record, 'annotations'), 'authorization.k8s.io/decision')
  if (decision === 'allow') return 'allow'
  return decision === 'forbid' ? 'deny' : undefined
}

/** Refused by an authorizer, by admission (403 though authorized), or for want of a credential (401). */
export function isDenied(record: JsonObject): boolean {
  const code = codeOf(record)
  return decisionOf(record) === 'deny' || code === 403 || code === 401
}
