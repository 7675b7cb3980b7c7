import { PARSE_LIMIT_BYTES } from '../formats/limits.ts'
import type { Entry } from './fluent-forward-message.ts'
import { bytesAt, entryTime, ItemEnd, jsonAt, textAt, wholeHead } from './fluent-forward-msgpack.ts'
import { matchesTag } from './fluent-forward-tags.ts'
import type { RecordOrigin, SourceRecord } from './source.ts'

/** What records of some tags are. */
export interface Route {
  readonly format: string
  readonly options?: SourceRecord['options']
  /** The key whose text is the record; left out: the whole record as JSON. */
  readonly text?: string
}

export interface Routes {
  readonly tags: readonly (Route & { readonly match: string })[]
  /** Of tags that nothing matches. */
  readonly rest: Route
  /** Keys that the JSON of a record gets where it has none of that name. */
  readonly timeKey: string
  readonly tagKey: string | undefined
  readonly origin: RecordOrigin | undefined
}

const MOST_REMEMBERED = 1000

/** The first route that a tag matches, remembered for tags seen before. */
export function createRouter({ tags, rest }: Routes): (tag: string) => Route {
  const remembered = new Map<string, Route>()
  return (tag) => {
    const known = remembered.get(tag)
    if (known !== undefined) return known
    const found = tags.find(({ match }) => matchesTag(match, tag)) ?? rest
    if (remembered.size < MOST_REMEMBERED) remembered.set(tag, found)
    return found
  }
}

/**
 * One entry as a record.
 *
 * @param fallbackId Undefined for a sender that asks for no acknowledgement: it repeats nothing.
 */
export function recordOf(
  entry: Entry,
  tag: string,
  route: Route,
  routes: Routes,
  fallbackId: string | undefined,
): SourceRecord {
  const { format, options } = route
  return {
    bytes: bytesOf(entry, tag, route, routes),
    format,
    ...(options !== undefined && { options }),
    ...(fallbackId !== undefined && { fallbackId }),
    ...(routes.origin !== undefined && { origin: routes.origin }),
  }
}

function bytesOf(entry: Entry, tag: string, { text }: Route, routes: Routes): Uint8Array {
  const { bytes, record } = entry
  const end = new ItemEnd(record, { bytes: bytes.length, depth: Infinity }).find(bytes, bytes.length) ?? bytes.length
  // More is not parsed: one byte beyond says so to the format, and is not written out at length.
  if (end - record > PARSE_LIMIT_BYTES) return bytes.subarray(record, record + PARSE_LIMIT_BYTES + 1)
  const found = text === undefined ? undefined : textIn(bytes, record, text)
  return found ?? Buffer.from(jsonOf(entry, tag, routes))
}

/** The text without the end of its line, which is not the record's; a value that is no text is its JSON. */
function textIn(bytes: Uint8Array, record: number, key: string): Uint8Array | undefined {
  const place = valueOf(bytes, record, key)
  if (place === undefined) return undefined
  const value = bytesAt(bytes, place)
  if (value === undefined) return Buffer.from(jsonAt(bytes, place))
  let length = value.length
  if (value[length - 1] === LF) length--
  if (length < value.length && value[length - 1] === CR) length--
  return value.subarray(0, length)
}

const LF = 0x0a
const CR = 0x0d

/** Where the value of a key of a map begins. */
function valueOf(bytes: Uint8Array, at: number, key: string): number | undefined {
  const head = wholeHead(bytes, at)
  if (head.kind !== 'map') return undefined
  let next = head.at
  for (let n = 0; n < head.inside; n += 2) {
    const value = endOf(bytes, next)
    if (textAt(bytes, next) === key) return value
    next = endOf(bytes, value)
  }
  return undefined
}

function endOf(bytes: Uint8Array, at: number): number {
  return new ItemEnd(at, { bytes: bytes.length, depth: Infinity }).find(bytes, bytes.length) ?? bytes.length
}

/** The protocol has time and tag beside the record: without these keys they would be lost. */
function jsonOf({ bytes, time, record }: Entry, tag: string, { timeKey, tagKey }: Routes): string {
  const json = jsonAt(bytes, record)
  if (wholeHead(bytes, record).kind !== 'map') return json
  const said = time === record ? undefined : entryTime(bytes, time)
  const more = [
    ...(said === undefined || valueOf(bytes, record, timeKey) !== undefined ? [] : [[timeKey, said]]),
    ...(tagKey === undefined || valueOf(bytes, record, tagKey) !== undefined ? [] : [[tagKey, tag]]),
  ].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  if (more.length === 0) return json
  return json === '{}' ? `{${more.join(',')}}` : `{${more.join(',')},${json.slice(1)}`
}
