import type { Json, JsonObject } from '../domain/event.ts'
import type { Reject } from './format.ts'
import { dropEmpty, isObject, objectIn, stringIn } from './loose.ts'

/** Whether this is an entry of Google's Cloud Logging: only these have a `protoPayload`. */
export function isLogEntry(value: JsonObject): boolean {
  return objectIn(value, 'protoPayload') !== undefined
}

const AUDIT_LOG = 'type.googleapis.com/google.cloud.audit.AuditLog'
const SERVICE = 'k8s.io'

/** Entries of other services (`container.googleapis.com` makes and changes clusters) say nothing of a Kubernetes API. */
export function refusalOfLogEntry(entry: JsonObject): Reject | undefined {
  const payload = objectIn(entry, 'protoPayload')
  if (stringIn(payload, '@type') !== AUDIT_LOG || stringIn(payload, 'serviceName') !== SERVICE) {
    const message = `the entry is no AuditLog of the service ${SERVICE}`
    return { kind: 'reject', reason: 'unknown_kind', path: 'protoPayload.serviceName', message }
  }
  if (stringIn(payload, 'methodName') !== undefined) return undefined
  return { kind: 'reject', reason: 'missing_field', path: 'protoPayload.methodName', message: 'methodName is missing' }
}

/**
 * The audit.k8s.io Event that an AuditLog of Google Kubernetes Engine was made from, as far as it says
 * (google.cloud.audit.AuditLog, and "Kubernetes audit logs" in Google's documentation): `operation.id` is the auditID, the
 * labels are the annotations, and `status.code` is a google.rpc.Code.
 */
export function recordOfLogEntry(entry: JsonObject): JsonObject {
  const payload = objectIn(entry, 'protoPayload')
  const metadata = objectIn(payload, 'requestMetadata')
  const address = stringIn(metadata, 'callerIp')
  const subject = subjectOfNames(stringIn(payload, 'methodName') ?? '', stringIn(payload, 'resourceName') ?? '')
  return dropEmpty({
    auditID: stringIn(objectIn(entry, 'operation'), 'id'),
    stage: stageOf(objectIn(entry, 'operation')),
    ...subject,
    user: dropEmpty({ username: stringIn(objectIn(payload, 'authenticationInfo'), 'principalEmail') }),
    sourceIPs: address === undefined ? undefined : [address],
    userAgent: stringIn(metadata, 'callerSuppliedUserAgent'),
    responseStatus: statusOf(objectIn(payload, 'status')),
    requestObject: payload?.['request'],
    responseObject: payload?.['response'],
    stageTimestamp: stringIn(entry, 'timestamp') ?? stringIn(entry, 'receiveTimestamp'),
    annotations: annotationsOf(entry, payload),
  })
}

/** A request that is over at once has both marks, a watch an entry for each. */
function stageOf(operation: JsonObject | undefined): string {
  return operation?.['first'] === true && operation['last'] !== true ? 'ResponseStarted' : 'ResponseComplete'
}

/** `io.k8s.core.v1.pods.exec.create` on `core/v1/namespaces/shop/pods/web/exec`. */
function subjectOfNames(method: string, name: string) {
  const verb = method.slice(method.lastIndexOf('.') + 1)
  const [group = '', version, ...rest] = name.split('/')
  const isPlaced = rest[0] === 'namespaces' && rest.length > 2
  const [resource, thing, subresource] = isPlaced ? rest.slice(2) : rest
  if (version === undefined || resource === undefined) return { verb, requestURI: name === '' ? '' : `/${name}` }
  const objectRef = dropEmpty({
    resource,
    namespace: isPlaced ? rest[1] : undefined,
    name: thing,
    subresource,
    apiGroup: group === 'core' ? undefined : group,
    apiVersion: version,
  })
  return { verb, objectRef }
}

/** google/rpc/code.proto says which HTTP status each code is. Of what went well the status is not recorded. */
const HTTP_STATUS: ReadonlyMap<Json | undefined, number> = new Map([
  [1, 499],
  [2, 500],
  [3, 400],
  [4, 504],
  [5, 404],
  [6, 409],
  [7, 403],
  [8, 429],
  [9, 400],
  [10, 409],
  [11, 400],
  [12, 501],
  [13, 500],
  [14, 503],
  [15, 500],
  [16, 401],
])

function statusOf(status: JsonObject | undefined): JsonObject {
  const said = status?.['code']
  const code = HTTP_STATUS.get(said)
  const message = stringIn(status, 'message')
  if (code === undefined) return said === undefined || said === 0 ? { status: 'Success' } : dropEmpty({ message })
  return dropEmpty({ status: 'Failure', code, message })
}

/** The decision is a label; where there is none, `authorizationInfo` says it. */
function annotationsOf(entry: JsonObject, payload: JsonObject | undefined): JsonObject {
  const labels = objectIn(entry, 'labels') ?? {}
  if (stringIn(labels, 'authorization.k8s.io/decision') !== undefined) return labels
  const info = payload?.['authorizationInfo']
  const granted = Array.isArray(info) && isObject(info[0]) ? info[0]['granted'] : undefined
  if (typeof granted !== 'boolean') return labels
  return { ...labels, 'authorization.k8s.io/decision': granted ? 'allow' : 'forbid' }
}
