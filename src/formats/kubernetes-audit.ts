import { isIP } from 'node:net'
import { AuditError } from '../domain/errors.ts'
import type { Actor, Audit, AuditEvent, Authz, Endpoint, EventFields, Json, JsonObject } from '../domain/event.ts'
import { formatTime, parseTime } from '../domain/time.ts'
import type { Span } from '../lib/json-scan.ts'
import { itemSpans } from '../lib/json-scan.ts'
import type { DecodeContext, Decoded, DecodedEvent, Format, Reject, Truncation } from './format.ts'
import type { Body } from './limits.ts'
import { cutBodies, DEPTH_LIMIT, depthOf, RECORD_LIMIT_BYTES } from './limits.ts'
import { authzOfReason, refusedImpersonation } from './kubernetes-rbac.ts'
import { actorOf, impersonatedActor, userOfName } from './kubernetes-users.ts'
import { actionOf, CATEGORY_OF_RESOURCE, singular, TYPE_OF_ACTION } from './kubernetes-words.ts'
import { objectIn, stringIn, stringsIn } from './loose.ts'
import type { RecordJson } from './record-json.ts'
import { parseRecord } from './record-json.ts'

/**
 * Records of the Kubernetes API server: `audit.k8s.io/v1` events as the log file has them (one a line) and as the
 * webhook sends them (items of an EventList, without `kind`). A whole EventList becomes an event per item. Every stage
 * of a request is an event of its own; `http.request.id` joins them.
 */
export const kubernetesAudit: Format = {
  name: 'kubernetes-audit',
  version: 1,
  decode(bytes, context) {
    const record = parseRecord(bytes)
    if (record.kind === 'reject') return record
    if (stringIn(record.value, 'kind') === 'EventList') return decodeList(bytes, context)
    return decodeEvent(record, bytes.length, context)
  },
}

const VERSIONS = new Set(['audit.k8s.io/v1', 'audit.k8s.io/v1beta1', 'audit.k8s.io/v1alpha1'])
const BODIES: readonly Body[] = [
  { in: ['requestObject'], path: 'audit.request' },
  { in: ['responseObject'], path: 'audit.response' },
]

/** One record, so one verdict: an item that is no event refuses the list. The webhook sends its items one by one. */
function decodeList(bytes: Uint8Array, context: DecodeContext): Decoded {
  const spans = spansOfItems(bytes)
  if (!Array.isArray(spans)) return spans
  const events: DecodedEvent[] = []
  for (const { start, end } of spans) {
    const item = bytes.subarray(start, end)
    const record = parseRecord(item)
    const decoded = record.kind === 'reject' ? record : decodeEvent(record, item.length, context)
    if (decoded.kind === 'reject') return decoded
    events.push(...decoded.events)
  }
  return { kind: 'events', events }
}

function spansOfItems(bytes: Uint8Array): Span[] | Reject {
  try {
    return itemSpans(bytes, 'items') ?? []
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    return { kind: 'reject', reason: 'wrong_type', path: 'items', message: error.message }
  }
}

function decodeEvent(read: RecordJson, sizeBytes: number, context: DecodeContext): Decoded {
  const refusal = refusalOf(read.value)
  if (refusal !== undefined) return refusal
  const within = bounded(read, sizeBytes)
  if (within === undefined) {
    const message = `the record has ${sizeBytes} bytes and is too large or too deep without its bodies as well`
    return { kind: 'reject', reason: sizeBytes > RECORD_LIMIT_BYTES ? 'too_large' : 'too_deep', message }
  }
  const { record, truncated, original } = within
  const time = timeOf(record)
  const event = eventOf(record, time ?? new Date(context.now).toISOString(), context, original)
  const cut = truncated.length === 0 ? {} : { truncated }
  const naturalId = `${stringIn(record, 'auditID')}/${stringIn(record, 'stage')}`
  return { kind: 'events', events: [{ event, naturalId, trust: trustOf(event, time), ...cut }] }
}

