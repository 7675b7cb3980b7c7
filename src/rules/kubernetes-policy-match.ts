import type { GroupResources, PolicyRule } from './kubernetes-policy.ts'

/** What of a request to the API server a policy looks at. */
export interface PolicyRequest {
  /** Left out: the request has no user, as before authentication. */
  readonly user?: string
  readonly groups: readonly string[]
  readonly verb: string
  readonly target: RequestedResource | RequestedPath
}

export interface RequestedResource {
  readonly kind: 'resource'
  /** Empty: the core group. */
  readonly apiGroup: string
  readonly resource: string
  /** Empty: none. */
  readonly subresource: string
  /** Empty: not in a namespace, or in all of them. */
  readonly namespace: string
  /** Empty: none is named, as by a list. */
  readonly name: string
}

/** A request for no resource, like `/healthz`. */
interface RequestedPath {
  readonly kind: 'path'
  readonly path: string
}

/**
 * The first condition of a rule that a request does not meet, in the API server's order; undefined: the rule matches.
 * Follows `ruleMatches` of `k8s.io/apiserver/pkg/audit/policy`.
 */
export function firstUnmet(
  rule: PolicyRule,
  { user, groups, verb, target }: PolicyRequest,
): keyof PolicyRule | undefined {
  if (rule.users.length > 0 && (user === undefined || !rule.users.includes(user))) return 'users'
  const inGroup = user !== undefined && groups.some((group) => rule.userGroups.includes(group))
  if (rule.userGroups.length > 0 && !inGroup) return 'userGroups'
  if (rule.verbs.length > 0 && !rule.verbs.includes(verb)) return 'verbs'
  if (isForResources(rule)) {
    if (target.kind === 'path') return rule.resources.length > 0 ? 'resources' : 'namespaces'
    if (rule.namespaces.length > 0 && !rule.namespaces.includes(target.namespace)) return 'namespaces'
    return rule.resources.length === 0 || matchesResources(rule.resources, target) ? undefined : 'resources'
  }
  if (rule.nonResourceURLs.length === 0) return undefined
  const isThere = target.kind === 'path' && rule.nonResourceURLs.some((url) => matchesPath(url, target.path))
  return isThere ? undefined : 'nonResourceURLs'
}

/** Such a rule never matches a request for a path. */
export function isForResources({ resources, namespaces }: PolicyRule): boolean {
  return resources.length > 0 || namespaces.length > 0
}

export function matchesResources(listed: readonly GroupResources[], target: RequestedResource): boolean {
  return listed.some(
    ({ group, resources, resourceNames }) =>
      (group === '*' || group === target.apiGroup) &&
      (resources.length === 0 || resources.some((word) => matchesWord(word, target))) &&
      (resourceNames.length === 0 || resourceNames.includes(target.name)),
  )
}

/**
 * A star alone also matches subresources, `pods/*` also plain `pods`, and `pods` no subresource. A star before the slash
 * stands for every resource.
 */
export function matchesWord(
  word: string,
  { resource, subresource }: Pick<RequestedResource, 'resource' | 'subresource'>,
) {
  const combined = subresource === '' ? resource : `${resource}/${subresource}`
  if (word === '*' || word === combined) return true
  if (subresource !== '' && word.startsWith('*/') && word.slice(2) === subresource) return true
  return word.endsWith('/*') && word.slice(0, -2) === resource
}

/** A `*` at the end stands for any text, also without a slash before it. */
export function matchesPath(url: string, path: string): boolean {
  if (url === '*' || url === path) return true
  return url.endsWith('*') && path.startsWith(url.slice(0, -1))
}
