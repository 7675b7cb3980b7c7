import type { DecodedEvent } from '../formats/format.ts'
import { stringIn } from '../formats/loose.ts'
import type { Family, Noted, Ruling } from './family.ts'
import { compileKubernetesPolicy, type PolicyDecision } from './kubernetes-policy-evaluator.ts'
import { policyRequestOf, readRecordText } from './kubernetes-policy-record.ts'
import { thinned } from './kubernetes-policy-thin.ts'
import { type KubernetesPolicy, parseKubernetesPolicy } from './kubernetes-policy.ts'
import type { RuleSet } from './rule-set.ts'

/**
 * Policies of `audit.k8s.io/v1`, applied to what arrives as the API server would have applied them before
 * (docs/rules/kubernetes-audit-policy.md). Scope: records of API servers from sources that name a policy. No match: level
 * None. The first rule that matches decides.
 */
export function compileKubernetesPolicies({ kubernetesPolicies }: RuleSet): Family | undefined {
  const policies = new Map(Object.entries(kubernetesPolicies).map(([name, text]) => [name, namedPolicy(name, text)]))
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

type NamedPolicy = (decoded: DecodedEvent, original: string, noted: Noted) => Ruling | undefined

function namedPolicy(name: string, text: string): NamedPolicy {
  const apply = policyOnRecords(parseKubernetesPolicy(text, name), (rule) => `policy/${name}/${rule ?? 'default'}`)
  return (decoded, original, noted) => {
    const made = apply(decoded, original)
    if (made === undefined) return undefined
    const { rule, left } = made
    noted(rule, left === undefined ? 'drop' : left === decoded ? 'keep' : 'change')
    return left === undefined ? { kind: 'drop', rule } : { kind: 'keep', decoded: left, rule }
  }
}

/** What a policy makes of a record. */
export interface PolicyOnRecord {
  readonly decision: PolicyDecision
  /** The name of the rule. */
  readonly rule: string
  /** The level at which the record came; undefined: it does not say. */
  readonly recorded: string | undefined
  /** Undefined: nothing, it is dropped. The event itself when nothing was taken out. */
  readonly left: DecodedEvent | undefined
}

/**
 * A policy as a function of events and their records; it answers with nothing for what is no record of an API server.
 *
 * @param named makes a name of a rule's number; undefined: none matched.
 */
export function policyOnRecords(
  policy: KubernetesPolicy,
  named: (rule: number | undefined) => string,
): (decoded: DecodedEvent, original: string) => PolicyOnRecord | undefined {
  const decide = compileKubernetesPolicy(policy)
  return (decoded, original) => {
    const read = readRecordText(original)
    if (read === undefined) return undefined
    const decision = decide(policyRequestOf(read.record, decoded.event.user))
    const rule = named(decision.rule)
    const stage = stringIn(read.record, 'stage')
    const isDropped = decision.level === 'None' || decision.omitStages.some((omitted) => omitted === stage)
    const left = isDropped ? undefined : (thinned(decoded, read, decision, rule) ?? decoded)
    return { decision, rule, recorded: stringIn(read.record, 'level'), left }
  }
}
