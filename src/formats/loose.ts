import type { JsonObject } from '../domain/event.ts'

/** Reading foreign records loosely: a field of another type than expected is not there. The original still has it. */

export function stringIn(record: JsonObject | undefined, name: string): string | undefined {
  // What plain objects inherit is no text, so nobody needs to ask whose it is.
  const value = record?.[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The texts of a list; others in it are left out. Undefined when it is no list. */
export function stringsIn(record: JsonObject | undefined, name: string): readonly string[] | undefined {
  // Nor is any of it a list.
  const value = record?.[name]
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined
}

export function objectIn(record: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = record?.[name]
  return isObject(value) && record !== undefined && Object.hasOwn(record, name) ? value : undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

type Filled<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Without fields that hold nothing: undefined, '', {} and []. The keys are our own. */
export function dropEmpty<T extends object>(fields: T): Filled<T> {
  const kept: Record<string, unknown> = {}
  for (const key in fields) {
    const value: unknown = fields[key]
    if (!isEmpty(value)) kept[key] = value
  }
  // Optional fields may be missing in the result; every declared type here takes that.
  return kept as Filled<T>
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === '') return true
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.length === 0
  // Every event of every format comes by here: a list of its keys would be made to be thrown away.
  for (const key in value) if (Object.hasOwn(value, key)) return false
  return true
}
