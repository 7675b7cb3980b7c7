import type { Json, JsonObject } from '../domain/event.ts'

/** Reading foreign records loosely: a field of another type than expected is not there. The original still has it. */

export function stringIn(record: JsonObject | undefined, name: string): string | undefined {
  const value = own(record, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The texts of a list; others in it are left out. Undefined when it is no list. */
export function stringsIn(record: JsonObject | undefined, name: string): readonly string[] | undefined {
  const value = own(record, name)
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined
}

export function objectIn(record: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = own(record, name)
  return isObject(value) ? value : undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function own(record: JsonObject | undefined, name: string): Json | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined
}
