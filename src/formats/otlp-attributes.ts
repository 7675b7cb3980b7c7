import type { FieldType } from '../domain/our-fields.ts'
import { declaredField } from '../domain/fields.ts'

/** Where an attribute goes in an event. */
export interface Place {
  readonly parents: readonly string[]
  readonly name: string
  /** The path as one text, as it is noted of an attribute of the field's own name, and of one that only means the same. */
  readonly key: string
  readonly meantKey: string
  readonly type: FieldType
  readonly isList: boolean
  /** The attribute has the field's own name: it is preferred to one that only means the same. */
  readonly isOwn: boolean
}

/**
 * OpenTelemetry's semantic conventions (1.3x) in the words of ECS. Attributes that have the name of a declared field need
 * no row: ECS and the conventions are one vocabulary in large parts.
 */
const CONVENTIONS: ReadonlyMap<string, string> = new Map([
  ['enduser.id', 'user.id'],
  ['enduser.role', 'user.roles'],
  ['client.address', 'client.address'],
  ['client.port', 'client.port'],
  ['network.peer.address', 'source.address'],
  ['network.peer.port', 'source.port'],
  ['net.sock.peer.addr', 'source.address'],
  ['net.sock.peer.port', 'source.port'],
  ['net.peer.ip', 'source.address'],
  ['http.client_ip', 'client.address'],
  ['server.address', 'server.address'],
  ['http.request.header.x-request-id', 'http.request.id'],
  ['http.request.body.size', 'http.request.body.bytes'],
  ['http.response.body.size', 'http.response.body.bytes'],
  ['http.method', 'http.request.method'],
  ['http.status_code', 'http.response.status_code'],
  ['http.target', 'url.original'],
  ['http.url', 'url.full'],
  ['http.user_agent', 'user_agent.original'],
  ['exception.type', 'error.type'],
  ['exception.message', 'error.message'],
  ['exception.stacktrace', 'error.stack_trace'],
  ['code.function.name', 'log.origin.function'],
  ['code.file.path', 'log.origin.file.name'],
  ['code.line.number', 'log.origin.file.line'],
  ['service.instance.id', 'service.node.name'],
  ['deployment.environment', 'service.environment'],
  ['deployment.environment.name', 'service.environment'],
  ['host.arch', 'host.architecture'],
  ['os.type', 'host.os.platform'],
  ['os.description', 'host.os.full'],
  ['os.name', 'host.os.name'],
  ['os.version', 'host.os.version'],
  ['process.executable.path', 'process.executable'],
  ['process.executable.name', 'process.name'],
  ['process.command_args', 'process.args'],
  ['cloud.platform', 'cloud.service.name'],
  ['container.image.tags', 'container.image.tag'],
  ['container.runtime.name', 'container.runtime'],
  ['k8s.cluster.name', 'orchestrator.cluster.name'],
  ['k8s.cluster.uid', 'orchestrator.cluster.id'],
  ['k8s.namespace.name', 'orchestrator.namespace'],
  ['k8s.container.name', 'container.name'],
  ['faas.invocation_id', 'faas.execution'],
  ['user_agent.name', 'user_agent.name'],
])

/** Ours, or set from elsewhere in the record: an attribute of that name stays a label. */
const KEPT_OUT = /^(?:@timestamp|whodid|event\.(?:id|ingested|original|created)|labels|audit\.change|ecs)(?:\.|$)/

/** Fields that lie in a list of objects: attributes say the first of them. */
const LISTS: readonly string[] = ['audit.resource', 'audit.authz.policies', 'audit.delegation']

const MOST_REMEMBERED = 5000
const remembered = new Map<string, Place | undefined>()

/** Undefined: no field means this; it becomes a label. */
export function placeOf(attribute: string): Place | undefined {
  const known = remembered.get(attribute)
  if (known !== undefined || remembered.has(attribute)) return known
  const place = findPlace(attribute)
  // Names are chosen by whoever writes records.
  if (remembered.size < MOST_REMEMBERED) remembered.set(attribute, place)
  return place
}

function findPlace(attribute: string): Place | undefined {
  if (attribute.length > 128 || KEPT_OUT.test(attribute)) return undefined
  const target = CONVENTIONS.get(attribute) ?? attribute
  const field = declaredField(target)
  // An alias of the query language ("actor") is no name of a field.
  if (field === undefined || field.path !== target || field.type === 'object') return undefined
  // Names below an open field are the sender's own.
  if (field.below !== undefined || field.open === true) return undefined
  const list = LISTS.find((each) => target.startsWith(`${each}.`))
  const path = list === undefined ? target : `${list}.0${target.slice(list.length)}`
  const parents = path.split('.')
  const name = parents.pop() ?? ''
  const isOwn = target === attribute
  return { parents, name, key: path, meantKey: `~${path}`, type: field.type, isList: field.array === true, isOwn }
}
