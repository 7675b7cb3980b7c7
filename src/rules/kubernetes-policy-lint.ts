import { covers } from './kubernetes-policy-covers.ts'
import { type BodyLeak, bodyLeaksOf } from './kubernetes-policy-leaks.ts'
import { isForResources } from './kubernetes-policy-match.ts'
import { type KubernetesPolicy, type PolicyRule, STAGES } from './kubernetes-policy.ts'
import type { Position } from './kubernetes-policy-yaml.ts'

/** Something in a policy that hardly anybody means. */
export interface LintFinding {
  /** `error`: a part of the policy has no effect. `warning`: it has one that may be unwanted. */
  readonly severity: 'error' | 'warning'
  readonly code: LintCode
  readonly at: Position
  /** From 1; left out when it is about the whole policy. */
  readonly rule?: number
  readonly message: string
}

type LintCode =
  | 'unknown-key'
  | 'shadowed'
  | 'never-matches'
  | 'logs-nothing'
  | 'no-wildcard'
  | 'group-for-resource'
  | 'new-syntax'
  | 'secret-bodies'
  | 'no-catch-all'

/** Findings in the order of the file, those about the whole policy last. */
export function lintKubernetesPolicy(policy: KubernetesPolicy): readonly LintFinding[] {
  const unknown = policy.warnings.map(({ at, path, message }): LintFinding => {
    const n = /^rules\[(\d+)\]/.exec(path)?.[1]
    const rule = n === undefined ? {} : { rule: Number(n) + 1 }
    return { severity: 'error', code: 'unknown-key', at, ...rule, message: `${path}: ${message}` }
  })
  const ofRules = policy.rules.flatMap((rule, n) =>
    [...effectOf(policy.rules, rule, n), ...wordsOf(rule), ...leaksOf(policy.rules, n)].map((found): LintFinding => {
      return { ...found, at: rule.at, rule: n + 1 }
    }),
  )
  const byPlace = [...unknown, ...ofRules].toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
  return [...byPlace, ...catchAllOf(policy)]
}

type RuleFinding = Pick<LintFinding, 'severity' | 'code' | 'message'>

/** Whether a rule has an effect at all. */
function effectOf(rules: readonly PolicyRule[], rule: PolicyRule, n: number): readonly RuleFinding[] {
  const dead = deadListOf(rule)
  if (dead !== undefined)
    return [{ severity: 'error', code: 'never-matches', message: `can never match: nothing is ever in its ${dead}` }]
  const by = shadowedBy(rules.slice(0, n), rule)
  if (by !== undefined) {
    const message = `can never match: ${by.length === 1 ? 'rule' : 'rules'} ${by.join(', ')} before it ${by.length === 1 ? 'takes' : 'take'} all that it would`
    return [{ severity: 'error', code: 'shadowed', message }]
  }
  if (rule.level === 'None' || rule.omitStages.length < STAGES.length) return []
  return [{ severity: 'error', code: 'logs-nothing', message: `logs nothing: all stages are omitted at ${rule.level}` }]
}

/** A list none of whose values a request can have. */
function deadListOf(rule: PolicyRule): string | undefined {
  const lists = [
    ['users', rule.users, hasStar],
    ['userGroups', rule.userGroups, hasStar],
    ['verbs', rule.verbs, isNoVerb],
    ['namespaces', rule.namespaces, hasStar],
    ['resources', rule.resources.length > 0 && rule.resources.every(isDead) ? [''] : [], () => true],
  ] as const
  return lists.find(([, values, isNever]) => values.length > 0 && values.every((value) => isNever(value)))?.[0]
}

function isDead({ resources, resourceNames }: PolicyRule['resources'][number]): boolean {
  const words = resources.length > 0 && resources.every((word) => isDeadWord(word))
  return words || (resourceNames.length > 0 && resourceNames.every(hasStar))
}

/** Of wildcards there are `*`, a whole resource with its subresources, and one subresource of everything; no others. */
function isDeadWord(word: string): boolean {
  if (word === '*') return false
  const [resource = '', subresource, ...rest] = word.split('/')
  if (resource === '' || subresource === '' || rest.length > 0) return true
  if (resource === '*') return subresource === undefined || subresource.includes('*')
  return resource.includes('*') || (subresource !== '*' && subresource?.includes('*') === true)
}

function hasStar(value: string): boolean {
  return value.includes('*')
}

function isNoVerb(verb: string): boolean {
  return verb === '' || hasStar(verb) || verb !== verb.toLowerCase()
}

