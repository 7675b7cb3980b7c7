import type { AuditEvent } from '../../domain/event.ts'
import { nameWords } from '../rules/rule-words.ts'
import { textIn } from '../search/fold.ts'

/** What one rule did to an event before it was sealed. */
export interface RuleLine {
  /** `Masked by`, `Kept at level Metadata by`. */
  readonly did: string
  /** As accounts say it. */
  readonly rule: string
  /** For people. */
  readonly name: string
  readonly paths: readonly string[]
}

/** Which rules kept, reduced or masked it, in that order. Empty: none did. */
export function ruleLinesOf(event: AuditEvent): readonly RuleLine[] {
  const { rule, masked = [] } = event.whodid ?? {}
  const level = textIn(event['kubernetes'], 'audit', 'level')
  const lines: RuleLine[] = []
  if (rule !== undefined) {
    const at = rule.startsWith('policy/') && level !== undefined ? ` at level ${level}` : ''
    lines.push({ did: `Kept${at} by`, rule, name: nameWords(rule), paths: [] })
  }
  const paths = new Map<string, string[]>()
  for (const each of masked) paths.set(each.rule, [...(paths.get(each.rule) ?? []), each.path])
  for (const [by, of] of paths) {
    const did = by.startsWith('policy/') ? 'Reduced by' : 'Masked by'
    lines.push({ did, rule: by, name: nameWords(by), paths: of })
  }
  return lines
}
