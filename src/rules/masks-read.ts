import { createMask } from '../domain/mask.ts'
import type { FieldRule } from '../query/visibility.ts'
import { createMaskHash, type RuleKeys } from './masks-hash.ts'
import type { RuleSet } from './rule-set.ts'

/** What rules mask for everybody who reads, by path. A path that several name is masked as the first of them says. */
export function readMasksOf({ expressions }: RuleSet, keys: RuleKeys): ReadonlyMap<string, FieldRule> {
  const masks = new Map<string, FieldRule>()
  for (const rule of expressions) {
    if (!('mask' in rule) || rule.mask.at !== 'read') continue
    const { paths, how, length = 0 } = rule.mask
    const mask = createMask(how, length, createMaskHash(keys))
    for (const path of paths) if (!masks.has(path)) masks.set(path, { mask })
  }
  return masks
}
