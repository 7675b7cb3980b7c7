import type { JsonObject } from '../domain/event.ts'
import type { Reject, Truncation } from './format.ts'

/** Of one record (docs/architecture.md, Intake). A longer one loses its bodies, the largest first. */
export const RECORD_LIMIT_BYTES = 1 << 20

/** What is longer than this is not even parsed. A follower hands on one byte more of such a line, and no further. */
export const PARSE_LIMIT_BYTES = 4 << 20

export const DEPTH_LIMIT = 64
export const LABELS_LIMIT = 64

export function tooLarge(bytes: number): Reject {
  const message = `the record has more than ${PARSE_LIMIT_BYTES} bytes (${bytes} were read)`
  return { kind: 'reject', reason: 'too_large', message }
}

/** A part of a record that may be cut: where it is in the record, and the event's name for it. */
export interface Body {
  readonly in: readonly string[]
  readonly path: string
}

export interface Cut {
  readonly record: JsonObject
  readonly truncated: readonly Truncation[]
}

/**
 * Takes bodies out of a record of `sizeBytes`, the largest first, until it is within the limit. Undefined: it is too
 * large without them as well.
 */
export function cutBodies(record: JsonObject, sizeBytes: number, bodies: readonly Body[]): Cut | undefined {
  if (sizeBytes <= RECORD_LIMIT_BYTES) return { record, truncated: [] }
  const sized = bodies
    .map((body) => ({ body, bytes: sizeOf(valueAt(record, body.in)) }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
  let rest = record
  let restBytes = sizeBytes
  const truncated: Truncation[] = []
  for (const { body, bytes } of sized) {
    if (restBytes <= RECORD_LIMIT_BYTES) break
    rest = without(rest, body.in)
    restBytes -= bytes
    truncated.push({ path: body.path, bytes, reason: 'record_limit' })
  }
  // White space and escapes count in the record and not here, so what is left is measured and not computed.
  return sizeOf(rest) <= RECORD_LIMIT_BYTES ? { record: rest, truncated } : undefined
}

/** Nesting of a parsed value, without recursion: what was parsed may be a million deep. */
export function depthOf(value: unknown): number {
  let depth = 0
  let level: object[] = isNested(value) ? [value] : []
  while (level.length > 0) {
    depth++
    level = level.flatMap((each) => Object.values(each).filter(isNested))
  }
  return depth
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function sizeOf(value: unknown): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value))
}

function valueAt(record: JsonObject, path: readonly string[]): unknown {
  let value: unknown = record
  for (const key of path) {
    if (!isNested(value) || !Object.hasOwn(value, key)) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

/** The same record but for the value at `path`. */
export function without(record: JsonObject, path: readonly string[]): JsonObject {
  const [key, ...deeper] = path
  if (key === undefined || !Object.hasOwn(record, key)) return record
  if (deeper.length === 0) {
    const { [key]: _cut, ...rest } = record
    return rest
  }
  const inner = record[key]
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return record
  // Json that is no array is an object: Array.isArray does not narrow a readonly array away.
  return { ...record, [key]: without(inner as JsonObject, deeper) }
}
