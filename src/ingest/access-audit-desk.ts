import type { RuleOutcome } from '../domain/rule-answers.ts'
import type { Clock } from '../lib/clock.ts'
import { accessAuditName } from '../rules/access-audit-family.ts'
import type { AccessAudit } from '../rules/access-audit.ts'
import type { RuleDesk } from './rule-desk.ts'
import type { Actor } from './actor.ts'

/** AccessAudits one by one, as Kuma's API sees them. */
export interface AccessAuditDesk {
  /** By name. */
  list(): readonly AccessAuditEntry[]
  /** A change of rules like any other: it may wait for a decision. */
  put(audit: AccessAudit, by: Actor): Promise<RuleOutcome>
  remove(name: string, by: Actor): Promise<RuleOutcome>
}

export interface AccessAuditEntry {
  readonly audit: AccessAudit
  /** Where it stands, when it does not come from the API: it is changed there alone. */
  readonly origin?: string
  /** Milliseconds since 1970, when it comes from the API. */
  readonly modifiedAt?: number
}

export function createAccessAuditDesk(
  desk: Pick<RuleDesk, 'status' | 'put' | 'remove'>,
  clock: Pick<Clock, 'now'>,
): AccessAuditDesk {
  return {
    list() {
      const { files, added } = desk.status().layers
      const ofFiles = files.set.accessAudits.map((audit): AccessAuditEntry => {
        const name = accessAuditName(audit)
        return { audit, origin: (Object.hasOwn(files.origins, name) ? files.origins[name] : undefined) ?? 'a file' }
      })
      const ofApi = added.flatMap((each): readonly AccessAuditEntry[] =>
        each.kind === 'access-audit' ? [{ audit: each.value, modifiedAt: each.at }] : [],
      )
      return [...ofFiles, ...ofApi].toSorted((a, b) => (a.audit.name < b.audit.name ? -1 : 1))
    },
    put: (audit, by) => desk.put({ kind: 'access-audit', value: audit, by: by.id, at: clock.now() }, by),
    remove: (name, by) => desk.remove('access-audit', name, by),
  }
}
