import type { AuditEvent, Json, JsonObject } from '../domain/event.ts'
import { createMask, type WriteMask } from '../domain/mask.ts'
import type { DecodedEvent } from '../formats/format.ts'
import { createPathMatcher, parsePathPattern, type PathMatcher } from '../query/path-pattern.ts'
import type { Mask } from './expressions.ts'
import type { Noted } from './family.ts'
import { withoutCopies } from './masks-copies.ts'
import { type Found, maskFields } from './masks-fields.ts'
import { createMaskHash, type RuleKeys } from './masks-hash.ts'
import { maskedOriginal } from './masks-original.ts'
import { keyPatternOf } from './masks-paths.ts'

/** One rule that masks at intake. */
export interface CompiledMask {
  readonly rule: string
  readonly write: WriteMask
  /** Its places in the event. */
  readonly fields: readonly PathMatcher[]
  /** The same by the keys that they may have in the record. */
  readonly keys: readonly PathMatcher[]
  /** Last keys of these: a record without them need not be looked through. */
  readonly lastKeys: readonly string[]
  readonly takesOriginal: boolean
}

export function compileMask(rule: string, { paths, how, length = 0 }: Mask, keys: RuleKeys): CompiledMask {
  const patterns = paths.filter((path) => path !== ORIGINAL).flatMap((path) => parsePathPattern(path) ?? [])
  const inRecord = patterns.flatMap((pattern) => keyPatternOf(pattern) ?? [])
  return {
    rule,
    write: createMask(how, length, createMaskHash(keys)),
    fields: patterns.map(createPathMatcher),
    keys: inRecord.map(createPathMatcher),
    lastKeys: inRecord.map(({ segments }) => segments.at(-1) ?? ''),
    takesOriginal: paths.includes(ORIGINAL),
  }
}

/**
 * The event without what these rules mask. The same texts do not survive elsewhere in it, nor in its original, which goes
 * as a whole when nobody can tell whether they do (docs/rules/masks.md).
 */
export function withMasks(decoded: DecodedEvent, masks: readonly CompiledMask[], noted: Noted): DecodedEvent {
  if (masks.length === 0) return decoded
  const { original, ...fields } = decoded.event.event
  const found: Found[] = []
  // The event is parsed JSON, and what is masked of it is JSON again; the fields of the leaf stay as they are.
  const bare = { ...decoded.event, event: fields } as unknown as JsonObject
  const masked = withoutCopies(maskFields(bare, masks, found), found)
  const record = maskedOriginal({ original, base64: decoded.originalBase64 }, masks, found)
  if (found.length === 0) return decoded
  for (const rule of new Set(found.map((each) => each.rule))) noted(rule, 'change')
  const { originalBase64: _, ...rest } = decoded
  return {
    ...rest,
    event: withOriginal(masked, record.original),
    ...(record.base64 !== undefined && { originalBase64: record.base64 }),
    ...(decoded.naturalId !== undefined && { naturalId: withoutCopies(decoded.naturalId, found) }),
    masked: namedOnce([...(decoded.masked ?? []), ...found]),
  }
}

const ORIGINAL = 'event.original'
const MOST_NAMED = 64

function withOriginal(masked: Json, original: string | undefined): AuditEvent {
  // It is the event that came in, with some of its texts replaced or gone; none of the leaf's fields is.
  const event = masked as unknown as AuditEvent
  return original === undefined ? event : { ...event, event: { ...event.event, original } }
}

function namedOnce(places: readonly { readonly path: string; readonly rule: string }[]): DecodedEvent['masked'] & {} {
  const named = new Map(places.map(({ path, rule }) => [`${rule} ${path}`, { path, rule }]))
  return [...named.values()].slice(0, MOST_NAMED)
}
