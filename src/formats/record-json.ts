import { parse } from 'secure-json-parse'
import type { Json, JsonObject } from '../domain/event.ts'
import { jsonDepth } from '../lib/json-scan.ts'
import type { Reject } from './format.ts'
import { DEPTH_LIMIT, PARSE_LIMIT_BYTES, tooLarge } from './limits.ts'

export interface RecordJson {
  readonly kind: 'record'
  /** The bytes as text, verbatim. */
  readonly text: string
  readonly value: JsonObject
  /** How deep it is nested, as soon as that is beyond DEPTH_LIMIT; at most as deep as this else. */
  readonly depth: number
  /** Keys that could change what objects inherit (`__proto__`, `constructor.prototype`) were there and are left out. */
  readonly unsafeKeys: boolean
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads a record that is one JSON object. Never throws for what the bytes hold. */
export function parseRecord(bytes: Uint8Array): RecordJson | Reject {
  if (bytes.length > PARSE_LIMIT_BYTES) return tooLarge(bytes.length)
  const text = utf8Text(bytes)
  if (text === undefined) return { kind: 'reject', reason: 'not_utf8', message: 'the record is not UTF-8 text' }
  return parseRecordText(text)
}

/** The same for a record that is text already, and is known to be within the limit. */
export function parseRecordText(text: string): RecordJson | Reject {
  const parsed = parseSafely(text)
  if (typeof parsed === 'string') return { kind: 'reject', reason: 'not_json', message: parsed }
  const { value, unsafeKeys } = parsed
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'reject', reason: 'wrong_type', message: `the record is ${typeName(value)}, not a JSON object` }
  }
  // Json that is no array is an object: Array.isArray does not narrow a readonly array away.
  return { kind: 'record', text, value: value as JsonObject, depth: depthOf(text), unsafeKeys }
}

/** Counting brackets, of which most records have few, costs a tenth of following them. */
function depthOf(text: string): number {
  let brackets = 0
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      if (++brackets > DEPTH_LIMIT) return jsonDepth(Buffer.from(text))
    }
  }
  return brackets
}

/** What a value is, for a message to a person. */
export function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return UTF_8.decode(bytes)
  } catch {
    return undefined
  }
}

/** The value, or what is wrong with the text. */
function parseSafely(text: string): { readonly value: Json; readonly unsafeKeys: boolean } | string {
  const json = text.startsWith('\ufeff') ? text.slice(1) : text
  try {
    // JSON.parse is all that it does for a text that cannot hold such a key, after looking for one twice.
    const value: Json = mayHaveUnsafeKeys(json) ? parse(json) : JSON.parse(json)
    return { value, unsafeKeys: false }
  } catch {
    // Either no JSON at all, which the next attempt tells, or JSON with unsafe keys.
  }
  try {
    const value: Json = parse(json, { protoAction: 'remove', constructorAction: 'remove' })
    return { value, unsafeKeys: true }
  } catch (error) {
    return `the record is not JSON: ${withoutExcerpt(error, json.length)}`
  }
}

/** One of these is in both, also where letters of them are written as escapes. */
function mayHaveUnsafeKeys(json: string): boolean {
  return json.includes('__proto__') || json.includes('prototype') || json.includes('\\u00')
}

/** V8 quotes the text it could not read; a message holds no contents of records. */
function withoutExcerpt(error: unknown, length: number): string {
  const message = error instanceof Error ? error.message : ''
  const position = /at position (\d+)/.exec(message)?.[1]
  if (position === undefined ? message.includes('end of JSON input') : Number(position) >= length) {
    return 'it ends too early'
  }
  return position === undefined ? 'it cannot be read' : `it cannot be read at position ${position}`
}
