import { isIP } from 'node:net'
import type { Actor, Audit, AuditEvent, Authz, Endpoint, EventFields, JsonObject } from '../domain/event.ts'
import type { Micros } from '../domain/time.ts'
import { parseTime, timeAsRead } from '../domain/time.ts'
import type { RefusedImpersonation } from './kubernetes-rbac.ts'
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
 */
export function kubernetesEvent(record: JsonObject, around: Around): KubernetesEvent {
  const { nowMs, cluster, original, trustedHops } = around
  const subject = subjectOf(record)
  const times = timesOf(record)
  const hop = believedHop(record, trustedHops)
  const userAgent = stringIn(record, 'userAgent')
  const { user, impersonation } = usersOf(record)
  const event = dropEmpty({
    '@timestamp': times.happened?.text ?? new Date(nowMs).toISOString(),
    event: { ...eventFields(record, subject, times), original },
    user,
    source: hop.address === undefined ? undefined : endpointOf(hop.address),
    client: hop.claimed === undefined ? undefined : endpointOf(hop.claimed),
    user_agent: dropEmpty({ original: userAgent }),
    audit: auditOf(record, subject, impersonation),
    orchestrator: orchestratorOf(subject, cluster),
    http: httpOf(record, subject),
    url: urlOf(subject.uri),
    ...insideOf(subject),
    kubernetes: kubernetesOf(record, subject),
    message: stringIn(objectIn(record, 'responseStatus'), 'message'),
  })
  const trust = [
    ...(hop.address === undefined ? [] : [hop.isLast ? 'ip:last-hop' : 'ip:trusted-hop']),
    ...(userAgent === undefined ? [] : ['agent:claim']),
    ...(times.happened === undefined ? ['time:collected'] : []),
  ]
  return { event, trust }
}

interface KubernetesEvent {
  readonly event: AuditEvent
  /** What of it was believed or assumed. */
  readonly trust: readonly string[]
}

/** What the event says that the record does not. */
export interface Around {
  /** Stands in for a time that the record does not say. */
  readonly nowMs: number
  readonly cluster: string
  /** The record's bytes as text. */
  readonly original: string
  /** How many of `sourceIPs` are believed, counted from the last. */
  readonly trustedHops: number
}

interface Times {
  readonly happened: Time | undefined
  readonly received: Time | undefined
}

interface Time {
  readonly micros: Micros
  /** RFC 3339 in UTC. */
  readonly text: string
}

/** `timestamp` is what the oldest version of the format had. */
function timesOf(record: JsonObject): Times {
  const received = timeIn(record, 'requestReceivedTimestamp')
  const stage = stringIn(record, 'stageTimestamp') === undefined ? 'timestamp' : 'stageTimestamp'
  return { happened: timeIn(record, stage) ?? received, received }
}

function timeIn(record: JsonObject, name: string): Time | undefined {
  const said = stringIn(record, name)
  const micros = said === undefined ? undefined : parseTime(said)
  return said === undefined || micros === undefined ? undefined : { micros, text: timeAsRead(said, micros) }
}

function eventFields(record: JsonObject, subject: Subject, { happened, received }: Times): EventFields {
  const status = objectIn(record, 'responseStatus')
  const outcome = outcomeOf(record)
  const isOver = stringIn(record, 'stage') === 'ResponseComplete'
  const tookMicros = isOver && happened !== undefined && received !== undefined ? happened.micros - received.micros : -1
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
    start: received?.text,
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
  const target = refused?.wanted === undefined ? undefined : targetOf(refused.wanted)
  const actor: Actor = { ...user, ...(effective && { effective }), ...(target && { target }) }
  return { user: actor, impersonation: refused }
}

function targetOf(refused: NonNullable<RefusedImpersonation['wanted']>): Actor {
  return refused.resource === 'groups' ? { group: { name: [refused.name] } } : userOfName(refused.name)
}

interface Hop {
  readonly address: string | undefined
  /** The API server saw it itself. */
  readonly isLast: boolean
  /** The first of all, where that is another: whoever asked may have said anything. */
  readonly claimed: string | undefined
}

/** The last hop is the one the API server saw itself; all before it are headers, true as far as the proxies before it are. */
function believedHop(record: JsonObject, trustedHops: number): Hop {
  const hops = stringsIn(record, 'sourceIPs') ?? []
  const at = Math.max(0, hops.length - trustedHops)
  return { address: hops[at], isLast: at === hops.length - 1, claimed: at === 0 ? undefined : hops[0] }
}

function endpointOf(address: string): Endpoint {
  return isIP(address) === 0 ? { address } : { address, ip: address }
}

function auditOf(record: JsonObject, subject: Subject, impersonation: RefusedImpersonation | undefined): Audit {
  const user = objectIn(record, 'user')
  const reason = stringsIn(objectIn(objectIn(record, 'impersonatedUser'), 'extra'), 'reason')?.[0]
  return dropEmpty({
    resource: [resourceOf(record, subject)],
    authz: authzOf(record, subject, impersonation),
    authn: authnOf(objectIn(user, 'extra')),
    request: record['requestObject'],
    response: record['responseObject'],
    reason,
  })
}

/** A credential's id says of what kind it is: `X509SHA256=…` a certificate, `JTI=…` a signed token. */
function authnOf(extra: JsonObject | undefined) {
  const credential =
    stringsIn(extra, 'authentication.kubernetes.io/credential-id')?.[0] ?? stringsIn(extra, 'accessKeyId')?.[0]
  const method = METHODS.find(([prefix]) => credential?.startsWith(prefix))?.[1]
  return dropEmpty({ method, credential_id: credential })
}

const METHODS = [
  ['X509SHA256=', 'certificate'],
  ['JTI=', 'token'],
] as const

/** What the request was about. */
export function resourceOf(record: JsonObject, subject: Subject) {
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
  impersonation: RefusedImpersonation | undefined,
): Authz | undefined {
  if (impersonation !== undefined) {
    const reason = stringIn(objectIn(record, 'responseStatus'), 'message')
    return dropEmpty({ decision: 'deny', permission: impersonation.permission, reason })
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
      user: dropEmpty({ extra: extraOf(objectIn(objectIn(record, 'user'), 'extra')) }),
      objectRef: dropEmpty({ apiGroup: stringIn(subject.ref, 'apiGroup'), subresource: subject.subresource }),
    }),
  }
}

/**
 * What the authenticator says beside the name, under short names that can be asked for: `authentication.kubernetes.io/pod-name`
 * is `pod-name`. The credential's id is in `audit.authn`, and only there.
 */
function extraOf(extra: JsonObject | undefined): JsonObject {
  const short = new Map<string, readonly string[]>()
  for (const key of Object.keys(extra ?? {}).slice(0, MOST_EXTRAS)) {
    const name = key.slice(key.lastIndexOf('/') + 1).replaceAll('.', '_')
    const values = stringsIn(extra, key) ?? []
    if (CREDENTIALS.has(name) || name === '' || values.length === 0) continue
    short.set(name, [...(short.get(name) ?? []), ...values])
  }
  return Object.fromEntries(short)
}

const MOST_EXTRAS = 64
const CREDENTIALS = new Set(['credential-id', 'accessKeyId'])