function refusalOf(record: JsonObject): Reject | undefined {
  const kind = stringIn(record, 'kind')
  const version = stringIn(record, 'apiVersion')
  if ((kind !== undefined && kind !== 'Event') || (version !== undefined && !VERSIONS.has(version))) {
    const message = 'the record is no Event of audit.k8s.io: kind or apiVersion say otherwise'
    return { kind: 'reject', reason: 'unknown_kind', path: kind === 'Event' ? 'apiVersion' : 'kind', message }
  }
  for (const field of ['auditID', 'stage', 'verb']) {
    if (!stringIn(record, field)) {
      const missing = record[field] === undefined || record[field] === ''
      const reason = missing ? 'missing_field' : 'wrong_type'
      return { kind: 'reject', reason, path: field, message: `${field} ${missing ? 'is missing' : 'is no text'}` }
    }
  }
  return undefined
}

interface Bounded {
  readonly record: JsonObject
  readonly truncated: readonly Truncation[]
  readonly original: string
}

/**
 * Bodies are written by whoever is audited: a body too large or too deep, or with keys that are unsafe in memory, must
 * not keep a record out. It is cut and the cut is said. Undefined: what is left is beyond the limits as well.
 */
function bounded(read: RecordJson, sizeBytes: number): Bounded | undefined {
  const truncated: Truncation[] = []
  let record = read.value
  if (read.depth > DEPTH_LIMIT) {
    const { requestObject: _request, responseObject: _response, ...rest } = record
    if (depthOf(rest) > DEPTH_LIMIT) return undefined
    record = rest
    truncated.push(...BODIES.map(({ path }) => ({ path, bytes: 0, reason: 'depth_limit' })))
  }
  const cut = cutBodies(record, sizeBytes, BODIES)
  if (cut === undefined) return undefined
  truncated.push(...cut.truncated)
  if (read.unsafeKeys) truncated.push({ path: 'audit', bytes: 0, reason: 'unsafe_keys' })
  if (objectIn(record, 'annotations')?.['audit.k8s.io/truncated'] === 'true') {
    truncated.push(...BODIES.map(({ path }) => ({ path, bytes: 0, reason: 'by_source' })))
  }
  if (sizeBytes <= RECORD_LIMIT_BYTES) return { record: cut.record, truncated, original: read.text }
  truncated.push({ path: 'event.original', bytes: sizeBytes, reason: 'record_limit' })
  return { record: cut.record, truncated, original: JSON.stringify(cut.record) }
}

function timeOf(record: JsonObject): string | undefined {
  return ['stageTimestamp', 'requestReceivedTimestamp', 'timestamp'].map((name) => utcIn(record, name)).find(Boolean)
}

function utcIn(record: JsonObject, name: string): string | undefined {
  const micros = parseTime(stringIn(record, name) ?? '')
  return micros === undefined ? undefined : formatTime(micros)
}

function trustOf(event: AuditEvent, time: string | undefined): readonly string[] {
  return [
    ...(event.source === undefined ? [] : ['ip:last-hop']),
    ...(event.user_agent === undefined ? [] : ['agent:claim']),
    ...(time === undefined ? ['time:collected'] : []),
  ]
}

function eventOf(record: JsonObject, time: string, context: DecodeContext, original: string): AuditEvent {
  const subject = subjectOf(record)
  const { user, impersonation } = usersOf(record)
  return dropEmpty({
    '@timestamp': time,
    event: { ...eventFields(record, subject, time), original },
    user,
    source: sourceOf(record),
    client: clientOf(record),
    user_agent: dropEmpty({ original: stringIn(record, 'userAgent') }),
    audit: auditOf(record, subject, impersonation),
    orchestrator: orchestratorOf(subject, context),
    http: httpOf(record, subject),
    url: urlOf(subject.uri),
    ...insideOf(subject),
    kubernetes: kubernetesOf(record, subject),
    message: stringIn(objectIn(record, 'responseStatus'), 'message'),
  })
}

/** What a request was about: read once, used by several fields. */
interface Subject {
  readonly verb: string
  readonly action: string
  readonly uri: string
  readonly ref: JsonObject | undefined
  readonly resource: string | undefined
  readonly subresource: string | undefined
  readonly namespace: string | undefined
}

