import type { Authz, Policy } from '../domain/event.ts'

/**
 * Which binding and role allowed a request, from annotation `authorization.k8s.io/reason`. The text is what
 * kubernetes/plugin/pkg/auth/authorizer/rbac writes:
 * `RBAC: allowed by RoleBinding "edit/shop" of ClusterRole "edit" to Group "developers"`.
 * EKS writes `EKS Access Policy` for `RBAC`. Another reason (another authorizer, an error list) has no policies and stands
 * as it is.
 */
export function authzOfReason(reason: string): Pick<Authz, 'engine' | 'policies' | 'path'> {
  const found = reason.length > REASON_LIMIT ? null : RBAC_REASON.exec(reason)
  if (found === null) return {}
  const [, engine = '', bindingKind = '', binding = '', roleKind = '', role = '', subjectKind = '', subject = ''] =
    found
  const policies = [policyOf(bindingKind, unquoted(binding)), policyOf(roleKind, unquoted(role))]
  const path = [
    `${subjectKind} ${subjectKind === 'ServiceAccount' ? placed(unquoted(subject)) : unquoted(subject)}`,
    ...policies.map((policy) => `${policy.type ?? ''} ${policy.id ?? policy.name ?? ''}`),
  ]
  return { engine, policies, path }
}

/** The reason has `name/namespace`; everybody else writes the namespace first. */
function policyOf(type: string, text: string): Policy {
  const [name = '', namespace] = text.split('/')
  const isPlaced = type === 'RoleBinding' && namespace !== undefined
  return isPlaced ? { id: placed(text), name, type, effect: 'allow' } : { name: text, type, effect: 'allow' }
}

function placed(text: string): string {
  const [name = '', namespace, ...more] = text.split('/')
  return namespace === undefined || more.length > 0 ? text : `${namespace}/${name}`
}

const REASON_LIMIT = 4096
const QUOTED = String.raw`"((?:[^"\\]|\\.)*)"`
const RBAC_REASON = new RegExp(
  `^(RBAC|EKS Access Policy): allowed by (\\w+) ${QUOTED} of (\\w+) ${QUOTED} to (User|Group|ServiceAccount) ${QUOTED}$`,
)

/** Go's %q: quotes and backslashes are escaped. Other escapes are left as they stand. */
function unquoted(text: string): string {
  return !text.includes('\\') ? text : text.replaceAll(/\\(["\\])/g, '$1')
}

export interface RefusedImpersonation {
  /** As RBAC writes it: `impersonate users`, `impersonate-on:user-info:list pods`. */
  readonly permission: string
  /** Whom they wanted to be, where the message names them. */
  readonly wanted?: { readonly resource: string; readonly name: string }
}

/**
 * What a refused impersonation was about. Such a record has no annotations and no `impersonatedUser`: only the message
 * tells, `users "admin" is forbidden: User "carol" cannot impersonate resource "users" in API group "" …`. From 1.36 on
 * the API server asks for what is to be done as somebody else first, and then names nobody:
 * `pods is forbidden: User "carol" cannot impersonate-on:user-info:list resource "pods" …`.
 */
export function refusedImpersonation(message: string): RefusedImpersonation | undefined {
  const found = message.length > REASON_LIMIT ? null : IMPERSONATION.exec(message)
  if (found === null) return undefined
  const [, name, , verb = '', resource = ''] = found
  const permission = `${verb} ${resource}`
  if (name === undefined || verb.startsWith('impersonate-on:')) return { permission }
  return { permission, wanted: { resource, name: unquoted(name) } }
}

const IMPERSONATION = new RegExp(
  `^\\S+(?: ${QUOTED})? is forbidden: User ${QUOTED} cannot (impersonate[a-z:-]*) resource "([a-z/]+)" in API group`,
)
