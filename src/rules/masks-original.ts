import { MASKED } from '../domain/mask.ts'
import { type Edit, edited } from '../lib/edited-text.ts'
import { walkJson } from '../lib/json-walk.ts'
import { unescapedJson } from '../formats/json-unescape.ts'
import type { PathMatcher } from '../query/path-pattern.ts'
import { copiesOf, SHORTEST_COPY } from './masks-copies.ts'
import type { Found } from './masks-fields.ts'
import type { Literals } from './masks-literals.ts'
import type { CompiledMask } from './masks.ts'

/** The record as it is kept beside the event: as text, or in base64 where its bytes are none. */
export interface Original {
  readonly original: string | undefined
  readonly base64: string | undefined
}

/**
 * The original without what was masked, and `found` with what was masked of it alone. Texts are replaced wherever they
 * stand; in JSON also what stands under a key that a rule names, in JSON inside of texts too. It goes as a whole when a
 * masked text was not found in it, or is too short to be told from others: it then stands there in a way that we do not
 * know.
 */
export function maskedOriginal(
  { original, base64 }: Original,
  masks: readonly CompiledMask[],
  found: Found[],
): Original {
  const taking = masks.find(({ takesOriginal }) => takesOriginal)
  if (taking !== undefined) {
    if (original !== undefined) found.push(goneOf(ORIGINAL, taking.rule))
    if (base64 !== undefined) found.push(goneOf(BASE64, taking.rule))
    return NOTHING
  }
  const [first] = found
  // What is in bytes that are no text cannot be looked through.
  const bytes = base64 !== undefined && first !== undefined ? undefined : base64
  if (bytes !== base64) found.push(goneOf(BASE64, first?.rule ?? ''))
  if (original === undefined) return { original, base64: bytes }
  const isJson = /^[\s\ufeff]*[{[]/.test(original.slice(0, 100))
  if (found.length === 0 && !(isJson && mayHoldKeys(original, masks))) return { original, base64: bytes }
  const search = createSearch(masks, found)
  const text = isJson ? searchedJson(original, search) : searchedText(original, search)
  if (search.literals?.isPartial !== true && found.every((each) => each.text === '' || search.seen.has(each.text))) {
    for (const rule of search.byKey) found.push({ path: ORIGINAL, rule, text: '', replacement: '' })
    return { original: text, base64: bytes }
  }
  found.push(goneOf(ORIGINAL, first?.rule ?? ''))
  return { original: undefined, base64: bytes }
}

const ORIGINAL = 'event.original'
const BASE64 = 'whodid.original_base64'
const NOTHING: Original = { original: undefined, base64: undefined }

function goneOf(path: string, rule: string): Found {
  return { path, rule, text: '', replacement: '' }
}

/** A key may be written with escapes. */
function mayHoldKeys(original: string, masks: readonly CompiledMask[]): boolean {
  const keys = masks.flatMap(({ lastKeys }) => lastKeys)
  if (keys.length === 0) return false
  return original.includes('\\u') || keys.some((key) => key === '*' || original.includes(key))
}

/** What is looked for in a record, and what was seen of it. */
interface Search {
  readonly trails: readonly Trail[]
  readonly literals: Literals | undefined
  /** Too short to be looked for inside of texts: they are known where they are all of a value. */
  readonly shorts: ReadonlyMap<string, string>
  readonly seen: Set<string>
  /** Rules that masked a value by its key. */
  readonly byKey: Set<string>
}

/** How far a rule's path has come. */
interface Trail {
  readonly mask: CompiledMask
  readonly matcher: PathMatcher
  readonly states: number
}

/** One or two characters are most often a number of something. */
const SHORTEST_VALUE = 3

function createSearch(masks: readonly CompiledMask[], found: readonly Found[]): Search {
  const short = found.filter(({ text }) => text.length >= SHORTEST_VALUE && text.length < SHORTEST_COPY)
  return {
    trails: masks.flatMap((mask) => mask.keys.map((matcher) => ({ mask, matcher, states: matcher.start }))),
    literals: copiesOf(found),
    shorts: new Map(short.map(({ text, replacement }) => [text, replacement])),
    seen: new Set(),
    byKey: new Set(),
  }
}

function searchedText(text: string, search: Search): string {
  const replaced = search.literals?.replace(text)
  for (const each of replaced?.found ?? []) search.seen.add(each)
  return replaced?.text ?? text
}

/** An object or a list, with how far the paths have come in it. */
interface Frame {
  readonly isObject: boolean
  readonly trails: readonly Trail[]
  /** Where the outermost value that is masked as a whole begins; undefined: this is in none. */
  readonly maskedFrom: number | undefined
  key: string
}

/** JSON in texts is looked into so often; deeper, texts are all that is looked for. */
const DEEPEST_STRING = 4

function searchedJson(text: string, search: Search, depth = 0): string {
  const edits: Edit[] = []
  const stack: Frame[] = []
  let frame: Frame = { isObject: false, trails: search.trails, maskedFrom: undefined, key: '' }
  walkJson(text, {
    key(start, end) {
      frame.key = plainText(text.slice(start, end))
      const name = searchedText(frame.key, search)
      if (name !== frame.key && frame.maskedFrom === undefined)
        edits.push({ start, end, replacement: JSON.stringify(name) })
    },
    scalar(start, end) {
      const raw = text.slice(start, end)
      if (frame.maskedFrom !== undefined) search.seen.add(plainText(raw))
      const hit = frame.maskedFrom === undefined ? hitOf(trailsAt(frame)) : undefined
      const left = hit === undefined ? searchedScalar(raw, search, depth) : maskedScalar(raw, hit, search)
      if (left !== raw && frame.maskedFrom === undefined) edits.push({ start, end, replacement: left })
    },
    open(isObject, start) {
      const trails = trailsAt(frame)
      const hit = frame.maskedFrom === undefined ? hitOf(trails) : undefined
      if (hit !== undefined) search.byKey.add(hit.rule)
      stack.push(frame)
      frame = { isObject, trails, maskedFrom: frame.maskedFrom ?? (hit === undefined ? undefined : start), key: '' }
    },
    close(end) {
      const { maskedFrom } = frame
      frame = stack.pop() ?? frame
      if (maskedFrom === undefined || frame.maskedFrom !== undefined) return
      edits.push({ start: maskedFrom, end, replacement: JSON.stringify(MASKED) })
    },
  })
  // A text that ends too early may leave something open.
  const open = [...stack, frame].find(({ maskedFrom }) => maskedFrom !== undefined)?.maskedFrom
  if (open !== undefined) edits.push({ start: open, end: text.length, replacement: JSON.stringify(MASKED) })
  return edited(text, edits)
}

function trailsAt({ isObject, trails, key }: Frame): readonly Trail[] {
  if (!isObject) return trails
  return trails.flatMap((trail) => {
    const states = trail.matcher.step(trail.states, key)
    return states === 0 ? [] : [{ ...trail, states }]
  })
}

function hitOf(trails: readonly Trail[]): CompiledMask | undefined {
  return trails.find(({ matcher, states }) => matcher.isMatch(states))?.mask
}

function maskedScalar(raw: string, { rule, write }: CompiledMask, search: Search): string {
  if (raw === 'null') return raw
  const text = plainText(raw)
  search.seen.add(text)
  search.byKey.add(rule)
  return JSON.stringify(write(text))
}

function searchedScalar(raw: string, search: Search, depth: number): string {
  const text = plainText(raw)
  const short = search.shorts.get(text)
  if (short !== undefined) {
    search.seen.add(text)
    return JSON.stringify(short)
  }
  const isText = raw.startsWith('"')
  const inside = isText && depth < DEEPEST_STRING && /^\s*[{[]/.test(text.slice(0, 100))
  const left = inside ? searchedJson(text, search, depth + 1) : searchedText(text, search)
  return left === text ? raw : JSON.stringify(left)
}

function plainText(raw: string): string {
  if (!raw.startsWith('"')) return raw
  const inner = raw.slice(1, raw.endsWith('"') ? -1 : undefined)
  return inner.includes('\\') ? unescapedJson(inner).text : inner
}
