import type { Scope } from '../state/tokens.ts'

/** Who calls, once a credential was recognised. */
export interface Caller {
  readonly kind: 'token' | 'session' | 'local' | 'receiver'
  /** In our trail: `token:ID`, `session:admin`, `local:UID`, `receiver:NAME`. */
  readonly id: string
  readonly name: string
  readonly scope: Scope
  /** The one source that this credential writes as (docs/architecture.md, Intake). */
  readonly source: string
  /** Dotted paths that do not exist for this caller. */
  readonly hide: readonly string[]
}

/** The built-in source of credentials that name none. */
export const API_SOURCE = 'api'

/** Whoever reaches the control socket (0600) is the user that runs the server. `uid` is undefined on systems without. */
export function localOperator(uid: number | undefined): Caller {
  const id = `local:${uid ?? 'operator'}`
  return { kind: 'local', id, name: id, scope: 'admin', source: API_SOURCE, hide: [] }
}
