import type { Field } from '../domain/fields.ts'
import { blockOf, declaredField, fieldNames, isAtOrBelow, LEAF_PATHS } from '../domain/fields.ts'
import { nearest } from '../domain/nearest.ts'
import { BLOCK_NAMES } from '../domain/sealed.ts'
import type { BlockName } from '../domain/sealed.ts'
import type { AuditError } from '../domain/errors.ts'
import type { FieldTerm, HasTerm, Span } from './ast.ts'
import { fault, shown } from './fault.ts'
import { escapeName } from './lex.ts'
import { covers, fixedPart, reaches } from './path-pattern.ts'
import type { Visibility } from './visibility.ts'

/** Paths with what happens to them, of a visibility: whatever stands here does not exist in a search. */
export type HiddenFields = Visibility['fields']

export const NOTHING_HIDDEN: HiddenFields = new Map()

export interface ResolvedField {
  readonly field: Field
  /** Where its values are. Empty: hidden below an open field, where nobody can tell it from what never was there. */
  readonly paths: readonly string[]
}

/** What a name means to a reader. Undefined: there is no such field, or none for this reader. */
export function resolveField(name: string, hidden: HiddenFields): ResolvedField | undefined {
  // ECS has objects of these names; a query means people's memberships by them.
  const field = NOT_YET.has(name) ? undefined : declaredField(name)
  if (field === undefined) return undefined
  const paths = [field.path, ...(field.also ?? [])].filter((path) => !isHidden(hidden, path))
  if (paths.length === 0)
    return field.below !== undefined && !isHidden(hidden, field.below) ? { field, paths } : undefined
  // That an object is there would tell of the hidden field in it.
  if (field.type === 'object' && hidesBelow(hidden, field.path)) return undefined
  return { field, paths }
}

/**
 * What tells of all other fields, so it is hidden with any of them: the original, which they came from, and what was
 * masked or cut of them.
 */
export const HIDDEN_WITH_ANY = [
  'event.original',
  'whodid.original_base64',
  'whodid.masked',
  'whodid.truncated',
] as const

/** Whether a path or something it is part of is hidden or masked for this reader. */
export function isHidden(hidden: HiddenFields, path: string): boolean {
  if (hidden.size > 0 && HIDDEN_WITH_ANY.some((each) => isAtOrBelow(path, each))) return true
  for (const root of hidden.keys()) if (covers(root, path)) return true
  return false
}

/** The blocks in which nothing is hidden: free text looks into no other. */
export function visibleBlocks(hidden: HiddenFields): ReadonlySet<'header' | BlockName> {
  const visible = new Set<'header' | BlockName>(['header', ...BLOCK_NAMES])
  if (hidden.size > 0) visible.delete('original')
  for (const root of hidden.keys()) for (const block of blocksWith(root)) visible.delete(block)
  return visible
}

/** Blocks that can hold a path or something below it. */
function blocksWith(pattern: string): readonly ('header' | BlockName)[] {
  const root = fixedPart(pattern)
  if (root === '') return LEAF_PATHS.some((path) => covers(pattern, path)) ? ['header', ...BLOCK_NAMES] : BLOCK_NAMES
  if (root === 'user') return ['actor', 'target']
  // Where a leaf cannot hold a header's value, the body has it in full.
  const own = blockOf(root)
  return own === 'header' || root === 'event' || root === 'whodid' ? ['header', 'body'] : [own]
}

/** The error for a name that is no field. A hidden field gets the same one, and is never the suggestion. */
export function unknownField(name: string, span: Span, hidden: HiddenFields): AuditError {
  const later = NOT_YET.get(name)
  if (later !== undefined) return fault(`${name}: is not there yet`, span, { hint: later })
  const hint = 'To search for the text itself, put it in quotes'
  return fault(`There is no field ${shown(name)}`, span, { suggestion: nearestField(name, hidden), hint })
}

/** The same for a term that was read before its reader was known. */
export function unknownTerm(term: FieldTerm | HasTerm, hidden: HiddenFields): AuditError {
  const name = { start: term.start, end: term.start + escapeName(term.field).length }
  return unknownField(term.field, term.kind === 'field' ? name : term, hidden)
}

/** Words of the language that stand where a field could. */
export const KEYWORDS = ['since', 'until', 'has', 'missing'] as const

const NOT_YET = new Map([
  ['person', 'Use actor: for the name, id or e-mail address that the event itself has'],
  ['group', 'Use user.group.name: for the groups that the event itself names'],
  ['role', 'Use user.roles: for the roles that the event itself names'],
])

function nearestField(name: string, hidden: HiddenFields): string | undefined {
  if (name.length > LONGEST_GUESS) return undefined
  const names = [...KEYWORDS, ...fieldNames()].filter(
    (each) => isKeyword(each) || resolveField(each, hidden) !== undefined,
  )
  const near = nearest(name, names)
  if (near !== undefined || !name.includes('.')) return near
  // `policies.name` is the end of a path: the shortest is the one that people know.
  const ending = `.${name}`
  return names.filter((each) => each.endsWith(ending)).sort((a, b) => a.length - b.length)[0]
}

const LONGEST_GUESS = 40

function isKeyword(name: string): boolean {
  return KEYWORDS.some((word) => word === name)
}

function hidesBelow(hidden: HiddenFields, path: string): boolean {
  for (const root of hidden.keys()) if (reaches(root, path)) return true
  return false
}
