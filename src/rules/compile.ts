import type { DecodedEvent } from '../formats/format.ts'
import type { Family, Noted, RuleScope, Ruling } from './family.ts'
import type { RuleSet } from './rule-set.ts'

/** All rules in force as one function. */
export interface CompiledRules {
  /** Streams to which a rule may send events. */
  readonly streams: readonly string[]
  judge(decoded: DecodedEvent, scope: RuleScope, id: Uint8Array, noted: Noted): Ruling
}

/** A family's own compiler. Undefined: it has nothing to say under these rules, and costs nothing. */
type CompileFamily = (rules: RuleSet) => Family | undefined

/** In the order in which they are asked: what drops comes before what changes, so that nothing is masked in vain. */
const FAMILIES: readonly CompileFamily[] = []

/**
 * Compiles what was parsed. Families are asked in order; the first one that drops decides, and each sees what those
 * before it left of the event (docs/architecture.md, Rules).
 */
export function compileRules(rules: RuleSet): CompiledRules {
  const families = FAMILIES.map((compile) => compile(rules)).filter((family) => family !== undefined)
  return {
    streams: [...new Set(families.flatMap(({ streams = [] }) => streams))],
    judge(decoded, scope, id, noted) {
      let kept: Ruling & { readonly kind: 'keep' } = { kind: 'keep', decoded }
      for (const family of families) {
        const ruling = family.judge(kept.decoded, scope, id, noted)
        if (ruling?.kind === 'drop') return ruling
        if (ruling !== undefined) kept = { ...kept, ...ruling }
      }
      return kept
    },
  }
}
