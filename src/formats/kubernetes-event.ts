import { isIP } from 'node:net'
import type { Actor, Audit, AuditEvent, Authz, Endpoint, EventFields, JsonObject } from '../domain/event.ts'
import type { Micros } from '../domain/time.ts'
import { formatTime, parseTime } from '../domain/time.ts'
import { authzOfReason, refusedImpersonation } from './kubernetes-rbac.ts'
import type { Subject } from './kubernetes-subject.ts'
import { insideOf, pathOf, permissionOf, subjectOf } from './kubernetes-subject.ts'
import { actorOf, impersonatedActor, userOfName } from './kubernetes-users.ts'
import { codeOf, decisionOf, isDenied, outcomeOf } from './kubernetes-verdict.ts'
import { CATEGORY_OF_RESOURCE, singular, TYPE_OF_ACTION } from './kubernetes-words.ts'
import { dropEmpty, objectIn, stringIn, stringsIn } from './loose.ts'

/**
 * The event that one record becomes, by the table of docs/formats/kubernetes-audit.md.
 *
 * @param record An audit.k8s.io Event with the parts that its decoder asks for.
 * @param now RFC 3339: stands in for a time that the record does not say.
 * @param original The record's bytes as text.
 */
export function kubernetesEvent(record: JsonObject, now: string, cluster: string, original: string): AuditEvent {
  const subject = subjectOf(record)
  const times = timesOf(record)
  const { user, impersonation } = usersOf(record)
  return dropEmpty({
    '@timestamp': times.happened === undefined ? now : formatTime(times.happened),
    event: { ...eventFields(record, subject, times), original },
    user,
    source: sourceOf(record),
    client: clientOf(record),
    user_agent: dropEmpty({ original: stringIn(record, 'userAgent') }),
    audit: auditOf(record, subject, impersonation),
    orchestrator: orchestratorOf(subject, cluster),
    http: httpOf(record, subject),
    url: urlOf(subject.uri),
    ...insideOf(subject),
    kubernetes: kubernetesOf(record, subject),
    message: stringIn(objectIn(record, 'responseStatus'), 'message'),
  })
}

/** Whether the record says when it happened. */
export function saysItsTime(record: JsonObject): boolean {
  return timesOf(record).happened !== undefined
}

interface Times {
  readonly happened: Micros | undefined
  readonly received: Micros | undefined
}

/** `timestamp` is what the oldest version of the format had. */
function timesOf(record: JsonObject): Times {
  const received = parseTime(stringIn(record, 'requestReceivedTimestamp') ?? '')
  const stage = stringIn(record, 'stageTimestamp') ?? stringIn(record, 'timestamp') ?? ''
  return { happened: parseTime(stage) ?? received, received }
}

function eventFields(record: JsonObject, subject: Subject, { happened, received }: Times): EventFields {
  const status = objectIn(record, 'responseStatus')
  const outcome = outcomeOf(record)
  const isOver = stringIn(record, 'stage') === 'ResponseComplete'
  const tookMicros = isOver && happened !== undefined && received !== undefined ? happened - received : -1
  return dropEmpty({
    kind: 'event',
    category: categoriesOf(record, subject),
    type: typesOf(record, subject),
    action: subject.action,
    outcome,
    reason: stringIn(status, 'reason'),
    dataset: 'kubernetes.audit',
    module: 'kubernetes',
    provider: 'kube-apiserver',
    start: received === undefined ? undefined : formatTime(received),
    duration: tookMicros < 0 ? undefined : tookMicros * 1000,
  })
}

function categoriesOf(record: JsonObject, subject: Subject): readonly string[] {
  const more = subject.resource === undefined ? undefined : CATEGORY_OF_RESOURCE.get(subject.resource)
  return ['api', ...(more === undefined ? [] : [more]), ...(codeOf(record) === 401 ? ['authentication'] : [])]
}

function typesOf(record: JsonObject, subject: Subject): readonly string[] {
  const type = TYPE_OF_ACTION.get(subject.action) ?? (subject.resource === undefined ? 'change' : 'access')
  const begun = outcomeOf(record) === 'unknown' && stringIn(record, 'stage') !== 'ResponseComplete'
  return [type, ...(begun ? ['start'] : []), ...(isDenied(record) ? ['denied'] : [])]
}

function usersOf(record: JsonObject) {
  const user = actorOf(objectIn(record, 'user'))
  const effective = impersonatedActor(objectIn(record, 'impersonatedUser'))
  const message = stringIn(objectIn(record, 'responseStatus'), 'message') ?? ''
  const refused = codeOf(record) === 403 && effective === undefined ? refusedImpersonation(message) : undefined
  const target = refused === undefined ? undefined : targetOf(refused)
  const actor: Actor = { ...user, ...(effective && { effective }), ...(target && { target }) }
  return { user: actor, impersonation: refused }
}