const MOST_PARTS = 64

/** Rules that together take each verb and resource of a rule, by number. Not all ways to be shadowed are seen. */
function shadowedBy(earlier: readonly PolicyRule[], rule: PolicyRule): readonly number[] | undefined {
  const whole = earlier.findIndex((each) => covers(each, rule))
  if (whole >= 0) return [whole + 1]
  const takers = partsOf(rule).map((part) => earlier.findIndex((each) => covers(each, part)))
  if (takers.length === 0 || takers.includes(-1)) return undefined
  return [...new Set(takers)].map((n) => n + 1).toSorted((a, b) => a - b)
}

function partsOf(rule: PolicyRule): readonly PolicyRule[] {
  const verbs = rule.verbs.length === 0 ? [[]] : rule.verbs.map((verb) => [verb])
  const single = rule.resources.flatMap((each) =>
    (each.resources.length === 0 ? [[]] : each.resources.map((word) => [word])).map((resources) => [
      { ...each, resources },
    ]),
  )
  const places = single.length === 0 ? [[]] : single
  if (verbs.length * places.length > MOST_PARTS) return []
  return verbs.flatMap((each) => places.map((resources) => ({ ...rule, verbs: each, resources })))
}

/** Words that do something else than they seem to. */
function wordsOf(rule: PolicyRule): readonly RuleFinding[] {
  const found: RuleFinding[] = []
  const lists = { users: rule.users, userGroups: rule.userGroups, verbs: rule.verbs, namespaces: rule.namespaces }
  const names = rule.resources.flatMap(({ resourceNames }) => resourceNames)
  for (const [key, values] of Object.entries({ ...lists, resourceNames: names })) {
    const starred = values.find(hasStar)
    if (starred !== undefined) found.push(noWildcard(`${key} know no wildcard: ${starred} matches nothing else`))
  }
  const upper = rule.verbs.find((verb) => verb !== verb.toLowerCase())
  if (upper !== undefined) found.push(noWildcard(`verbs are in lower case: ${upper} matches nothing`))
  const words = rule.resources.flatMap(({ resources }) => resources)
  const deadWord = words.find(isDeadWord)
  if (deadWord !== undefined) found.push(noWildcard(`the resource ${JSON.stringify(deadWord)} matches nothing`))
  const dotted = words.find((word) => word.includes('.'))
  if (dotted !== undefined) {
    const message = `${dotted} looks like a group: names of resources have no dot; are group and resource swapped?`
    found.push({ severity: 'warning', code: 'group-for-resource', message })
  }
  if (rule.resources.some(({ group }) => group === '*')) {
    const message = 'group "*" needs Kubernetes 1.36; an older API server does not start with this policy'
    found.push({ severity: 'warning', code: 'new-syntax', message })
  }
  return found
}

function noWildcard(message: string): RuleFinding {
  return { severity: 'warning', code: 'no-wildcard', message }
}

function leaksOf(rules: readonly PolicyRule[], n: number): readonly RuleFinding[] {
  return bodyLeaksOf(rules, n).map((leak) => ({ severity: 'warning', code: 'secret-bodies', message: inWords(leak) }))
}

function inWords({ what, kind, verbs }: BodyLeak): string {
  return `logs ${what} (${kind}; ${verbs.join(', ')}): put a rule with level Metadata for ${kind} before it`
}

function catchAllOf({ rules }: KubernetesPolicy): readonly LintFinding[] {
  const open = rules.filter(({ users, userGroups, verbs }) => users.length + userGroups.length + verbs.length === 0)
  const everything = open.filter((rule) => !isForResources(rule) && rule.nonResourceURLs.length === 0)
  const forResources = open.some(
    ({ namespaces, resources }) =>
      namespaces.length === 0 &&
      resources.some(
        ({ group, resources: words, resourceNames }) =>
          group === '*' && resourceNames.length === 0 && (words.length === 0 || words.includes('*')),
      ),
  )
  const forPaths = open.some(({ nonResourceURLs }) => nonResourceURLs.includes('*'))
  const missing = [
    ...(forResources ? [] : ['requests for resources']),
    ...(forPaths ? [] : ['requests for other paths']),
  ]
  if (everything.length > 0 || missing.length === 0) return []
  const message = `no rule takes all ${missing.join(' and ')}: what no rule matches is not logged`
  return [{ severity: 'warning', code: 'no-catch-all', at: rules.at(-1)?.at ?? { line: 1, column: 1 }, message }]
}
