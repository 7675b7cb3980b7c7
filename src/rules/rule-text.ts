import { stringify } from 'yaml'
import { universalAudit } from './access-audit-json.ts'
import type { RuleSet } from './rule-set.ts'

/**
 * A rule as it would stand in a file of the folder of resources. Undefined: there is none of that name, or it is one
 * that has no document of its own.
 *
 * @param name as accounts say it; for a rule of a policy the whole policy is told.
 */
export function documentOf(name: string, set: RuleSet): string | undefined {
  const [, kind, bare = ''] = /^(rule|access-audit|policy)\/(.+)$/s.exec(name) ?? []
  switch (kind) {
    case undefined:
      return undefined
    case 'rule': {
      const rule = set.expressions.find((each) => each.name === bare)
      return rule && stringify({ apiVersion: 'whodid.dev/v1', kind: 'Rules', rules: [rule] })
    }
    case 'access-audit': {
      const audit = set.accessAudits.find((each) => each.name === bare)
      return audit && stringify(universalAudit(audit))
    }
    case 'policy':
      return policyNamed(bare, set) ?? policyNamed(bare.replace(/\/\d+$/, ''), set)
    default:
      return undefined
  }
}

function policyNamed(name: string, { kubernetesPolicies }: RuleSet): string | undefined {
  return Object.hasOwn(kubernetesPolicies, name) ? kubernetesPolicies[name] : undefined
}
