import { nearest } from '../domain/nearest.ts'
import type { Located, Note } from './kubernetes-policy-yaml.ts'

/** What is wrong with a document and what is hardly meant, gathered while it is read. */
export interface Notes {
  readonly faults: Note[]
  readonly warnings: Note[]
}

/** Undefined: it is none, and that was noted. */
export function textOf(value: Located, path: string, notes: Notes): string | undefined {
  const said = scalarOf(value)
  if (typeof said === 'string') return said
  const message = value.kind === 'scalar' ? 'is read as something else than a text; put it in quotes' : 'must be a text'
  fault(notes, value, path, message)
  return undefined
}

export function itemsOf(value: Located | undefined, path: string, most: number, notes: Notes): readonly Located[] {
  if (value === undefined || isNothing(value)) return []
  if (value.kind === 'list' && value.items.length <= most) return value.items
  fault(notes, value, path, value.kind === 'list' ? `has more than ${most} entries` : 'must be a list')
  return []
}

export function fieldsOf(
  value: Located | undefined,
  path: string,
  known: readonly string[],
  notes: Notes,
): ReadonlyMap<string, Located> {
  const fields = new Map<string, Located>()
  if (value === undefined || isNothing(value)) return fields
  if (value.kind !== 'map') {
    fault(notes, value, path, 'must be a map')
    return fields
  }
  for (const [key, { at, value: each }] of value.entries) {
    if (known.includes(key)) fields.set(key, each)
    else {
      const meant = nearest(key, known)
      const hint = meant === undefined ? `known keys: ${known.join(', ')}` : `did you mean ${meant}?`
      const keyPath = path === '' ? key : `${path}.${key}`
      notes.faults.push({ at, path: keyPath, message: `there is no such key; ${hint}` })
    }
  }
  return fields
}

export function isNothing(value: Located): boolean {
  return value.kind === 'scalar' && value.value === null
}

export function scalarOf(value: Located | undefined): unknown {
  return value?.kind === 'scalar' ? value.value : undefined
}

/** @param value where it stands; undefined: at the beginning. */
export function fault(notes: Notes, value: Located | undefined, path: string, message: string): void {
  notes.faults.push({ at: value?.at ?? START, path, message })
}

const START = { line: 1, column: 1 } as const

export function warn(notes: Notes, { at }: Located, path: string, message: string): void {
  notes.warnings.push({ at, path, message })
}
