import type { Json, JsonObject } from '../domain/event.ts'
import { declaredField, LEAF_PATHS } from '../domain/fields.ts'
import { takesText } from '../domain/mask.ts'
import type { Found } from './masks-fields.ts'
import { createLiterals, type Literals } from './masks-literals.ts'

/** Shorter texts stand for many things: replaced wherever they are, they would take what nobody meant. */
export const SHORTEST_COPY = 6

/** The same value without the texts that were masked, wherever they are in it, as keys too. */
export function withoutCopies<T extends Json>(value: T, found: readonly Found[]): T {
  const literals = copiesOf(found)
  // A text stays a text and an object an object: only what texts are in it changes.
  return literals === undefined ? value : (cleaned(value, '', literals) as T)
}

/** Undefined: none of the texts is long enough to be looked for. */
export function copiesOf(found: readonly Found[]): Literals | undefined {
  const texts = new Map<string, string>()
  for (const { text, replacement } of found)
    if (text.length >= SHORTEST_COPY && text !== replacement && !texts.has(text)) texts.set(text, replacement)
  if (texts.size === 0) return undefined
  return createLiterals([...texts].map(([text, replacement]) => ({ text, replacement })))
}

function cleaned(value: Json, path: string, literals: Literals): Json | undefined {
  if (typeof value === 'string') return cleanedText(value, path, literals)
  if (typeof value === 'number') return literals.replace(String(value)) === undefined ? value : cleanedNumber(path)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = value.map((each: Json) => cleaned(each, path, literals))
    return items.every((each, n) => each === value[n]) ? value : items.filter((each) => each !== undefined)
  }
  // Json that is no list, text, number, truth value or null is an object.
  return cleanedObject(value as JsonObject, path, literals)
}

function cleanedObject(object: JsonObject, path: string, literals: Literals): JsonObject {
  let isChanged = false
  const entries = Object.entries(object).flatMap(([key, value]) => {
    if (value === undefined) return []
    const at = path === '' ? key : `${path}.${key}`
    const name = literals.replace(key)?.text ?? key
    const left = LEAF_PATHS.includes(at) && !REPLACED_LEAVES.has(at) ? value : cleaned(value, at, literals)
    isChanged ||= left !== value || name !== key
    return left === undefined ? [] : [[name, left] as const]
  })
  return isChanged ? Object.fromEntries(entries) : object
}

/** Of the leaf's fields these are words of the source, in which a secret may stand. */
const REPLACED_LEAVES: ReadonlySet<string> = new Set(['event.action', 'event.dataset'])

function cleanedText(text: string, path: string, literals: Literals): string | undefined {
  const clean = literals.replace(text)?.text
  if (clean === undefined) return text
  return path === '' || takesText(declaredField(path)) ? clean : undefined
}

/** In a field of numbers no text can stand. */
function cleanedNumber(path: string): string | undefined {
  return takesText(declaredField(path)) ? '[masked]' : undefined
}
