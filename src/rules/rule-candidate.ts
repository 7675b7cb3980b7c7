import { parseExcludedCategories } from './categories.ts'
import { DEFAULT_MASKS } from './default-masks-names.ts'
import { AuditError } from '../domain/errors.ts'
import { nearest } from '../domain/nearest.ts'
import { parseExpressionRules } from './expressions.ts'
import { noDocuments, readRuleDocuments } from './rule-documents.ts'
import { effectiveRules, type RuleLayers } from './rule-layers.ts'
import type { RuleSet } from './rule-set.ts'

/** Rules that somebody wants to try. */
export interface Candidate {
  /** Files of rules, as they lie in the folder of resources. */
  readonly documents?: readonly { readonly name: string; readonly text: string }[]
  /** As `rules:` of the configuration. */
  readonly rules?: readonly unknown[]
  readonly excludedCategories?: readonly string[]
  /** Default masks that are switched off, with or without `secret/`. */
  readonly masksOff?: readonly string[]
  /** Resource types that AccessAudits without types leave out, as the file of a control plane says. */
  readonly skipDefaultTypes?: readonly string[]
  /** They are all rules of files there are. Left out: they come to those in force, or in place of those of their names. */
  readonly whole?: boolean
}

/** The set that would be in force. Throws `invalid_config` with file, line and column. */
export function candidateRules(candidate: Candidate, layers: RuleLayers): RuleSet {
  const found = noDocuments()
  for (const { name, text } of candidate.documents ?? []) readRuleDocuments(text, name, found)
  const expressions = [...parseExpressionRules(candidate.rules ?? []), ...found.expressions]
  const { excludedCategories, masksOff, skipDefaultTypes } = candidate
  const categories = excludedCategories && parseExcludedCategories(excludedCategories, 'excludedCategories')
  const off = masksOff?.map(defaultMask)
  const policies = Object.fromEntries(found.policies)
  if (candidate.whole === true) {
    const set = {
      kubernetesPolicies: policies,
      accessAudits: found.accessAudits,
      ...(skipDefaultTypes !== undefined && { skipDefaultTypes }),
      excludedCategories: categories ?? [],
      expressions,
      defaultMasksOff: off ?? [],
    }
    return effectiveRules({ ...layers, files: { set, origins: {}, warnings: [] } })
  }
  const now = effectiveRules(layers)
  return {
    ...now,
    kubernetesPolicies: { ...now.kubernetesPolicies, ...policies },
    accessAudits: replaced(now.accessAudits, found.accessAudits),
    ...(skipDefaultTypes !== undefined && { skipDefaultTypes }),
    expressions: replaced(now.expressions, expressions),
    ...(categories !== undefined && { excludedCategories: categories }),
    ...(off !== undefined && { defaultMasksOff: off }),
  }
}

/** The full name of a default mask, from it or from what follows its `secret/`. Throws `invalid_config`. */
export function defaultMask(name: string): string {
  const wanted = name.startsWith('secret/') ? name : `secret/${name}`
  const found = DEFAULT_MASKS.find((each) => each === wanted)
  if (found !== undefined) return found
  const meant = nearest(wanted, DEFAULT_MASKS)
  const hint = meant === undefined ? `known: ${DEFAULT_MASKS.join(', ')}` : `did you mean ${meant}?`
  throw new AuditError('invalid_config', `there is no default mask ${name}; ${hint}`, { hint })
}

/** Those of a known name in their places, new ones behind. */
function replaced<T extends { readonly name: string }>(before: readonly T[], others: readonly T[]): readonly T[] {
  const later = new Map(others.map((each) => [each.name, each]))
  const kept = before.map((each) => {
    const other = later.get(each.name) ?? each
    later.delete(each.name)
    return other
  })
  return [...kept, ...later.values()]
}
