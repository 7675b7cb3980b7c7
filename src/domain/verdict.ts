import type { AuditEvent } from './event.ts'

/** Why a record could not become an event. A word from a closed list: it is counted and sealed by it. */
export type RejectReason =
  | 'not_json'
  | 'not_utf8'
  | 'wrong_type'
  | 'missing_field'
  | 'claims_whodid'
  | 'too_large'
  | 'too_deep'
  | 'unknown_kind'

/** What the rules say of an event. To reduce or mask is a keep whose event was changed and says so. */
export type Verdict =
  | { readonly kind: 'keep'; readonly event: AuditEvent }
  | { readonly kind: 'drop'; readonly rule: string }
  | { readonly kind: 'reject'; readonly reason: RejectReason; readonly message: string; readonly path?: string }
