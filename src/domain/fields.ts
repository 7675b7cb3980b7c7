import ecs from './ecs-9.4.json' with { type: 'json' }
import { ALIASES, type FieldType, OUR_FIELDS, OVER_ECS } from './our-fields.ts'
import type { BlockName } from './sealed.ts'

/** One place in an event, as queries, facets, completion and rights name it. */
export interface Field {
  /** Dotted path in the event. */
  readonly path: string
  /** More paths that the name asked for stands for: `actor` matches a name, an id or an address. */
  readonly also?: readonly string[]
  readonly type: FieldType
  readonly aliases: readonly string[]
  /** The block of a sealed event that holds it (docs/ledger.md, Blocks), or the leaf's header. */
  readonly block: 'header' | BlockName
  readonly array?: boolean
  /** Below it any path may be asked for: its contents are the source's. */
  readonly open?: boolean
  /** The open field that this one was found below; absent for declared fields. */
  readonly below?: string
  /** An id: compared as it is written, capitals included. */
  readonly exact?: boolean
  /** All values it can have. */
  readonly values?: readonly string[]
  /** Empty for ECS fields that we say nothing about: ECS documents them. */
  readonly description: string
}

/**
 * The field that a path or an alias names: ECS 9.4, our own, or any path below an open field (`labels.team`).
 * Undefined: there is no such field. Names are compared as written; fields are in lower case.
 */
export function declaredField(name: string): Field | undefined {
  const alias = ALIASES.get(name)
  if (alias !== undefined) {
    const field = index().get(alias.path)
    return field && alias.also ? { ...field, also: alias.also } : field
  }
  return index().get(name) ?? fieldBelow(name)
}

/** Every declared field, ours first, then ECS in its own order. */
export function allFields(): readonly Field[] {
  return [...index().values()]
}

/** Every name a query may begin a term with: aliases first, then paths. For completion and for "did you mean". */
export function fieldNames(): readonly string[] {
  return [...ALIASES.keys(), ...index().keys()]
}

/** The block that holds a path (docs/ledger.md, Blocks). Header fields stand in the leaf, or are made from it. */
export function blockOf(path: string): 'header' | BlockName {
  if (HEADER.has(path)) return 'header'
  if (path === 'event.original' || path === 'whodid.original_base64') return 'original'
  if (isAtOrBelow(path, 'user.target')) return 'target'
  if (isAtOrBelow(path, 'user')) return 'actor'
  return PLACE.some((root) => isAtOrBelow(path, root)) ? 'place' : 'body'
}

/** Whether a dotted path is `root` or lies below it. */
export function isAtOrBelow(path: string, root: string): boolean {
  return path.startsWith(root) && (path.length === root.length || path[root.length] === '.')
}

const PLACE = ['source', 'client', 'user_agent']

/** What a leaf says in the clear (docs/ledger.md, Leaf), and where it stands. */
export const LEAF_PATHS: readonly string[] = [
  '@timestamp',
  'event.id',
  'event.dataset',
  'event.action',
  'event.outcome',
  'event.ingested',
  'whodid.source',
]
export const POSITION_PATHS: readonly string[] = ['whodid.stream', 'whodid.log', 'whodid.index']
const HEADER = new Set([...LEAF_PATHS, ...POSITION_PATHS, 'whodid.imported', 'whodid.conflict', 'whodid.duplicate_of'])

let fields: ReadonlyMap<string, Field> | undefined

/** Made at first use: a browser that never reads a query does not pay for 2,600 objects. */
function index(): ReadonlyMap<string, Field> {
  fields ??= declared()
  return fields
}

function declared(): Map<string, Field> {
  const found = new Map<string, Field>()
  const aliases = Map.groupBy(ALIASES, ([, alias]) => alias.path)
  const add = (path: string, rest: Omit<Field, 'path' | 'aliases' | 'block'>): void => {
    const names = (aliases.get(path) ?? []).map(([name]) => name)
    found.set(path, { path, aliases: names, block: blockOf(path), ...rest })
  }
  for (const [path, field] of OUR_FIELDS) add(path, field)
  walk(ecs, '', (path, type, isList) => {
    if (found.has(path)) return
    // An ECS object without fields of its own holds what the source likes.
    const open = type === 'object' && { open: true }
    const ofEcs = { type: type === 'branch' ? ('object' as const) : type, ...(isList && { array: true }), ...open }
    add(path, { ...ofEcs, description: '', ...OVER_ECS.get(path) })
  })
  return found
}

type Tree = string | { readonly [segment: string]: Tree }

function walk(
  tree: Tree,
  path: string,
  found: (path: string, type: FieldType | 'branch', isList: boolean) => void,
): void {
  if (typeof tree === 'string') {
    const isList = tree.endsWith('[]')
    // scripts/ecs-fields.ts writes these types only.
    found(path, (isList ? tree.slice(0, -2) : tree) as FieldType, isList)
    return
  }
  if (path !== '') found(path, 'branch', false)
  for (const [segment, below] of Object.entries(tree)) walk(below, path === '' ? segment : `${path}.${segment}`, found)
}

const DEPTH_LIMIT = 64

function fieldBelow(name: string): Field | undefined {
  const path = name.startsWith('label.') ? `labels.${name.slice('label.'.length)}` : name
  // No event is nested deeper (docs/architecture.md, Intake), and the store's engine gives up on much longer ones.
  if (path.split('.').length > DEPTH_LIMIT) return undefined
  for (let dot = path.indexOf('.'); dot > 0; dot = path.indexOf('.', dot + 1)) {
    // Between declared fields there may be names that nobody declared.
    const above = index().get(path.slice(0, dot))
    if (above?.open === true && dot + 1 < path.length && !path.includes('..') && !path.endsWith('.')) {
      return { path, type: 'keyword', aliases: [], block: above.block, below: above.path, description: '' }
    }
  }
  return undefined
}