function subjectOf(record: JsonObject): Subject {
  const verb = (stringIn(record, 'verb') ?? '').toLowerCase()
  const ref = objectIn(record, 'objectRef')
  const subresource = stringIn(ref, 'subresource')
  const uri = stringIn(record, 'requestURI') ?? ''
  const action = actionOf(verb, subresource)
  return { verb, action, uri, ref, resource: stringIn(ref, 'resource'), subresource, namespace: namespaceOf(ref) }
}

/** A namespace is not in itself. */
function namespaceOf(ref: JsonObject | undefined): string | undefined {
  return stringIn(ref, 'resource') === 'namespaces' ? undefined : stringIn(ref, 'namespace')
}

function eventFields(record: JsonObject, subject: Subject, time: string): EventFields {
  const status = objectIn(record, 'responseStatus')
  const outcome = outcomeOf(record)
  const start = utcIn(record, 'requestReceivedTimestamp')
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
    start,
    duration: stringIn(record, 'stage') === 'ResponseComplete' ? nanosBetween(start, time) : undefined,
  })
}

function nanosBetween(start: string | undefined, end: string): number | undefined {
  const from = parseTime(start ?? '')
  const to = parseTime(end)
  return from === undefined || to === undefined || to < from ? undefined : (to - from) * 1000
}

function outcomeOf(record: JsonObject): EventFields['outcome'] {
  const code = codeOf(record)
  if (decisionOf(record) === 'deny' || (code !== undefined && code >= 400)) return 'failure'
  const stage = stringIn(record, 'stage')
  if (stage === 'Panic') return 'failure'
  return stage === 'ResponseComplete' && code !== undefined ? 'success' : 'unknown'
}

function codeOf(record: JsonObject): number | undefined {
  const code = objectIn(record, 'responseStatus')?.['code']
  return typeof code === 'number' && Number.isInteger(code) && code > 0 ? code : undefined
}

function decisionOf(record: JsonObject): Authz['decision'] {
  const decision = stringIn(objectIn(record, 'annotations'), 'authorization.k8s.io/decision')
  if (decision === 'allow') return 'allow'
  return decision === 'forbid' ? 'deny' : undefined
}

/** Refused by an authorizer, by admission (403 though authorized), or for want of a credential (401). */
function isDenied(record: JsonObject): boolean {
  const code = codeOf(record)
  return decisionOf(record) === 'deny' || code === 403 || code === 401
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

/** As RBAC writes it: `create pods/exec`, `get deployments.apps`, `get /healthz`. */
function permissionOf(subject: Subject): string {
  if (subject.resource === undefined) return `${subject.verb} ${pathOf(subject.uri)}`
  const group = stringIn(subject.ref, 'apiGroup')
  const resource = group === undefined ? subject.resource : `${subject.resource}.${group}`
  return `${subject.verb} ${resource}${subject.subresource === undefined ? '' : `/${subject.subresource}`}`
}

function orchestratorOf(subject: Subject, context: DecodeContext) {
  return dropEmpty({
    type: 'kubernetes',
    cluster: dropEmpty({ name: context.cluster }),
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

function pathOf(uri: string): string {
  const end = uri.indexOf('?')
  return end < 0 ? uri : uri.slice(0, end)
}

/** The command of an exec is in the request's URI and nowhere else. */
function insideOf(subject: Subject) {
  if (subject.action !== 'exec' && subject.action !== 'attach') return {}
  const parameters = new URLSearchParams(subject.uri.slice(pathOf(subject.uri).length))
  const args = parameters.getAll('command')
  return {
    process: dropEmpty({ command_line: args.map(shellWord).join(' '), args }),
    container: dropEmpty({ name: parameters.get('container') ?? undefined }),
  }
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
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

type Filled<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Without fields that hold nothing: undefined, '', {} and []. */
function dropEmpty<T extends object>(fields: T): Filled<T> {
  const kept = Object.entries(fields).filter(([, value]) => !isEmpty(value))
  // Optional fields may be missing in the result; every declared type here takes that.
  return Object.fromEntries(kept) as Filled<T>
}

function isEmpty(value: Json | object | undefined): boolean {
  if (value === undefined || value === '') return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
