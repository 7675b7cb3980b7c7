import type { PolicyDecision } from '../src/rules/kubernetes-policy-evaluator.ts'
import type { PolicyRequest, RequestedResource } from '../src/rules/kubernetes-policy-match.ts'
import type { Stage } from '../src/rules/kubernetes-policy.ts'

/** As the API server records a request when its policy keeps all. */
export function fullRecord(request: PolicyRequest, stage: Stage) {
  return apiServerRecord(request, stage, { level: 'RequestResponse', omitManagedFields: false })
}

/**
 * The audit.k8s.io Event of a request, with its keys in the API server's order (`pkg/audit/request.go` of
 * `k8s.io/apiserver`): what it writes when its policy decides so.
 */
export function apiServerRecord(
  { user, groups, verb, target }: PolicyRequest,
  stage: Stage,
  { level, omitManagedFields }: Pick<PolicyDecision, 'level' | 'omitManagedFields'>,
) {
  const isOver = stage === 'ResponseComplete'
  const hasBodies = isOver && target.kind === 'resource'
  const keeps = { request: level === 'Request' || level === 'RequestResponse', response: level === 'RequestResponse' }
  const object = (more: object) => {
    const metadata = { name: 'web', ...more, ...(!omitManagedFields && { managedFields: [{ manager: 'a "b" \\' }] }) }
    return { kind: 'Deployment', apiVersion: 'apps/v1', metadata, spec: { text: '{"level":"},' } }
  }
  const annotations = {
    ...(keeps.request && { 'patch.webhook.admission.k8s.io/round_0_index_0': '{"patch":[{"op":"add"}]}' }),
    'authorization.k8s.io/decision': 'allow',
  }
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level,
    auditID: 'b4c9e6a4-0000-4000-8000-0123456789ab',
    stage,
    requestURI: target.kind === 'path' ? target.path : pathOf(target),
    verb,
    user: user === undefined ? {} : { username: user, groups },
    sourceIPs: ['192.0.2.7'],
    userAgent: 'kubectl',
    ...(target.kind === 'resource' && { objectRef: refOf(target, verb) }),
    ...(isOver && { responseStatus: { metadata: {}, code: 200 } }),
    ...(hasBodies && keeps.request && { requestObject: object({}) }),
    ...(hasBodies && keeps.response && { responseObject: object({ uid: 'u-1' }) }),
    requestReceivedTimestamp: '2026-11-24T10:00:00.000000Z',
    stageTimestamp: '2026-11-24T10:00:00.250000Z',
    ...(isOver && { annotations }),
  }
}

function pathOf({ apiGroup, namespace, resource, name, subresource }: RequestedResource): string {
  const group = apiGroup === '' ? '/api/v1' : `/apis/${apiGroup}/v1`
  const parts = [namespace === '' ? '' : `namespaces/${namespace}`, resource, name, subresource]
  return [group, ...parts.filter((part) => part !== '')].join('/')
}

/** A create has its name from its body. */
function refOf({ apiGroup, namespace, resource, name, subresource }: RequestedResource, verb: string): object {
  const named = name === '' && verb === 'create' && subresource === '' ? 'web' : name
  return {
    resource,
    ...(namespace !== '' && { namespace }),
    ...(named !== '' && { name: named }),
    ...(apiGroup !== '' && { apiGroup }),
    apiVersion: 'v1',
    ...(subresource !== '' && { subresource }),
  }
}
