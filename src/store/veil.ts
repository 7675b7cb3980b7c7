import type { AuditEvent, Json } from '../domain/event.ts'
import { blockOf, declaredField, isAtOrBelow, LEAF_PATHS } from '../domain/fields.ts'
import { BLOCK_NAMES } from '../domain/sealed.ts'
import type { BlockName } from '../domain/sealed.ts'
import { maskedValue } from '../domain/mask.ts'
import { covers, fixedPart, matcherOf, type PathMatcher, reaches } from '../query/path-pattern.ts'
import { HIDDEN_WITH_ANY } from '../query/resolve.ts'
import type { FieldRule, Visibility } from '../query/visibility.ts'

/** Whether a field is there for this reader in conditions, facets and counts. What is masked is not. */
export function sees(visibility: Visibility, path: string): boolean {
  for (const ruled of visibility.fields.keys())
    if (covers(ruled, path) || (reaches(ruled, path) && (!ruled.includes('*') || canHoldMore(path)))) return false
  return true
}

/** In a plain value nothing is hidden, whatever a wildcard could reach below it. */
function canHoldMore(path: string): boolean {
  const field = declaredField(path)
  // An object may be called like an alias of another field.
  if (field?.path !== path) return true
  return field.type === 'object' || field.open === true || field.below !== undefined
}

/** The event as its reader may see it. What tells of all fields, as the original does, goes when anything is hidden or masked. */
export function veiled(event: AuditEvent, visibility: Visibility): AuditEvent {
  if (visibility.fields.size === 0) return event
  const rules = new Map([...HIDDEN_WITH_ANY.map((path) => [path, 'hide'] as const), ...visibility.fields])
  const trails = [...rules].map(([path, rule]) => {
    const matcher = matcherOf(path)
    return { matcher, rule, states: matcher.start }
  })
  // Parsed JSON, from which fields are taken away; what a reader may always see is not among them.
  return veil(event as unknown as Json, '', trails) as unknown as AuditEvent
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

function touches(ruled: string, block: BlockName): boolean {
  const path = fixedPart(ruled)
  if (path === '') return true
  // What the leaf cannot say in full stands in the body.
  const own = blockOf(path) === 'header' ? 'body' : blockOf(path)
  return block === 'original' || own === block || ROOTS[block].some((root) => isAtOrBelow(root, path))
}

/** A rule, and how far its path has come. */
interface Trail {
  readonly matcher: PathMatcher
  readonly rule: FieldRule
  readonly states: number
}

function veil(value: Json, path: string, trails: readonly Trail[]): Json | undefined {
  if (Array.isArray(value)) {
    const items = value.map((each: Json) => veil(each, path, trails)).filter((each) => each !== undefined)
    return items.length === 0 && value.length > 0 ? undefined : items
  }
  if (typeof value !== 'object' || value === null) return value
  const kept: [string, Json][] = []
  for (const [key, below] of Object.entries(value)) {
    if (below === undefined) continue
    const seen = veilField(below, path === '' ? key : `${path}.${key}`, followed(trails, key))
    if (seen !== undefined) kept.push([key, seen])
  }
  // An object that held nothing else is not there: empty, it would tell that something is hidden.
  if (kept.length === 0 && Object.keys(value).length > 0) return undefined
  // fromEntries defines own properties, so a key named __proto__ stays a key.
  return Object.fromEntries(kept)
}

function followed(trails: readonly Trail[], key: string): readonly Trail[] {
  return trails.flatMap((trail) => {
    const states = trail.matcher.step(trail.states, key)
    return states === 0 ? [] : [{ ...trail, states }]
  })
}

function veilField(value: Json, path: string, trails: readonly Trail[]): Json | undefined {
  const hits = trails.filter(({ matcher, states }) => matcher.isMatch(states)).map(({ rule }) => rule)
  const [hit] = hits
  if (hit === undefined) return trails.length === 0 ? value : veil(value, path, trails)
  // Whatever masks leave of it, from whom it is hidden sees nothing.
  return hit === 'hide' || hits.includes('hide') ? undefined : maskedValue(value, path, hit.mask)
}
