import type { AuditEvent } from '../domain/event.ts'

/**
 * What stands at a dotted path, through lists at any level (a list within a list is looked into once), without null,
 * empty texts and empty lists: these are missing. Labels are one level deep, so their names may have dots.
 */
export function valuesAt(event: AuditEvent, path: string): readonly unknown[] {
  let found: unknown[] = [event]
  for (const segment of segmentsOf(path)) {
    found = found.flatMap((value) => (isObject(value) && Object.hasOwn(value, segment) ? spread(value[segment]) : []))
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

function spread(value: unknown): unknown[] {
  const items: unknown[] = Array.isArray(value) ? value.flat(1) : [value]
  return items.filter((item) => item !== null && item !== undefined && item !== '' && !Array.isArray(item))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
