import type { Json, JsonObject } from '../domain/event.ts'
import { formatTime, parseTime } from '../domain/time.ts'
import { isObject, objectIn } from './loose.ts'

/** One record, taken apart. Where its parts lie is known of one kind of record only; of others it is looked for. */
export interface FlexRecord {
  readonly whole: JsonObject
  readonly data: JsonObject | undefined
  readonly context: JsonObject | undefined
  readonly user: JsonObject | undefined
  readonly rbac: JsonObject | undefined
  /** `mutation/request`, `mutation/response` … */
  readonly type: string | undefined
  /** `mutation/create-topic` */
  readonly keyword: string | undefined
  /** What was asked for. */
  readonly asked: JsonObject | undefined
}

export function flexRecord(whole: JsonObject): FlexRecord {
  const data = objectIn(whole, 'data')
  const [keyword, asked] = keywordOf(inEither(data, whole, 'event'))
  return {
    whole,
    data,
    context: objectIn(whole, 'ctx') ?? objectIn(data, 'ctx') ?? objectIn(asked, 'request/ctx'),
    user: objectIn(data, 'user') ?? objectIn(whole, 'user'),
    rbac: objectIn(data, 'rbac') ?? objectIn(whole, 'rbac'),
    type: wordIn(whole, 'type'),
    keyword,
    asked,
  }
}

/** `[:mutation/create-topic {…}]`, or the keyword alone, or a map that names it. */
function keywordOf(event: Json | undefined): readonly [string | undefined, JsonObject | undefined] {
  if (typeof event === 'string') return [withoutColon(event), undefined]
  if (Array.isArray(event)) {
    const items: readonly Json[] = event
    const [first] = items
    return [typeof first === 'string' ? withoutColon(first) : undefined, items.slice(1).find(isObject)]
  }
  if (!isObject(event)) return [undefined, undefined]
  return [wordIn(event, 'type') ?? wordIn(event, 'action') ?? wordIn(event, 'event'), event]
}

function inEither(first: JsonObject | undefined, second: JsonObject, name: string): Json | undefined {
  return valueIn(first, name) ?? valueIn(second, name)
}

/** The value of a key, also where it is spelled `cluster_id` for `cluster-id`. Null is nothing. */
export function valueIn(record: JsonObject | undefined, name: string): Json | undefined {
  if (record === undefined) return undefined
  const value = record[name]
  // Most are not there; what is there may still be inherited.
  if (value !== undefined && Object.hasOwn(record, name)) return value ?? undefined
  const other = otherSpelling(name)
  const otherValue = other === name ? undefined : record[other]
  return otherValue !== undefined && Object.hasOwn(record, other) ? (otherValue ?? undefined) : undefined
}

/** Looked up some sixty times a record, so what was made once is kept; nouns of actions are the record's own, so not all. */
const OTHER_SPELLINGS = new Map<string, string>()
const MOST_SPELLINGS = 500

function otherSpelling(name: string): string {
  const known = OTHER_SPELLINGS.get(name)
  if (known !== undefined) return known
  const other = name.replaceAll('-', '_')
  if (OTHER_SPELLINGS.size < MOST_SPELLINGS) OTHER_SPELLINGS.set(name, other)
  return other
}

/** A text or number as text; not empty. */
export function textIn(record: JsonObject | undefined, name: string): string | undefined {
  const value = valueIn(record, name)
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A keyword's name; JSON may have kept its colon. */
export function wordIn(record: JsonObject | undefined, name: string): string | undefined {
  const value = textIn(record, name)
  return value === undefined ? undefined : withoutColon(value)
}

function withoutColon(word: string): string | undefined {
  const name = word.startsWith(':') ? word.slice(1) : word
  return name === '' ? undefined : name
}

const NO_TEXTS: readonly string[] = []

/** Texts of a list or a set, or one text. */
export function textsIn(record: JsonObject | undefined, name: string): readonly string[] {
  const value = valueIn(record, name)
  if (value === undefined) return NO_TEXTS
  const items: readonly Json[] = Array.isArray(value) ? value : [value]
  const texts: string[] = []
  for (const item of items) {
    if (typeof item === 'number') texts.push(String(item))
    else if (typeof item === 'string' && item !== '') texts.push(item)
  }
  return texts
}

/** `create-topic` of `mutation/create-topic`. */
export function nameOf(keyword: string): string {
  const name = keyword.slice(keyword.lastIndexOf('/') + 1)
  return name === '' ? keyword : name
}

/** What joins a request with its response. */
export function requestIdOf({ whole, data, context, asked }: FlexRecord): string | undefined {
  const asks = objectIn(asked, 'request/ctx')
  for (const holder of [whole, data, context, asks, objectIn(whole, 'metadata')]) {
    for (const name of REQUEST_IDS) {
      const id = textIn(holder, name)
      if (id !== undefined) return id
    }
  }
  return undefined
}

const REQUEST_IDS = ['request-id', 'request/id', 'correlation-id', 'response-id', 'id']

/** When it happened, RFC 3339, where the record says so. */
export function timeOf({ whole, data, context }: FlexRecord): string | undefined {
  for (const holder of [whole, data, context]) {
    for (const name of TIMES) {
      const micros = microsOf(valueIn(holder, name))
      if (micros !== undefined) return formatTime(micros)
    }
  }
  return undefined
}

const TIMES = ['ts', 'timestamp', 'time', 'created-ts', 'created-at', 'inst']
const YEAR_2001_MS = 1e12
const YEAR_9999_MS = 253_402_300_799_999

/** Of numbers milliseconds only: seconds would be a time in 1970. */
function microsOf(value: Json | undefined): number | undefined {
  if (typeof value === 'string') return parseTime(value)
  if (typeof value !== 'number' || value < YEAR_2001_MS || value > YEAR_9999_MS) return undefined
  return Math.trunc(value) * 1000
}
