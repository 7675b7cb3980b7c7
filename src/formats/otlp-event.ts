import { isIP } from 'node:net'
import type { Actor, Audit, AuditEvent, Endpoint, EventFields, Json, JsonObject, Outcome } from '../domain/event.ts'
import { formatTime } from '../domain/time.ts'
import type { DecodeContext, DecodedEvent, Truncation } from './format.ts'
import { dropEmpty, isObject, objectIn, stringIn, stringsIn } from './loose.ts'
import type { FieldTree } from './otlp-fields.ts'
import { fieldsOfAttributes } from './otlp-fields.ts'
import type { OtlpRecord } from './otlp-record.ts'

/** The event that one log record becomes, by the table of docs/formats/otlp.md. It has no original yet. */
export function otlpEvent(record: OtlpRecord, context: DecodeContext): DecodedEvent {
  const { tree, labels, truncated } = fieldsOfAttributes([record.attributes, record.scope, record.resource])
  const said = withLists(tree)
  const text = messageOf(record, said)
  const happened = record.time ?? record.observed
  const source = sourceOf(said)
  const event: AuditEvent = dropEmpty({
    ...said,
    '@timestamp': happened === undefined ? new Date(context.now).toISOString() : formatTime(happened),
    event: eventFields(record, said),
    user: userOf(record, objectIn(said, 'user')),
    source: source.endpoint,
    client: endpointOf(objectIn(said, 'client')),
    audit: auditOf(said),
    orchestrator: orchestratorOf(record, said, context),
    log: dropEmpty({ ...objectIn(said, 'log'), level: levelOf(record) }),
    trace: dropEmpty({ id: record.traceId }),
    span: dropEmpty({ id: record.spanId }),
    labels: Object.fromEntries(labels),
    message: text.message,
  })
  const cut = [...truncated, ...text.truncated, ...droppedBySource(record)]
  const naturalId = idOf(record)
  const trust = trustOf(record, event, source.isClaim)
  return {
    event,
    ...(naturalId !== undefined && { naturalId }),
    ...(trust.length > 0 && { trust }),
    ...(cut.length > 0 && { truncated: cut }),
  }
}

/** A body that is longer stays in the original only. */
const LONGEST_MESSAGE = 256 * 1024

/** Lists of objects as lists: the attributes filled the first object of each. */
function withLists(tree: FieldTree): JsonObject {
  const audit = treeIn(tree, 'audit')
  const authz = treeIn(audit, 'authz')
  for (const [holder, name] of [
    [audit, 'resource'],
    [audit, 'delegation'],
    [authz, 'policies'],
  ] as const) {
    const first = treeIn(treeIn(holder, name), '0')
    if (holder !== undefined && first !== undefined) holder[name] = [first]
  }
  return tree
}

function treeIn(tree: FieldTree | undefined, name: string): FieldTree | undefined {
  const below = tree !== undefined && Object.hasOwn(tree, name) ? tree[name] : undefined
  // What is no list in a tree is a tree.
  return typeof below === 'object' && below !== null && !Array.isArray(below) ? (below as FieldTree) : undefined
}

function messageOf(record: OtlpRecord, said: JsonObject): { message?: string; truncated: readonly Truncation[] } {
  const { body } = record
  const message =
    body === undefined ? stringIn(said, 'message') : typeof body === 'string' ? body : JSON.stringify(body)
  if (message === undefined) return { truncated: [] }
  if (message.length <= LONGEST_MESSAGE) return { message, truncated: [] }
  return { truncated: [{ path: 'message', bytes: Buffer.byteLength(message), reason: 'value_limit' }] }
}

const OUTCOMES: ReadonlySet<string> = new Set(['success', 'failure', 'unknown'])

function eventFields(record: OtlpRecord, said: JsonObject): EventFields {
  const own = objectIn(said, 'event')
  const request = objectIn(objectIn(said, 'http'), 'request')
  const method = stringIn(request, 'method')?.toLowerCase()
  return dropEmpty({
    ...own,
    kind: stringIn(own, 'kind') ?? 'event',
    category: stringsIn(own, 'category') ?? (method === undefined ? undefined : ['web']),
    type: typesOf(own, said, method),
    action:
      stringIn(own, 'action') ?? (record.eventName || (textOf(record.attributes, 'event.name') ?? method ?? 'log')),
    outcome: outcomeOf(own, said),
    dataset: stringIn(own, 'dataset') ?? 'otlp',
    module: stringIn(own, 'module') ?? 'opentelemetry',
    provider: stringIn(own, 'provider') ?? record.scopeName,
    severity: record.severity > 0 && record.severity <= 24 ? record.severity : undefined,
    created: record.observed === undefined ? undefined : formatTime(record.observed),
  })
}

function typesOf(own: JsonObject | undefined, said: JsonObject, method: string | undefined): readonly string[] {
  const types = stringsIn(own, 'type') ?? (method === undefined ? [] : ['access'])
  const isDenied = decisionOf(said) === 'deny' || [401, 403].includes(statusOf(said) ?? 0)
  return isDenied && !types.includes('denied') ? [...types, 'denied'] : types
}

function outcomeOf(own: JsonObject | undefined, said: JsonObject): Outcome {
  const outcome = stringIn(own, 'outcome')?.toLowerCase()
  // OUTCOMES holds the three that there are.
  if (outcome !== undefined && OUTCOMES.has(outcome)) return outcome as Outcome
  const status = statusOf(said)
  if (status !== undefined) return status >= 400 ? 'failure' : 'success'
  if (decisionOf(said) === 'deny' || stringIn(objectIn(said, 'error'), 'type') !== undefined) return 'failure'
  return 'unknown'
}

