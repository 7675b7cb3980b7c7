import { declaredField, isAtOrBelow } from '../domain/fields.ts'

/**
 * Places in an event: a dotted path in which `*` stands for one key and `**` for any number of keys. Lists are passed
 * through, so `audit.resource.name` is the name of each. What lies below a place belongs to it.
 */
export interface PathPattern {
  readonly text: string
  readonly segments: readonly string[]
}

const MOST_SEGMENTS = 24
const LONGEST = 256

/** Undefined: it is no path, or longer than any that is needed. */
export function parsePathPattern(text: string): PathPattern | undefined {
  const segments = text.split('.')
  if (text.length > LONGEST || segments.length > MOST_SEGMENTS || segments.some((segment) => segment === ''))
    return undefined
  // `**.**` says no more than `**`, and would cost more.
  if (segments.some((segment, n) => segment === '**' && segments[n + 1] === '**')) return undefined
  return { text, segments }
}

/** What stands before the first wildcard; empty: nothing. */
export function fixedPart({ segments }: PathPattern): string {
  const wild = segments.findIndex(isWildcard)
  return segments.slice(0, wild < 0 ? segments.length : wild).join('.')
}

export function isWildcard(segment: string): boolean {
  return segment === '*' || segment === '**'
}

/** Whether there can be such a place: one that no field has would mask nothing, and nobody would notice. */
export function isKnownPlace(pattern: PathPattern): boolean {
  const fixed = fixedPart(pattern)
  if (fixed === '') return true
  const field = declaredField(fixed)
  // An alias is no path.
  return field !== undefined && isAtOrBelow(fixed, field.path)
}
