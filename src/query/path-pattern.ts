import { allFields, declaredField, isAtOrBelow } from '../domain/fields.ts'

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
export function fixedPart(text: string): string {
  if (!text.includes('*')) return text
  const segments = text.split('.')
  const wild = segments.findIndex(isWildcard)
  return segments.slice(0, wild < 0 ? segments.length : wild).join('.')
}

export function isWildcard(segment: string): boolean {
  return segment === '*' || segment === '**'
}

/** Whether there can be such a place: one that no field has would mask nothing, and nobody would notice. */
export function isKnownPlace(pattern: PathPattern): boolean {
  const fixed = fixedPart(pattern.text)
  if (fixed === '') return true
  const field = declaredField(fixed)
  // An alias is no path; but some objects of ECS are called like one, and what is in them is meant behind a wildcard.
  if (field !== undefined && isAtOrBelow(fixed, field.path)) return true
  return fixed !== pattern.text && allFields().some(({ path }) => isAtOrBelow(path, fixed))
}

/** Follows keys down from the root. A number says how far the pattern has come; 0: it can match nothing below. */
export interface PathMatcher {
  readonly start: number
  /** Behind one more key. A key may have dots in it, and then also stands for what a path with these dots names. */
  step(states: number, key: string): number
  /** Whether what the keys led to is such a place, or lies below one. */
  isMatch(states: number): boolean
}

export function createPathMatcher({ segments }: PathPattern): PathMatcher {
  const end = 1 << segments.length
  const start = closed(segments, 1)
  return {
    start,
    step(states, key) {
      if (!key.includes('.')) return stepped(segments, states, key, true)
      const parts = key.split('.')
      return parts.reduce((now, part, n) => stepped(segments, now, part, n === parts.length - 1), states)
    },
    isMatch: (states) => (states & end) !== 0,
  }
}

/** The matcher of a path that was checked before it was kept; made once. */
export function matcherOf(text: string): PathMatcher {
  let matcher = matchers.get(text)
  if (matcher === undefined) {
    if (matchers.size >= MOST_MATCHERS) matchers.clear()
    matcher = createPathMatcher({ text, segments: text.split('.').slice(0, MOST_SEGMENTS) })
    matchers.set(text, matcher)
  }
  return matcher
}

const MOST_MATCHERS = 1000
const matchers = new Map<string, PathMatcher>()

/** Whether every place at `path` is one of the pattern's or lies below one. Doubts are a yes: keys may have dots. */
export function covers(text: string, path: string): boolean {
  if (!text.includes('*')) return isAtOrBelow(path, text)
  const { end, states } = followed(text, path)
  return (states & end) !== 0
}

/** Whether something at or below `path` can be one of the pattern's places. */
export function reaches(text: string, path: string): boolean {
  if (!text.includes('*')) return isAtOrBelow(text, path)
  return followed(text, path).states !== 0
}

function followed(text: string, path: string): { readonly end: number; readonly states: number } {
  // Of a longer one, the beginning: it covers more.
  const segments = text.split('.').slice(0, MOST_SEGMENTS)
  let states = closed(segments, 1)
  for (const part of path.split('.')) states = stepped(segments, states, part, false)
  return { end: 1 << segments.length, states }
}

/** @param isWhole the key ends here, so a `*` that stands for it is behind. */
function stepped(segments: readonly string[], states: number, part: string, isWhole: boolean): number {
  let next = 0
  for (const [n, segment] of segments.entries()) {
    if ((states & (1 << n)) === 0) continue
    if (segment === '**' || (segment === '*' && !isWhole)) next |= 1 << n
    if (segment === '*' || segment === part) next |= 1 << (n + 1)
  }
  // What has matched goes on matching below.
  return closed(segments, next | (states & (1 << segments.length)))
}

/** `**` also stands for no key at all. */
function closed(segments: readonly string[], states: number): number {
  let all = states
  for (const [n, segment] of segments.entries()) if (segment === '**' && (all & (1 << n)) !== 0) all |= 1 << (n + 1)
  return all
}
