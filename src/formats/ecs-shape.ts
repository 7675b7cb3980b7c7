import { isIP } from 'node:net'
import type { Json, JsonObject } from '../domain/event.ts'
import type { Field } from '../domain/fields.ts'
import type { FieldType } from '../domain/our-fields.ts'
import { allFields } from '../domain/fields.ts'
import { parseTime } from '../domain/time.ts'
import type { Reject } from './format.ts'
import { isObject } from './loose.ts'
import { typeName } from './record-json.ts'

export type Shaped = { readonly kind: 'shaped'; readonly event: JsonObject } | Reject

/**
 * The record as nested JSON in which every declared field has its declared type (domain/fields.ts). Dotted keys are
 * taken apart (`"user.name"`), a single value stands for a list of one, null says nothing and is left out. Fields that
 * are not declared are kept as they are. The first field of a wrong type rejects the record.
 *
 * @param record At most DEPTH_LIMIT deep.
 */
export function shapedEvent(record: JsonObject): Shaped {
  const faults: Reject[] = []
  const event = shapedObject(record, declaredTree(), '', faults)
  return faults[0] ?? { kind: 'shaped', event }
}

function shapedObject(value: JsonObject, declared: Declared, path: string, faults: Reject[]): JsonObject {
  // Only keys that parseRecord let through, and names that were checked: none of them is __proto__.
  const shaped: Record<string, Json> = {}
  for (const key of Object.keys(value)) {
    // Once at most: what nestedKeys gives has no dots.
    if (key.includes('.')) return shapedObject(nestedKeys(value, path, faults), declared, path, faults)
    const member = value[key]
    const below = declared.below.get(key)
    const kept = below === undefined || member === undefined ? member : shapedField(below, member, path, faults)
    if (kept !== undefined && kept !== null) shaped[key] = kept
  }
  return shaped
}

/** Dotted keys taken apart at their first dot and joined with the object they belong to. */
function nestedKeys(value: JsonObject, path: string, faults: Reject[]): JsonObject {
  const found = new Map<string, Json>()
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    const dot = key.indexOf('.')
    const [name, below] = dot < 0 ? [key, member] : [key.slice(0, dot), { [key.slice(dot + 1)]: member }]
    const before = found.get(name)
    const joined = before === undefined ? below : join(before, below)
    if (name === '' || name === '__proto__') faults.push(noName(joinedPath(path, key)))
    else if (joined === undefined) faults.push(saidTwice(joinedPath(path, key)))
    else found.set(name, joined)
  }
  return Object.fromEntries(found)
}

function joinedPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

function noName(path: string): Reject {
  const message = `${path} has a part that is no name of a field`
  return { kind: 'reject', reason: 'wrong_type', path, message }
}

/** Two objects as one; undefined when they say the same field twice, or one of them is no object. */
function join(a: Json, b: Json): Json | undefined {
  if (!isObject(a) || !isObject(b)) return undefined
  const joined = new Map(Object.entries(a))
  for (const [key, value] of Object.entries(b)) {
    const before = joined.get(key)
    const both = before === undefined || value === undefined ? value : join(before, value)
    if (both === undefined) return undefined
    joined.set(key, both)
  }
  return Object.fromEntries(joined)
}

function saidTwice(path: string): Reject {
  const message = `${path} is said twice, once with dots and once nested`
  return { kind: 'reject', reason: 'wrong_type', path, message }
}

function shapedField(declared: Declared, value: Json, parent: string, faults: Reject[]): Json | undefined {
  const { field, isLabels } = declared
  if (value === null) return undefined
  if (field === undefined) return isObject(value) ? shapedObject(value, declared, parent, faults) : value
  if (isLabels) return labelsOf(value, faults)
  if (field.type === 'object' && field.open !== true) return objectsOf(declared, field, value, faults)
  if (field.open === true) return openOf(field, value, faults)
  if (field.array === true) return listOf(field, value, faults)
  return scalarOf(field, value, faults)
}

function objectsOf(declared: Declared, field: Field, value: Json, faults: Reject[]): Json | undefined {
  if (field.array !== true) return oneObject(declared, field, value, faults)
  const items: readonly Json[] = isList(value) ? value : [value]
  return items.map((item) => oneObject(declared, field, item, faults)).filter((item) => item !== undefined)
}