function targetOf(refused: { readonly resource: string; readonly name: string }): Actor {
  return refused.resource === 'groups' ? { group: { name: [refused.name] } } : userOfName(refused.name)
}

/** The last hop is the one the API server saw itself; all before it can be set by the client. */
function sourceOf(record: JsonObject): Endpoint | undefined {
  const address = stringsIn(record, 'sourceIPs')?.at(-1)
  return address === undefined ? undefined : endpointOf(address)
}

function clientOf(record: JsonObject): Endpoint | undefined {
  const hops = stringsIn(record, 'sourceIPs') ?? []
  return hops.length < 2 || hops[0] === undefined ? undefined : endpointOf(hops[0])
}

function endpointOf(address: string): Endpoint {
  return isIP(address) === 0 ? { address } : { address, ip: address }
}

function auditOf(
  record: JsonObject,
  subject: Subject,
  impersonation: { readonly resource: string; readonly name: string } | undefined,
): Audit {
  const user = objectIn(record, 'user')
  const reason = stringsIn(objectIn(objectIn(record, 'impersonatedUser'), 'extra'), 'reason')?.[0]
  return dropEmpty({
    resource: [resourceOf(record, subject)],
    authz: authzOf(record, subject, impersonation),
    authn: dropEmpty({
      credential_id: stringsIn(objectIn(user, 'extra'), 'authentication.kubernetes.io/credential-id')?.[0],
    }),
    request: record['requestObject'],
    response: record['responseObject'],
    reason,
  })
}

function resourceOf(record: JsonObject, subject: Subject) {
  if (subject.resource === undefined) return { type: 'url', name: pathOf(subject.uri) }
  return dropEmpty({
    type: singular(subject.resource),
    id: stringIn(subject.ref, 'uid') ?? metadataIn(record, subject, 'uid'),
    name: stringIn(subject.ref, 'name') ?? metadataIn(record, subject, 'name'),
    namespace: subject.namespace,
  })
}

/** A thing that is being made has its name in the bodies only, where the level has them. */
function metadataIn(record: JsonObject, subject: Subject, name: 'name' | 'uid'): string | undefined {
  if (subject.verb !== 'create' || subject.subresource !== undefined) return undefined
  const bodies = [objectIn(record, 'responseObject'), objectIn(record, 'requestObject')]
  return bodies.map((body) => stringIn(objectIn(body, 'metadata'), name)).find(Boolean)
}

function authzOf(
  record: JsonObject,
  subject: Subject,
  impersonation: { readonly resource: string } | undefined,
): Authz | undefined {
  if (impersonation !== undefined) {
    const reason = stringIn(objectIn(record, 'responseStatus'), 'message')
    return dropEmpty({ decision: 'deny', permission: `impersonate ${impersonation.resource}`, reason })
  }
  const decision = decisionOf(record)
  if (decision === undefined) return undefined
  const reason = stringIn(objectIn(record, 'annotations'), 'authorization.k8s.io/reason')
  return dropEmpty({ decision, permission: permissionOf(subject), reason, ...authzOfReason(reason ?? '') })
}

function orchestratorOf(subject: Subject, cluster: string) {
  return dropEmpty({
    type: 'kubernetes',
    cluster: dropEmpty({ name: cluster }),
    namespace: subject.namespace,
    api_version: stringIn(subject.ref, 'apiVersion'),
  })
}

/** The verb of a URL that is no resource is the method; of resources the method is not recorded. */
function httpOf(record: JsonObject, subject: Subject) {
  const method = subject.resource === undefined ? subject.verb.toUpperCase() : undefined
  return {
    request: dropEmpty({ id: stringIn(record, 'auditID'), method }),
    response: dropEmpty({ status_code: codeOf(record) }),
  }
}

function urlOf(uri: string) {
  const query = uri.slice(pathOf(uri).length + 1)
  return dropEmpty({ original: uri, path: pathOf(uri), query })
}

/** Under the names of Elastic's Kubernetes integration, where ECS has none. */
function kubernetesOf(record: JsonObject, subject: Subject) {
  return {
    audit: dropEmpty({
      stage: stringIn(record, 'stage'),
      level: stringIn(record, 'level'),
      objectRef: dropEmpty({ apiGroup: stringIn(subject.ref, 'apiGroup'), subresource: subject.subresource }),
    }),
  }
}
