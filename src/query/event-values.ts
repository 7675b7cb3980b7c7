import type { AuditEvent } from '../domain/event.ts'

export type Values = (event: AuditEvent) => readonly unknown[]

/**
 * What stands at a dotted path, through lists at any level (a list within a list is looked into once), without null,
 * empty texts and empty lists: these are missing. Labels are one level deep, so their names may have dots.
 */
export function valuesOf(path: string): Values {
  const segments = segmentsOf(path).map((name) => ({ name, isOwn: !(name in Object.prototype) }))
  return (event) => {
    let at: unknown = event
    for (let depth = 0; depth < segments.length; depth++) {
      const segment = segments[depth]
      if (Array.isArray(at)) return valuesBelow(spread(at), segments.slice(depth))
      if (segment === undefined || !isObject(at)) return NONE
      // Only what every object has could be there without being the event's.
      if (!segment.isOwn && !Object.hasOwn(at, segment.name)) return NONE
      at = at[segment.name]
    }
    return spread(at)
  }
}

export function valuesAt(event: AuditEvent, path: string): readonly unknown[] {
  return valuesOf(path)(event)
}

const NONE: readonly unknown[] = []

function valuesBelow(items: readonly unknown[], segments: readonly { readonly name: string }[]): readonly unknown[] {
  let found = items
  for (const { name } of segments) {
    const below: unknown[] = []
    for (const value of found) if (isObject(value) && Object.hasOwn(value, name)) spreadInto(below, value[name])
    found = below
  }
  return found
}

export function segmentsOf(path: string): readonly string[] {
  return path.startsWith('labels.') ? ['labels', path.slice('labels.'.length)] : path.split('.')
}

/** A scalar as the text that is compared; undefined for objects. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value.toWellFormed()
  // The store's engine writes numbers like JavaScript, but for this sign.
  if (typeof value === 'number') return String(value).replace('e+', 'e')
  return typeof value === 'boolean' ? String(value) : undefined
}

function spread(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) return isThere(value) ? [value] : NONE
  const items: unknown[] = []
  spreadInto(items, value)
  return items
}

function spreadInto(into: unknown[], value: unknown): void {
  if (!Array.isArray(value)) {
    if (isThere(value)) into.push(value)
    return
  }
  // Any list: what is in it is looked at one by one.
  for (const item of value as readonly unknown[]) {
    if (!Array.isArray(item)) {
      if (isThere(item)) into.push(item)
    } else for (const inner of item as readonly unknown[]) if (isThere(inner) && !Array.isArray(inner)) into.push(inner)
  }
}

function isThere(value: unknown): boolean {
  return value !== null && value !== undefined && value !== ''
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
