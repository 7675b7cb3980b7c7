import type { AuditedAnswer, AuditedBy } from '../domain/rule-answers.ts'
import { operationsOf } from './access-audit-rule.ts'
import {
  DEFAULT_SKIPPED_TYPES,
  OF_A_MESH,
  OTHER_OPERATIONS,
  RESOURCE_OPERATIONS,
  resourceType,
  typeNames,
} from './access-audit-words.ts'
import type { RuleSet } from './rule-set.ts'

/** What AccessAudits ask for, by type and operation: what `compileAccessAudits` decides, for somebody who reads it. */
export function auditedGrid(rules: Pick<RuleSet, 'accessAudits' | 'skipDefaultTypes'>): AuditedAnswer {
  const skippedTypes = rules.skipDefaultTypes ?? DEFAULT_SKIPPED_TYPES
  const skipped = new Set(skippedTypes.map(lower))
  const all = rules.accessAudits.flatMap((audit) => audit.rules.map((rule) => ({ audit: audit.name, rule })))
  const known = new Set(typeNames().map(lower))
  const named = all.flatMap(({ rule }) => rule.types).filter((type) => !known.has(type.toLowerCase()))

  const ofType = (type: string): readonly (readonly AuditedBy[])[] =>
    RESOURCE_OPERATIONS.map((operation) =>
      byOf(
        all.filter(({ rule }) => operationsOf(rule).includes(operation) && isAbout(rule.types, type, skipped)),
        resourceType(type)?.scope === 'global' && type !== 'Mesh',
      ),
    )
  return {
    operations: RESOURCE_OPERATIONS,
    types: [...typeNames(), ...new Set(named)].map((type) => ({
      type,
      ...(skipped.has(type.toLowerCase()) && { skipped: true as const }),
      by: ofType(type),
    })),
    others: OTHER_OPERATIONS.map((operation) => ({
      operation,
      by: byOf(
        all.filter(({ rule }) => operationsOf(rule).includes(operation)),
        operation !== OF_A_MESH,
      ),
    })),
    skippedTypes,
  }
}

function isAbout(types: readonly string[], type: string, skipped: ReadonlySet<string>): boolean {
  if (types.length === 0) return !skipped.has(type.toLowerCase())
  return types.some((each) => each.toLowerCase() === type.toLowerCase())
}

/** @param isOutside It belongs to no mesh, so rules with a mesh are not about it. */
function byOf(
  matching: readonly { readonly audit: string; readonly rule: { readonly mesh?: string } }[],
  isOutside: boolean,
): readonly AuditedBy[] {
  const by = new Map<string, readonly string[] | 'all'>()
  for (const { audit, rule } of matching) {
    if (rule.mesh === undefined) by.set(audit, 'all')
    else if (!isOutside) {
      const before = by.get(audit) ?? []
      if (before !== 'all') by.set(audit, [...new Set([...before, rule.mesh])])
    }
  }
  return [...by].map(([audit, meshes]) => (meshes === 'all' ? { audit } : { audit, meshes }))
}

function lower(text: string): string {
  return text.toLowerCase()
}