function oneObject(declared: Declared, field: Field, value: Json, faults: Reject[]): JsonObject | undefined {
  if (isObject(value)) return shapedObject(value, declared, field.path, faults)
  faults.push(wrongType(field.path, 'an object', value))
  return undefined
}

/** The source's own: only an object stays one. */
function openOf(field: Field, value: Json, faults: Reject[]): Json | undefined {
  if (field.type !== 'object' || isObject(value) || (isList(value) && value.every(isObject))) return value
  faults.push(wrongType(field.path, 'an object', value))
  return undefined
}

function listOf(field: Field, value: Json, faults: Reject[]): Json {
  const items: readonly Json[] = isList(value) ? value : [value]
  return items.map((item) => scalarOf(field, item, faults)).filter((item) => item !== undefined)
}

function scalarOf(field: Field, value: Json, faults: Reject[]): Json | undefined {
  const expected = whatIsWrong(field, value)
  if (expected === undefined) return value
  faults.push(wrongType(field.path, expected, value))
  return undefined
}

/** What the field should have been; undefined when it is. */
function whatIsWrong(field: Field, value: Json): string | undefined {
  const { is, words } = VALUES[field.type]
  if (!is(value)) return words
  if (field.values === undefined || field.values.some((each) => each === value)) return undefined
  return `one of ${field.values.join(', ')}`
}

interface ValueKind {
  readonly is: (value: Json) => boolean
  readonly words: string
}

const VALUES: Readonly<Record<FieldType, ValueKind>> = {
  keyword: { is: (value) => typeof value === 'string', words: 'text' },
  text: { is: (value) => typeof value === 'string', words: 'text' },
  ip: { is: (value) => typeof value === 'string' && isIP(value) !== 0, words: 'an IP address' },
  date: {
    is: (value) => typeof value === 'string' && parseTime(value) !== undefined,
    words: 'an RFC 3339 time with a zone, like 2026-11-20T14:03:22.125Z',
  },
  long: { is: Number.isSafeInteger, words: 'a whole number' },
  double: { is: (value) => typeof value === 'number', words: 'a number' },
  boolean: { is: (value) => typeof value === 'boolean', words: 'true or false' },
  object: { is: isObject, words: 'an object' },
}

/** Labels are texts; ECS also lets them be numbers and booleans, which are written as text. */
function labelsOf(value: Json, faults: Reject[]): Json | undefined {
  if (!isObject(value)) {
    faults.push(wrongType('labels', 'an object', value))
    return undefined
  }
  const labels: [string, string][] = []
  for (const [name, label] of Object.entries(value)) {
    if (label === undefined || label === null) continue
    if (typeof label === 'object') faults.push(wrongType(`labels.${name}`, 'text', label))
    else labels.push([name, String(label)])
  }
  return Object.fromEntries(labels)
}

/** The message names what the value is, never the value. */
function wrongType(path: string, expected: string, value: Json): Reject {
  const found = typeof value === 'string' ? 'a text' : typeName(value)
  return { kind: 'reject', reason: 'wrong_type', path, message: `${path} is ${found}; it must be ${expected}` }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/** The declared fields as the tree that a record is. By path only: a short name of the query language is no field. */
interface Declared {
  readonly field: Field | undefined
  readonly isLabels: boolean
  readonly below: Map<string, Declared>
}

let tree: Declared | undefined

function declaredTree(): Declared {
  if (tree !== undefined) return tree
  tree = { field: undefined, isLabels: false, below: new Map() }
  for (const field of allFields()) plant(tree, field)
  return tree
}

function plant(root: Declared, field: Field): void {
  let at = root
  const segments = field.path.split('.')
  for (const [depth, segment] of segments.entries()) {
    const isLast = depth === segments.length - 1
    const before = at.below.get(segment)
    const isHere = isLast ? field : before?.field
    const next = {
      field: isHere,
      isLabels: field.path === 'labels',
      below: before?.below ?? new Map<string, Declared>(),
    }
    if (before === undefined || isLast) at.below.set(segment, next)
    at = before === undefined || isLast ? next : before
  }
}
