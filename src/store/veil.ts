import { createHash } from 'node:crypto'
import type { AuditEvent, Json } from '../domain/event.ts'
import { blockOf, isAtOrBelow, LEAF_PATHS } from '../domain/fields.ts'
import { BLOCK_NAMES } from '../domain/sealed.ts'
import type { BlockName } from '../domain/sealed.ts'
import { HIDDEN_WITH_ANY } from '../query/resolve.ts'
import type { FieldRule, Visibility } from '../query/visibility.ts'

/** Whether a field is there for this reader in conditions, facets and counts. What is masked is not. */
export function sees(visibility: Visibility, path: string): boolean {
  for (const ruled of visibility.fields.keys()) if (isAtOrBelow(path, ruled) || isAtOrBelow(ruled, path)) return false
  return true
}

/** The event as its reader may see it. What tells of all fields, as the original does, goes when anything is hidden or masked. */
export function veiled(event: AuditEvent, visibility: Visibility): AuditEvent {
  if (visibility.fields.size === 0) return event
  const rules = new Map([...visibility.fields, ...HIDDEN_WITH_ANY.map((path) => [path, 'hide'] as const)])
  // Parsed JSON, from which fields are taken away; what a reader may always see is not among them.
  return veil(event as unknown as Json, '', rules) as unknown as AuditEvent
}

/** Blocks in which nothing can be hidden from this reader, by their names: not by what they hold, which would tell. */
export function disclosedBlocks(visibility: Visibility): ReadonlySet<BlockName> {
  const paths = [...visibility.fields.keys()]
  return new Set(BLOCK_NAMES.filter((block) => !paths.some((path) => touches(path, block))))
}

/** Whether a leaf says nothing that is hidden from this reader. */
export function seesLeaf(visibility: Visibility): boolean {
  return LEAF_PATHS.every((path) => sees(visibility, path))
}

const ROOTS: Readonly<Record<BlockName, readonly string[]>> = {
  actor: ['user'],
  place: ['source', 'client', 'user_agent'],
  target: ['user.target'],
  body: [],
  original: [],
}

function touches(path: string, block: BlockName): boolean {
  // What the leaf cannot say in full stands in the body.
  const own = blockOf(path) === 'header' ? 'body' : blockOf(path)
  return block === 'original' || own === block || ROOTS[block].some((root) => isAtOrBelow(root, path))
}

function veil(value: Json, path: string, rules: ReadonlyMap<string, FieldRule>): Json | undefined {
  if (Array.isArray(value)) {
    const items = value.map((each: Json) => veil(each, path, rules)).filter((each) => each !== undefined)
    return items.length === 0 && value.length > 0 ? undefined : items
  }
  if (typeof value !== 'object' || value === null) return value
  const kept: [string, Json][] = []
  for (const [key, below] of Object.entries(value)) {
    if (below === undefined) continue
    const seen = veilField(below, path === '' ? key : `${path}.${key}`, rules)
    if (seen !== undefined) kept.push([key, seen])
  }
  // An object that held nothing else is not there: empty, it would tell that something is hidden.
  if (kept.length === 0 && Object.keys(value).length > 0) return undefined
  // fromEntries defines own properties, so a key named __proto__ stays a key.
  return Object.fromEntries(kept)
}

function veilField(value: Json, path: string, rules: ReadonlyMap<string, FieldRule>): Json | undefined {
  for (const [ruled, rule] of rules)
    if (isAtOrBelow(path, ruled)) return rule === 'hide' ? undefined : masked(value, rule.mask)
  for (const ruled of rules.keys()) if (isAtOrBelow(ruled, path)) return veil(value, path, rules)
  return value
}

function masked(value: Json, mask: 'last-four' | 'hash' | 'removed'): Json {
  if (Array.isArray(value)) return value.map((each: Json) => masked(each, mask))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, each && masked(each, mask)]))
  }
  const text = String(value)
  if (mask === 'hash') return `sha256:${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
  // The last four of five would be nearly all of it.
  return mask === 'last-four' && text.length >= 8 ? `…${text.slice(-4)}` : '[masked]'
}