function statusOf(said: JsonObject): number | undefined {
  const status = objectIn(objectIn(said, 'http'), 'response')?.['status_code']
  return typeof status === 'number' ? status : undefined
}

function decisionOf(said: JsonObject): string | undefined {
  return stringIn(objectIn(objectIn(said, 'audit'), 'authz'), 'decision')
}

const KINDS: ReadonlySet<string> = new Set(['person', 'service', 'system', 'agent', 'anonymous'])

/** `enduser.id` is a person by its definition; of `user.*` only an address tells. */
function userOf(record: OtlpRecord, user: JsonObject | undefined): Actor | undefined {
  if (user === undefined) return undefined
  const { kind: said, ...rest } = user
  const name = stringIn(user, 'name') ?? stringIn(user, 'id')
  const email = stringIn(user, 'email') ?? (name !== undefined && /^[^\s@]+@[^\s@]+$/.test(name) ? name : undefined)
  const isPerson = email !== undefined || record.attributes.has('enduser.id')
  const kind = typeof said === 'string' && KINDS.has(said) ? said : isPerson ? 'person' : undefined
  // Its fields have the types of their declaration (typedValue).
  return dropEmpty({ ...rest, kind, email }) as Actor
}

/** Whom the service saw; else, as it says, for whom it was done. */
function sourceOf(said: JsonObject): { readonly endpoint: Endpoint | undefined; readonly isClaim: boolean } {
  const seen = endpointOf(objectIn(said, 'source'))
  if (seen?.ip !== undefined || seen?.address !== undefined) return { endpoint: seen, isClaim: false }
  const client = endpointOf(objectIn(said, 'client'))
  const address = dropEmpty({ ...seen, address: client?.address, ip: client?.ip, port: client?.port })
  return { endpoint: address, isClaim: client?.ip !== undefined }
}

function endpointOf(fields: JsonObject | undefined): Endpoint | undefined {
  if (fields === undefined) return undefined
  const address = stringIn(fields, 'address')
  const ip = stringIn(fields, 'ip') ?? (address !== undefined && isIP(address) !== 0 ? address : undefined)
  // As in userOf.
  return dropEmpty({ ...fields, ip }) as Endpoint
}

const DECISIONS: ReadonlySet<string> = new Set(['allow', 'deny', 'staged'])

/** What was accessed, where no attribute says it, is the address that was asked for. */
function auditOf(said: JsonObject): Audit {
  const { authz: saidAuthz, ...audit } = objectIn(said, 'audit') ?? {}
  const authz = isObject(saidAuthz) ? saidAuthz : undefined
  const decision = stringIn(authz, 'decision')
  const isDecision = decision === undefined || DECISIONS.has(decision)
  const { decision: _unknown, ...rest } = authz ?? {}
  const url = objectIn(said, 'url')
  const path = stringIn(url, 'path') ?? pathOf(stringIn(url, 'original') ?? stringIn(url, 'full'))
  const resource = audit['resource'] ?? (path === undefined ? undefined : [{ type: 'url', name: path }])
  // As in userOf.
  return dropEmpty({ ...audit, resource, authz: isDecision ? authz : rest }) as Audit
}

function pathOf(url: string | undefined): string | undefined {
  if (url === undefined) return undefined
  const path = url.startsWith('/') ? url : url.slice(url.indexOf('/', url.indexOf('://') + 3))
  const end = path.search(/[?#]/)
  return path.startsWith('/') ? (end < 0 ? path : path.slice(0, end)) : undefined
}

/** The credential says which cluster it is; only without a configured one is the record believed. */
function orchestratorOf(record: OtlpRecord, said: JsonObject, context: DecodeContext): JsonObject {
  const own = objectIn(said, 'orchestrator')
  const cluster = context.cluster === undefined ? objectIn(own, 'cluster') : { name: context.cluster }
  const isKubernetes = own !== undefined && record.resource.keys().some((name) => name.startsWith('k8s.'))
  const type = stringIn(own, 'type') ?? (isKubernetes ? 'kubernetes' : undefined)
  return dropEmpty({ ...own, cluster, type })
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']

/** SeverityNumber: four numbers to a level, from 1. */
function levelOf({ severity, severityText }: OtlpRecord): string | undefined {
  return severityText === '' ? LEVELS[Math.ceil(severity / 4) - 1] : severityText
}

function droppedBySource({ droppedAttributes }: OtlpRecord): readonly Truncation[] {
  return droppedAttributes > 0 ? [{ path: 'labels', bytes: 0, reason: 'by_source' }] : []
}

/** `log.record.uid` is there for finding duplicates; `event.id` is ECS' name for the same. */
function idOf({ attributes }: OtlpRecord): string | undefined {
  return textOf(attributes, 'log.record.uid') ?? textOf(attributes, 'event.id')
}

function trustOf({ time, observed }: OtlpRecord, event: AuditEvent, isClaim: boolean): readonly string[] {
  const when = observed === undefined ? ['time:collected'] : ['time:observed']
  return [
    ...(time === undefined ? when : []),
    ...(isClaim ? ['ip:claim'] : []),
    ...(event.user_agent?.original === undefined ? [] : ['agent:claim']),
  ]
}

function textOf(attributes: ReadonlyMap<string, Json>, name: string): string | undefined {
  const value = attributes.get(name)
  return typeof value === 'string' && value !== '' ? value : undefined
}
