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
