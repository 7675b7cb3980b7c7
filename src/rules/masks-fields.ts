import type { Json, JsonObject } from '../domain/event.ts'
import { LEAF_PATHS } from '../domain/fields.ts'
import { MASKED, maskedValue } from '../domain/mask.ts'
import type { PathMatcher } from '../query/path-pattern.ts'
import type { CompiledMask } from './masks.ts'

/** A text that was masked. */
export interface Found {
  readonly path: string
  readonly rule: string
  /** As it was; empty: nothing is known of it. */
  readonly text: string
  readonly replacement: string
}

/** The event with its places masked. A place that several rules name is masked by the first of them. */
export function maskFields(event: JsonObject, masks: readonly CompiledMask[], found: Found[]): JsonObject {
  const trails = masks.flatMap((mask) => mask.fields.map((matcher) => ({ mask, matcher, states: matcher.start })))
  return trails.length === 0 ? event : maskObject(event, '', trails, found)
}

/** How far a rule's path has come. */
interface Trail {
  readonly mask: CompiledMask
  readonly matcher: PathMatcher
  readonly states: number
}

function maskObject(object: JsonObject, path: string, trails: readonly Trail[], found: Found[]): JsonObject {
  let changed: Map<string, Json | undefined> | undefined
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue
    const deeper = followed(trails, key)
    if (deeper.length === 0) continue
    const at = path === '' ? key : `${path}.${key}`
    const left = maskAt(value, at, deeper, found)
    if (left === value) continue
    changed ??= new Map(Object.entries(object))
    if (left === undefined) changed.delete(key)
    else changed.set(key, left)
  }
  // fromEntries defines own properties: a key may be called __proto__.
  return changed === undefined ? object : Object.fromEntries(changed)
}

function followed(trails: readonly Trail[], key: string): readonly Trail[] {
  const deeper: Trail[] = []
  for (const { mask, matcher, states } of trails) {
    const now = matcher.step(states, key)
    if (now !== 0) deeper.push({ mask, matcher, states: now })
  }
  return deeper
}

function maskAt(value: Json, path: string, trails: readonly Trail[], found: Found[]): Json | undefined {
  const hit = trails.find(({ matcher, states }) => matcher.isMatch(states))
  if (hit !== undefined) {
    if (LEAF_PATHS.includes(path) || value === null) return value
    const { rule, write } = hit.mask
    const left = maskedValue(value, path, write)
    noteTexts(value, typeof left === 'string' ? write : () => MASKED, { path, rule }, found)
    return left
  }
  if (Array.isArray(value)) return maskList(value, path, trails, found)
  // Json that is no list, text, number, truth value or null is an object.
  return typeof value === 'object' && value !== null ? maskObject(value as JsonObject, path, trails, found) : value
}

function maskList(list: readonly Json[], path: string, trails: readonly Trail[], found: Found[]): Json {
  const left = list.map((each) => maskAt(each, path, trails, found))
  return left.every((each, n) => each === list[n]) ? list : left.filter((each) => each !== undefined)
}

/** All texts in what was masked, so that they can be looked for elsewhere. */
function noteTexts(
  value: Json,
  write: (text: string) => string,
  at: { readonly path: string; readonly rule: string },
  found: Found[],
): void {
  if (typeof value === 'object' && value !== null) {
    const below: readonly (Json | undefined)[] = Object.values(value)
    if (below.length === 0) found.push({ ...at, text: '', replacement: MASKED })
    for (const each of below) if (each !== undefined) noteTexts(each, () => MASKED, at, found)
  } else if (value !== null) found.push({ ...at, text: String(value), replacement: write(String(value)) })
}
