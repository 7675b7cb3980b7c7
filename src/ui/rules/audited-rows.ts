import type { AuditedAnswer, AuditedBy } from '../../domain/rule-answers.ts'

/** Types that are audited alike. */
export interface AuditedRow {
  readonly types: readonly string[]
  readonly skipped: boolean
  /** For each operation. */
  readonly by: readonly (readonly AuditedBy[])[]
}

/** The grid, types with the same answers in one row unless each is asked for; most audited first. */
export function auditedRows({ types }: AuditedAnswer, isWhole: boolean): readonly AuditedRow[] {
  const rows = new Map<string, { types: string[]; skipped: boolean; by: AuditedRow['by'] }>()
  for (const { type, skipped = false, by } of types) {
    const key = isWhole ? type : JSON.stringify([skipped, by])
    const row = rows.get(key) ?? { types: [], skipped, by }
    row.types.push(type)
    rows.set(key, row)
  }
  return [...rows.values()].toSorted((a, b) => countOf(b) - countOf(a))
}

function countOf({ by }: Pick<AuditedRow, 'by'>): number {
  return by.filter((each) => each.length > 0).length
}
