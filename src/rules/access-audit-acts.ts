import type { AuditEvent, Resource } from '../domain/event.ts'
import { OF_A_MESH, type Operation, OTHER_OPERATIONS, resourceType } from './access-audit-words.ts'

/** What an event says in the terms of an AccessAudit. */
export interface MeshAct {
  /** Undefined: something that Kong Mesh never audits, like reading. */
  readonly operation: Operation | undefined
  /** In lower case; undefined where the operation has no resource. */
  readonly type: string | undefined
  /** `none`: it belongs to no mesh. Undefined: it belongs to one, and the event does not say to which. */
  readonly mesh: { readonly name: string } | 'none' | undefined
}

/**
 * What an event means to an AccessAudit (docs/rules/access-audit.md, Mapping); nothing where it is not about a mesh.
 *
 * @param named types beside the known ones that count as such, in lower case.
 */
export function meshActs(event: AuditEvent, named: ReadonlySet<string>): readonly MeshAct[] {
  const { action = '', dataset } = event.event
  // What Kong has written it has filtered itself.
  if (dataset === 'kong.mesh.audit') return []
  const other = OTHERS.get(action.toUpperCase().replaceAll(/[-. ]/g, '_'))
  if (other !== undefined) return [{ operation: other, type: undefined, mesh: meshOfOther(other, event) }]
  if (dataset === 'kubernetes.audit' && !isOfKuma(event)) return []
  let operation: Operation | undefined
  const acts: MeshAct[] = []
  for (const resource of event.audit?.resource ?? []) {
    const type = resource.type?.toLowerCase()
    if (type === undefined || (!named.has(type) && resourceType(type) === undefined)) continue
    operation ??= operationOf(event)
    acts.push({ operation, type, mesh: meshOf(type, resource, event) })
  }
  return acts
}

const OTHERS: ReadonlyMap<string, Operation> = new Map(OTHER_OPERATIONS.map((each) => [each, each]))

/** First words of actions that say the same. */
const WORDS: ReadonlyMap<string, Operation> = new Map([
  ...['create', 'created', 'add', 'added'].map((word) => [word, 'CREATE'] as const),
  ...['update', 'updated', 'patch', 'patched', 'replace', 'replaced'].map((word) => [word, 'UPDATE'] as const),
  ...['delete', 'deleted', 'deletecollection', 'remove', 'removed'].map((word) => [word, 'DELETE'] as const),
])
const TYPES: ReadonlyMap<string, Operation> = new Map([
  ['creation', 'CREATE'],
  ['change', 'UPDATE'],
  ['deletion', 'DELETE'],
])

/** By the action's first word, else its last, else by `event.type`. */
function operationOf({ event }: AuditEvent): Operation | undefined {
  const words = (event.action ?? '').toLowerCase().split(/[-_.: ]/, MOST_WORDS)
  const said = WORDS.get(words[0] ?? '') ?? WORDS.get(words.at(-1) ?? '')
  if (said !== undefined) return said
  for (const type of event.type ?? []) if (TYPES.has(type)) return TYPES.get(type)
  return undefined
}

const MOST_WORDS = 32

function isOfKuma(event: AuditEvent): boolean {
  return textAt(event['kubernetes'], 'audit', 'objectRef', 'apiGroup') === 'kuma.io'
}

function meshOf(type: string, resource: Resource, event: AuditEvent): MeshAct['mesh'] {
  if (type === 'mesh') return namedMesh(resource.name)
  if (resourceType(type)?.scope === 'global') return 'none'
  return namedMesh(resource.parent ?? event.labels?.['mesh'] ?? meshInRequest(event))
}

function meshOfOther(operation: Operation, event: AuditEvent): MeshAct['mesh'] {
  if (operation !== OF_A_MESH) return 'none'
  const parent = event.audit?.resource?.[0]?.parent
  return namedMesh(parent ?? event.labels?.['mesh'] ?? textAt(event.audit?.request, 'claims', 'mesh'))
}

/** As resources on Kubernetes say it: a label since Kuma 2, a field before. */
function meshInRequest({ audit }: AuditEvent): string | undefined {
  return textAt(audit?.request, 'metadata', 'labels', 'kuma.io/mesh') ?? textAt(audit?.request, 'mesh')
}

function namedMesh(name: string | undefined): MeshAct['mesh'] {
  return name === undefined || name === '' ? undefined : { name }
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  let at = value
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = Reflect.get(at, key)
  }
  return typeof at === 'string' ? at : undefined
}
