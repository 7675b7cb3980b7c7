import type { PolicyRequest } from '../src/rules/kubernetes-policy-match.ts'
import { LEVELS, STAGES } from '../src/rules/kubernetes-policy.ts'
import type { Random } from './seeded.ts'

/** Policies and requests made of few words, so that they often meet. */

const USERS = ['ada', 'bob', 'system:kube-proxy', '']
const GROUPS = ['devs', 'ops', 'system:nodes', 'system:authenticated']
const VERBS = ['get', 'list', 'create', 'watch', '']
const NAMESPACES = ['default', 'kube-system', 'shop', '']
const API_GROUPS = ['', 'apps', 'batch', 'metrics.k8s.io']
const RESOURCES = ['pods', 'secrets', 'nodes', 'deployments', '']
const SUBRESOURCES = ['', '', 'log', 'status', 'scale', '*']
const NAMES = ['web', 'db', '']
const WORDS = [
  'pods',
  'secrets',
  'nodes',
  'pods/log',
  'pods/*',
  '*/status',
  '*/scale',
  '*',
  '*/*',
  'deployments/scale',
  '',
]
const URLS = ['/healthz', '/healthz*', '/logs*', '/logs/*', '/', '/*', '*', '/version', '//']
const PATHS = ['/healthz', '/healthz/ping', '/logs', '/logsX', '/logs/a', '/', '', '/version', '//', '*']

export function anyPolicy(random: Random): string {
  const rules = Array.from({ length: random.between(1, 12) }, () => anyRule(random))
  return JSON.stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    ...(random.chance(0.3) && { omitStages: some(random, STAGES) }),
    ...(random.chance(0.3) && { omitManagedFields: random.chance(0.5) }),
    rules,
  })
}

function anyRule(random: Random): object {
  const isForPaths = random.chance(0.2)
  const rule = {
    level: one(random, LEVELS),
    ...(random.chance(0.3) && { users: some(random, USERS) }),
    ...(random.chance(0.3) && { userGroups: some(random, GROUPS) }),
    ...(random.chance(0.4) && { verbs: some(random, VERBS) }),
    ...(random.chance(0.2) && { omitStages: some(random, STAGES) }),
    ...(random.chance(0.2) && { omitManagedFields: random.chance(0.5) }),
  }
  if (isForPaths) return { ...rule, nonResourceURLs: some(random, URLS) }
  return {
    ...rule,
    ...(random.chance(0.3) && { namespaces: some(random, NAMESPACES) }),
    ...(random.chance(0.7) && { resources: some(random, [0, 1, 2]).map(() => anyGroup(random)) }),
  }
}

function anyGroup(random: Random): object {
  const resources = random.chance(0.8) ? [one(random, WORDS), ...some(random, WORDS)] : []
  return {
    ...(random.chance(0.9) && { group: random.chance(0.1) ? '*' : one(random, API_GROUPS) }),
    ...(resources.length > 0 && { resources }),
    ...(resources.length > 0 && random.chance(0.3) && { resourceNames: some(random, NAMES) }),
  }
}

export function anyRequest(random: Random): PolicyRequest {
  const hasUser = random.chance(0.9)
  return {
    ...(hasUser && { user: one(random, USERS) }),
    groups: hasUser ? some(random, GROUPS) : [],
    verb: one(random, VERBS),
    target: random.chance(0.25)
      ? { kind: 'path', path: one(random, PATHS) }
      : {
          kind: 'resource',
          apiGroup: one(random, API_GROUPS),
          resource: one(random, RESOURCES),
          subresource: one(random, SUBRESOURCES),
          namespace: one(random, NAMESPACES),
          name: one(random, NAMES),
        },
  }
}

function one<T>(random: Random, from: readonly T[]): T {
  // `between` stays within the list.
  return from[random.between(0, from.length - 1)] as T
}

function some<T>(random: Random, from: readonly T[]): readonly T[] {
  return from.filter(() => random.chance(0.35))
}
