import type { DecodedEvent } from '../formats/format.ts'
import { stringIn } from '../formats/loose.ts'
import type { Family, Noted, Ruling } from './family.ts'
import { compileKubernetesPolicy, type PolicyDecision } from './kubernetes-policy-evaluator.ts'
import type { PolicyRequest } from './kubernetes-policy-match.ts'
import { policyRequestOf, readRecordText } from './kubernetes-policy-record.ts'
import { thinned } from './kubernetes-policy-thin.ts'
import { parseKubernetesPolicy } from './kubernetes-policy.ts'
import type { RuleSet } from './rule-set.ts'

/**
 * Policies of `audit.k8s.io/v1`, applied to what arrives as the API server would have applied them before
 * (docs/rules/kubernetes-audit-policy.md). Scope: records of API servers from sources that name a policy. No match: level
 * None. The first rule that matches decides.
 */
export function compileKubernetesPolicies({ kubernetesPolicies }: RuleSet): Family | undefined {
  const policies = new Map(Object.entries(kubernetesPolicies).map(([name, text]) => [name, compilePolicy(name, text)]))
  if (policies.size === 0) return undefined
  return {
    judge(decoded, { kubernetesPolicy }, _id, noted) {
      const policy = kubernetesPolicy === undefined ? undefined : policies.get(kubernetesPolicy)
      const { dataset, original } = decoded.event.event
      if (policy === undefined || dataset !== 'kubernetes.audit' || original === undefined) return undefined
      return policy(decoded, original, noted)
    },
  }
}

type Policy = (decoded: DecodedEvent, original: string, noted: Noted) => Ruling

function compilePolicy(name: string, text: string): Policy {
  const decide: (request: PolicyRequest) => PolicyDecision = compileKubernetesPolicy(parseKubernetesPolicy(text, name))
  return (decoded, original, noted) => {
    const read = readRecordText(original)
    const decision = decide(policyRequestOf(read.record, decoded.event.user))
    const rule = `policy/${name}/${decision.rule ?? 'default'}`
    const stage = stringIn(read.record, 'stage')
    if (decision.level === 'None' || decision.omitStages.some((omitted) => omitted === stage)) {
      noted(rule, 'drop')
      return { kind: 'drop', rule }
    }
    const less = thinned(decoded, read, decision, rule)
    noted(rule, less === undefined ? 'keep' : 'change')
    return { kind: 'keep', decoded: less ?? decoded, rule }
  }
}
