import { isIP } from 'node:net'
import type { Json } from '../domain/event.ts'
import { parseTime } from '../domain/time.ts'
import type { Truncation } from './format.ts'
import { LABELS_LIMIT } from './limits.ts'
import type { Place } from './otlp-attributes.ts'
import { placeOf } from './otlp-attributes.ts'

/** What the attributes of a record become: fields of an event where one means the same, labels where none does. */
export interface Fields {
  /** Nested; every name in it is one of a declared field. */
  readonly tree: FieldTree
  readonly labels: ReadonlyMap<string, string>
  readonly truncated: readonly Truncation[]
}

/** Lists of objects have their first one at `0`. */
export type FieldTree = { [name: string]: FieldTree | Json }

/** A value that is longer stays in the original only. */
const LONGEST_VALUE = 64 * 1024

/**
 * @param groups Attributes, the most particular first: an earlier one is not replaced by a later one.
 */
export function fieldsOfAttributes(groups: readonly ReadonlyMap<string, Json>[]): Fields {
  // Filled with names of declared fields only (placeOf), and with '0'.
  const tree: FieldTree = {}
  const labels = new Map<string, string>()
  const truncated: Truncation[] = []
  let tooMany = 0
  for (const group of groups) {
    const own = new Set<string>()
    for (const [name, value] of group) {
      const text = typeof value === 'string' ? value : undefined
      if (text !== undefined && text.length > LONGEST_VALUE) {
        truncated.push({ path: labelName(name), bytes: Buffer.byteLength(text), reason: 'value_limit' })
        continue
      }
      const place = placeOf(name)
      const typed = place && typedValue(place, value)
      if (place !== undefined && typed !== undefined && put(tree, place, typed, own)) continue
      if (!addLabel(labels, name, value)) tooMany++
    }
  }
  if (tooMany > 0) truncated.push({ path: 'labels', bytes: 0, reason: 'labels_limit' })
  return { tree, labels, truncated }
}

/** False where another attribute has said it. */
function put(
  tree: FieldTree,
  { parents, name: last, key, meantKey, isOwn }: Place,
  value: Json,
  own: Set<string>,
): boolean {
  let at = tree
  for (const name of parents) {
    const below = Object.hasOwn(at, name) ? at[name] : undefined
    // Objects in the tree are its own: values of fields are texts, numbers and lists.
    const next = typeof below === 'object' && below !== null && !Array.isArray(below) ? (below as FieldTree) : {}
    at[name] = next
    at = next
  }
  // In one group the field's own name wins, wherever it stands; of equals the first.
  if (Object.hasOwn(at, last) && (!isOwn || own.has(key) || !own.has(meantKey))) return false
  at[last] = value
  own.add(isOwn ? key : meantKey)
  return true
}

/** The value in the type of its field; undefined where it has none. */
function typedValue({ type, isList }: Place, value: Json): Json | undefined {
  if (isList) {
    const values = (Array.isArray(value) ? value : [value]).map((each: Json) => single(type, each))
    return values.every((each) => each !== undefined) && values.length > 0 ? values : undefined
  }
  return single(type, value)
}

function single(type: Place['type'], value: Json): Json | undefined {
  switch (type) {
    case 'keyword':
    case 'text':
      return typeof value === 'object' || value === '' ? undefined : String(value)
    case 'long':
    case 'double':
      return numberOf(value, type === 'long')
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'ip':
      return typeof value === 'string' && isIP(value) !== 0 ? value : undefined
    case 'date':
      return typeof value === 'string' && parseTime(value) !== undefined ? value : undefined
    case 'object':
      return undefined
  }
}

function numberOf(value: Json, isWhole: boolean): number | undefined {
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number') return undefined
  return isWhole && !Number.isSafeInteger(number) ? undefined : number
}

const UNSAFE = new Set(['__proto__', 'constructor', 'prototype'])

/** False when there is no room. Dots become lines, as Elastic writes labels; of two that are then alike the first stays. */
function addLabel(labels: Map<string, string>, name: string, value: Json): boolean {
  const label = labelName(name)
  if (labels.has(label) || UNSAFE.has(label) || value === null) return true
  if (labels.size >= LABELS_LIMIT) return false
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  if (text.length > LONGEST_VALUE) return false
  labels.set(label, text)
  return true
}

function labelName(name: string): string {
  const short = name.slice(0, 200)
  return (short.startsWith('labels.') ? short.slice('labels.'.length) : short).replaceAll('.', '_')
}
