import type { InputFault } from '../domain/errors.ts'
import { declaredField, fieldNames, isAtOrBelow, LEAF_PATHS, POSITION_PATHS } from '../domain/fields.ts'
import type { MaskHow } from '../domain/mask.ts'
import { nearest } from '../domain/nearest.ts'
import {
  covers,
  fixedPart,
  isKnownPlace,
  isWildcard,
  parsePathPattern,
  type PathPattern,
} from '../query/path-pattern.ts'
import type { Mask } from './expressions.ts'

/** What is wrong with a mask that has the right shape. */
export function faultsOfMask(mask: Mask, path: string): readonly InputFault[] {
  const faults: InputFault[] = []
  const needsLength = WITH_LENGTH.has(mask.how)
  if (needsLength && mask.length === undefined)
    faults.push({ path: `${path}.how`, message: `${mask.how} needs length: how many characters it leaves` })
  if (!needsLength && mask.length !== undefined)
    faults.push({ path: `${path}.length`, message: `${mask.how} takes no length` })
  for (const [n, text] of mask.paths.entries()) {
    const message = faultOfPath(text, mask)
    if (message !== undefined) faults.push({ path: `${path}.paths.${n}`, message })
  }
  return faults
}

const WITH_LENGTH: ReadonlySet<MaskHow> = new Set(['truncate', 'show-first', 'show-last'])

function faultOfPath(text: string, { how, at }: Mask): string | undefined {
  const pattern = parsePathPattern(text)
  if (pattern === undefined) return `${text} is no path; write one like audit.request.**.card`
  if (pattern.segments.every(isWildcard)) return `${text} is everything; name a key`
  const fixed = fixedPart(text)
  if (!isKnownPlace(pattern)) return unknownPlace(fixed)
  if (isAtOrBelow(fixed, 'whodid')) return 'whodid.* is our own bookkeeping; it stays'
  if (ROOTS.some((root) => covers(text, root))) return `${text} is more than a field; name what is in it`
  const sealed = fixed === '' && at === 'intake' ? undefined : SEALED.find((each) => covers(text, each))
  if (sealed !== undefined) return `${sealed} is what the ledger says of every event; it stays`
  return fixed === pattern.text ? faultOfType(pattern, how, at) : undefined
}

/** With these everything that the ledger says of an event would be gone. */
const ROOTS = ['event', 'whodid']

/** What the leaf says in the clear, and what says where it stands. */
const SEALED = [...LEAF_PATHS, ...POSITION_PATHS]

function unknownPlace(fixed: string): string {
  const field = declaredField(fixed)
  if (field !== undefined) return `${fixed} is a short name; write ${[field.path, ...(field.also ?? [])].join(' or ')}`
  const meant = nearest(fixed, fieldNames())
  return `there is no field ${fixed}; ${meant === undefined ? 'docs/event.md lists them' : `did you mean ${meant}?`}`
}

function faultOfType({ text }: PathPattern, how: MaskHow, at: Mask['at']): string | undefined {
  const field = declaredField(text)
  if (field === undefined || how === 'remove') return undefined
  if (text === 'event.original') return `${text} is the whole record; it can only be removed`
  if (field.values !== undefined) return `${text} is one of ${field.values.join(', ')}; it can only be removed`
  if (at === 'intake' && TYPED.has(field.type)) return `${text} is of type ${field.type}; it can only be removed`
  return undefined
}

/** What a mask writes is a text, and here none could stand. */
const TYPED: ReadonlySet<string> = new Set(['ip', 'date', 'long', 'double', 'boolean'])

/**
 * The same place by the keys that a record may have for it, at any depth: what stands behind the last `**`, or the last
 * two keys. Undefined: a last key that is a wildcard names nothing in a record.
 */
export function keyPatternOf({ segments }: PathPattern): PathPattern | undefined {
  const deep = segments.lastIndexOf('**')
  const keys = deep >= 0 ? segments.slice(deep + 1) : segments.slice(-2)
  if (keys.length === 0 || isWildcard(keys.at(-1) ?? '') || (deep < 0 && keys.length < 2)) return undefined
  return parsePathPattern(['**', ...keys].join('.'))
}
