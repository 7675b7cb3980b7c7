import type { Json } from './event.ts'
import { declaredField, type Field } from './fields.ts'

/**
 * What a mask leaves of a value. The first four are ours; those that show a part and a star for every other character
 * are what Flex calls ShowFirst, ShowLast, ShowEmailHost and ShowEmailPart.
 */
export const MASK_HOWS = [
  'remove',
  'hash',
  'truncate',
  'last-four',
  'show-first',
  'show-last',
  'show-email-host',
  'show-email-part',
] as const
export type MaskHow = (typeof MASK_HOWS)[number]

export const MASKED = '[masked]'

/** What a mask leaves of a text. Where it would leave all of it, or cannot be applied, nothing is left. */
export type WriteMask = (text: string) => string

/** @param length how many characters `truncate`, `show-first` and `show-last` leave. */
export function createMask(how: MaskHow, length: number, hash: (text: string) => string): WriteMask {
  switch (how) {
    case 'remove':
      return () => MASKED
    case 'hash':
      return hash
    case 'truncate':
      return (text) => shown(text, length, (chars) => `${chars.slice(0, length).join('')}…`)
    case 'last-four':
      // The last four of five would be nearly all of it.
      return (text) => shown(text, 7, (chars) => `…${chars.slice(-4).join('')}`)
    case 'show-first':
      return (text) => shown(text, length, (chars) => chars.slice(0, length).join('') + stars(chars.length - length))
    case 'show-last':
      return (text) => shown(text, length, (chars) => stars(chars.length - length) + chars.slice(-length).join(''))
    case 'show-email-host':
      return (text) => email(text, (name, host) => `${stars(name.length)}@${host}`)
    case 'show-email-part':
      return (text) => email(text, (name, host) => `${name[0] ?? ''}${stars(name.length - 1)}@${host}`)
  }
}

/** What a mask leaves at a place of an event. Undefined: the place goes, since no text could stand there. */
export function maskedValue(value: Json, path: string, write: WriteMask): Json | undefined {
  if (value === null) return null
  if (Array.isArray(value)) {
    const items = value.map((each: Json) => maskedValue(each, path, write)).filter((each) => each !== undefined)
    return items.length === 0 && value.length > 0 ? undefined : items
  }
  const field = declaredField(path)
  if (typeof value === 'object') {
    // What the source put together as it liked has names in it that may tell as much as its values.
    if (field?.type !== 'object') return MASKED
    const kept = Object.entries(value).flatMap(([key, below]) => {
      const left = below === undefined ? undefined : maskedValue(below, `${path}.${key}`, write)
      return left === undefined ? [] : [[key, left] as const]
    })
    return kept.length === 0 ? undefined : Object.fromEntries(kept)
  }
  return takesText(field) ? write(String(value)) : undefined
}

/** Whether any text can stand there: an address or a number is of a type, and a choice is one of a few words. */
export function takesText(field: Field | undefined): boolean {
  return field === undefined || (field.values === undefined && (field.type === 'keyword' || field.type === 'text'))
}

function shown(text: string, most: number, show: (chars: readonly string[]) => string): string {
  const chars = Array.from(text)
  return chars.length <= most ? MASKED : show(chars)
}

function email(text: string, show: (name: readonly string[], host: string) => string): string {
  const at = text.indexOf('@')
  if (at < 1 || at !== text.lastIndexOf('@') || at === text.length - 1) return MASKED
  return show(Array.from(text.slice(0, at)), text.slice(at + 1))
}

function stars(count: number): string {
  return '*'.repeat(Math.max(0, count))
}
