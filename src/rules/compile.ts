import type { DecodedEvent } from '../formats/format.ts'
import { compileAccessAudits } from './access-audit-family.ts'
import { compileExcludedCategories } from './categories-family.ts'
import { compileExpressions } from './expressions-family.ts'
import { compileDefaultMasks } from './default-masks.ts'
import type { Family, Noted, RuleScope, Ruling } from './family.ts'
import { compileKubernetesPolicies } from './kubernetes-policy-family.ts'
import { NO_KEYS, type RuleKeys } from './masks-hash.ts'
import type { RuleSet } from './rule-set.ts'

/** All rules in force as one function. */
export interface CompiledRules {
  /** Streams to which a rule may send events. */
  readonly streams: readonly string[]
  /** Undefined: no rule drops or changes it. */
  judge(decoded: DecodedEvent, scope: RuleScope, id: Uint8Array, noted: Noted): Ruling | undefined
}

type Kept = Ruling & { readonly kind: 'keep' }

/** A family's own compiler. Undefined: it has nothing to say under these rules, and costs nothing. */
type CompileFamily = (rules: RuleSet, keys: RuleKeys) => Family | undefined

/** In the order in which they are asked: what drops comes before what changes, so that nothing is masked in vain. */
const FAMILIES: readonly CompileFamily[] = [
  compileExcludedCategories,
  compileKubernetesPolicies,
  compileAccessAudits,
  compileExpressions,
  compileDefaultMasks,
]

/**
 * Compiles what was parsed. Families are asked in order; the first one that drops decides, and each sees what those
 * before it left of the event (docs/architecture.md, Rules).
 *
 * @param keys without them nothing is hashed: what would be is removed.
 */
export function compileRules(rules: RuleSet, keys = NO_KEYS): CompiledRules {
  const families = FAMILIES.map((compile) => compile(rules, keys)).filter((family) => family !== undefined)
  return {
    streams: [...new Set(families.flatMap(({ streams = [] }) => streams))],
    judge(decoded, scope, id, noted) {
      let kept: Kept | undefined
      for (const family of families) {
        const ruling = family.judge(kept?.decoded ?? decoded, scope, id, noted)
        if (ruling?.kind === 'drop') return ruling
        if (ruling !== undefined) kept = kept === undefined ? ruling : { ...kept, ...ruling }
      }
      return kept
    },
  }
}
