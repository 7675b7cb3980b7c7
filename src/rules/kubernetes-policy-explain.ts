import { compileKubernetesPolicy, type PolicyDecision } from './kubernetes-policy-evaluator.ts'
import { type PolicyRequest, firstUnmet } from './kubernetes-policy-match.ts'
import type { KubernetesPolicy, PolicyRule } from './kubernetes-policy.ts'
import type { Position } from './kubernetes-policy-yaml.ts'

/** Which rule decides over a request, and why. */
export interface PolicyExplanation {
  readonly decision: PolicyDecision
  /** Of the rule that decided. */
  readonly at?: Position
  /** Its conditions, each as `users: ada`; empty: it has none, or no rule matched. */
  readonly because: readonly string[]
  /** The rules before it, and what of each the request does not meet. */
  readonly passedOver: readonly PassedOver[]
}

interface PassedOver {
  /** From 1. */
  readonly rule: number
  readonly at: Position
  readonly unmet: string
}

export function explainKubernetesPolicy(policy: KubernetesPolicy, request: PolicyRequest): PolicyExplanation {
  const decision = compileKubernetesPolicy(policy)(request)
  const decided = decision.rule === undefined ? undefined : policy.rules[decision.rule - 1]
  const before = decision.rule === undefined ? policy.rules : policy.rules.slice(0, decision.rule - 1)
  return {
    decision,
    ...(decided !== undefined && { at: decided.at }),
    because: decided === undefined ? [] : conditionsOf(decided),
    passedOver: before.map((rule, n) => ({ rule: n + 1, at: rule.at, unmet: unmetIn(rule, request) })),
  }
}

const CONDITIONS = ['users', 'userGroups', 'verbs', 'namespaces', 'resources', 'nonResourceURLs'] as const

function conditionsOf(rule: PolicyRule): readonly string[] {
  return CONDITIONS.filter((key) => rule[key].length > 0).map((key) => `${key}: ${listed(rule, key)}`)
}

function unmetIn(rule: PolicyRule, request: PolicyRequest): string {
  const key = CONDITIONS.find((each) => each === firstUnmet(rule, request))
  return key === undefined ? '' : `${key}: ${listed(rule, key)}`
}

function listed(rule: PolicyRule, key: (typeof CONDITIONS)[number]): string {
  if (key !== 'resources') return rule[key].map(shown).join(', ')
  return rule.resources
    .map(({ group, resources, resourceNames }) => {
      const names = resourceNames.length === 0 ? '' : ` named ${resourceNames.map(shown).join(', ')}`
      const words = resources.length === 0 ? 'all' : resources.map(shown).join(', ')
      return `${words} of ${group === '' ? 'the core group' : group}${names}`
    })
    .join('; ')
}

function shown(value: string): string {
  return value === '' ? '""' : value
}
