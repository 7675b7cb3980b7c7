import {
  type PolicyRequest,
  type RequestedResource,
  isForResources,
  matchesResources,
} from './kubernetes-policy-match.ts'
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
  /** By group, resource and subresource. */
  readonly kinds: (target: RequestedResource) => Bits
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
    kinds: createKinds(rules),
    names: filter(({ resources }) => namesOf(resources)),
    urls: filter((rule) => (isForResources(rule) ? 'none' : listed(rule.nonResourceURLs))),
    prefixes: filter(prefixesOf),
    prefixLengths: [...new Set(rules.flatMap(prefixesOf).map((prefix) => prefix.length))],
  }
}

/** An entry without names leaves any. */
function namesOf(resources: PolicyRule['resources']): readonly string[] | 'any' {
  const isAny = resources.length === 0 || resources.some(({ resourceNames }) => resourceNames.length === 0)
  return isAny ? 'any' : resources.flatMap(({ resourceNames }) => resourceNames)
}

const MOST_KINDS = 4096

/**
 * There are few kinds of resources, so what rules leave of each is kept. What no rule names is all the same to them:
 * invented names find what is kept, too.
 */
function createKinds(rules: readonly PolicyRule[]): (target: RequestedResource) => Bits {
  const groups = new Set(rules.flatMap(({ resources }) => resources.map(({ group }) => group)))
  const words = new Set(rules.flatMap(({ resources }) => resources.flatMap((each) => each.resources.flatMap(partsOf))))
  const unnamed = unnamedIn(words)
  const kept = new Map<string, Bits>()
  return (target) => {
    const apiGroup = groups.has(target.apiGroup) ? target.apiGroup : UNNAMED_GROUP
    const resource = words.has(target.resource) ? target.resource : unnamed
    const { subresource: asked } = target
    const subresource = asked === '' || words.has(asked) ? asked : unnamed
    const key = `${apiGroup.length}/${resource.length}/${apiGroup}${resource}${subresource}`
    let bits = kept.get(key)
    if (bits === undefined) {
      if (kept.size >= MOST_KINDS) kept.clear()
      bits = bitsOfKind(rules, { ...target, apiGroup, resource, subresource })
      kept.set(key, bits)
    }
    return bits
  }
}

/** No group of a policy can be named so. */
const UNNAMED_GROUP = '/'

/** A text that is in none of the words. */
function unnamedIn(words: ReadonlySet<string>): string {
  const longest = [...words].reduce((most, word) => Math.max(most, word.length), 0)
  return '-'.repeat(longest + 1)
}

/** A word as it is, and what stands before and behind each slash in it. */
function partsOf(word: string): readonly string[] {
  const parts = [word]
  for (let at = word.indexOf('/'); at >= 0; at = word.indexOf('/', at + 1))
    parts.push(word.slice(0, at), word.slice(at + 1))
  return parts
}

function bitsOfKind(rules: readonly PolicyRule[], target: RequestedResource): Bits {
  const bits = new Uint32Array(Math.ceil(rules.length / 32))
  for (const [n, { resources }] of rules.entries()) {
    const unnamed = resources.map((each) => ({ ...each, resourceNames: [] }))
    if (resources.length === 0 || matchesResources(unnamed, target)) set(bits, n)
  }
  return bits
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
      // Kind and name were looked up each on its own; an entry wants them together.
      if (target.kind === 'path') return n
      if (listed.every(({ resourceNames }) => resourceNames.length === 0) || matchesResources(listed, target)) return n
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
  return [
    ...who,
    [filters.kinds(target)],
    [lookUp(filters.namespaces, target.namespace)],
    [lookUp(filters.names, target.name)],
  ]
}

function lookUp({ any, byValue }: Filter, value: string | undefined): Bits {
  return (value === undefined ? undefined : byValue.get(value)) ?? any
}

function lookUpAll(filter: Filter, values: readonly string[]): readonly Bits[] {
  const found = values.flatMap((value) => filter.byValue.get(value) ?? [])
  return found.length === 0 ? [filter.any] : found
}
