import { type PolicyRequest, isForResources, matchesResources } from './kubernetes-policy-match.ts'
import type { KubernetesPolicy, Level, PolicyRule, Stage } from './kubernetes-policy.ts'

/** What the API server makes of a request. */
export interface PolicyDecision {
  readonly level: Level
  readonly omitStages: readonly Stage[]
  readonly omitManagedFields: boolean
  /** Which one decided, from 1; left out when none matched. */
  readonly rule?: number
}

/**
 * Makes a function of a policy: the first rule that matches decides, and without one nothing is logged. Rules are looked
 * up by a bit for each rule and value, so that a thousand rules cost about as much as one.
 */
export function compileKubernetesPolicy(policy: KubernetesPolicy): (request: PolicyRequest) => PolicyDecision {
  const { rules } = policy
  const decisions = rules.map(({ level, omitStages, omitManagedFields }, n): PolicyDecision => {
    return { level, omitStages, omitManagedFields, rule: n + 1 }
  })
  const otherwise: PolicyDecision = {
    level: 'None',
    omitStages: policy.omitStages,
    omitManagedFields: policy.omitManagedFields,
  }
  const filters = filtersOf(rules)
  return (request) => {
    const first = firstMatch(rules, filters, request)
    return (first === undefined ? undefined : decisions[first]) ?? otherwise
  }
}

/** A bit for each rule, in words of 32. */
type Bits = Uint32Array

/** Which rules a value leaves: those that name it, and those that name none. */
interface Filter {
  readonly any: Bits
  readonly byValue: ReadonlyMap<string, Bits>
}

interface Filters {
  readonly users: Filter
  readonly groups: Filter
  readonly verbs: Filter
  readonly namespaces: Filter
  readonly apiGroups: Filter
  readonly words: Filter
  readonly names: Filter
  readonly urls: Filter
  /** Pieces of URLs before a `*`, by their lengths. */
  readonly prefixes: Filter
  readonly prefixLengths: readonly number[]
}

function filtersOf(rules: readonly PolicyRule[]): Filters {
  const filter = (valuesOf: (rule: PolicyRule) => readonly string[] | 'any' | 'none') => createFilter(rules, valuesOf)
  const listed = (values: readonly string[]) => (values.length === 0 ? 'any' : values)
  const prefixesOf = ({ nonResourceURLs }: PolicyRule) =>
    nonResourceURLs.filter((url) => url.endsWith('*')).map((url) => url.slice(0, -1))
  return {
    users: filter(({ users }) => listed(users)),
    groups: filter(({ userGroups }) => listed(userGroups)),
    verbs: filter(({ verbs }) => listed(verbs)),
    namespaces: filter((rule) => (rule.nonResourceURLs.length > 0 ? 'none' : listed(rule.namespaces))),
    apiGroups: filter(({ resources }) =>
      widened(
        resources.map(({ group }) => [group]),
        '*',
      ),
    ),
    words: filter(({ resources }) =>
      widened(
        resources.map((each) => each.resources),
        '*',
      ),
    ),
    names: filter(({ resources }) => widened(resources.map((each) => each.resourceNames))),
    urls: filter((rule) => (isForResources(rule) ? 'none' : listed(rule.nonResourceURLs))),
    prefixes: filter(prefixesOf),
    prefixLengths: [...new Set(rules.flatMap(prefixesOf).map((prefix) => prefix.length))],
  }
}

/** An empty list, and `wildcard` in one, leave anything. */
function widened(lists: readonly (readonly string[])[], wildcard?: string): readonly string[] | 'any' {
  const isAny = lists.some((list) => list.length === 0 || (wildcard !== undefined && list.includes(wildcard)))
  return isAny || lists.length === 0 ? 'any' : lists.flat()
}

function createFilter(
  rules: readonly PolicyRule[],
  valuesOf: (rule: PolicyRule) => readonly string[] | 'any' | 'none',
): Filter {
  const words = Math.ceil(rules.length / 32)
  const any = new Uint32Array(words)
  const byValue = new Map<string, Bits>()
  const wanted = rules.map(valuesOf)
  for (const [n, values] of wanted.entries()) if (values === 'any') set(any, n)
  for (const [n, values] of wanted.entries())
    for (const value of typeof values === 'string' ? [] : values) {
      const bits = byValue.get(value) ?? any.slice()
      set(bits, n)
      byValue.set(value, bits)
    }
  return { any, byValue }
}

function set(bits: Bits, n: number): void {
  bits[n >>> 5] = (bits[n >>> 5] ?? 0) | (1 << (n & 31))
}

function firstMatch(rules: readonly PolicyRule[], filters: Filters, request: PolicyRequest): number | undefined {
  const filtered = filteredBy(filters, request)
  const { target } = request
  for (let word = 0; word < filters.users.any.length; word++) {
    let left = -1
    for (const oneOf of filtered) {
      let bits = 0
      for (const each of oneOf) bits |= each[word] ?? 0
      left &= bits
      if (left === 0) break
    }
    for (; left !== 0; left &= left - 1) {
      const n = word * 32 + 31 - Math.clz32(left & -left)
      const listed = rules[n]?.resources ?? []
      // The filters look at group, resource and name each on its own; the rule wants them together.
      if (listed.length === 0 || (target.kind === 'resource' && matchesResources(listed, target))) return n
    }
  }
  return undefined
}

/** A rule is left when each filter leaves it, by any of the values that were looked up. */
function filteredBy(filters: Filters, { user, groups, verb, target }: PolicyRequest): readonly (readonly Bits[])[] {
  const who = [
    [lookUp(filters.users, user)],
    user === undefined || groups.length === 0 ? [filters.groups.any] : lookUpAll(filters.groups, groups),
    [lookUp(filters.verbs, verb)],
  ]
  if (target.kind === 'path') {
    const prefixes = filters.prefixLengths
      .filter((length) => length <= target.path.length)
      .map((length) => target.path.slice(0, length))
    return [...who, [lookUp(filters.urls, target.path), ...lookUpAll(filters.prefixes, prefixes)]]
  }
  const { apiGroup, resource, subresource, namespace, name } = target
  const words = subresource === '' ? [resource] : [`${resource}/${subresource}`, `*/${subresource}`]
  return [
    ...who,
    [lookUp(filters.namespaces, namespace)],
    [lookUp(filters.apiGroups, apiGroup)],
    lookUpAll(filters.words, [...words, `${resource}/*`]),
    [lookUp(filters.names, name)],
  ]
}

function lookUp({ any, byValue }: Filter, value: string | undefined): Bits {
  return (value === undefined ? undefined : byValue.get(value)) ?? any
}

function lookUpAll(filter: Filter, values: readonly string[]): readonly Bits[] {
  const found = values.flatMap((value) => filter.byValue.get(value) ?? [])
  return found.length === 0 ? [filter.any] : found
}
