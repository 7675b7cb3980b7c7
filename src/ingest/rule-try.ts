import { randomBytes } from 'node:crypto'
import { Buffer } from 'node:buffer'
import type { AuditEvent } from '../domain/event.ts'
import type { RuleRuling } from '../domain/rule-answers.ts'
import type { CompiledRules } from '../rules/compile.ts'
import type { RuleScope } from '../rules/family.ts'
import { ruleEntries } from '../rules/rule-entries.ts'
import type { RuleSet } from '../rules/rule-set.ts'
import { decodedOf } from './rule-check.ts'

const ID_BYTES = 16

/**
 * What rules make of one event, and which of them and why. An event without an id gets one that nobody else has, so a
 * sample may decide otherwise about the next one.
 */
export function tryRules(
  event: AuditEvent,
  scope: RuleScope,
  rules: { readonly set: RuleSet; readonly compiled: CompiledRules },
): RuleRuling {
  const decoded = decodedOf(event)
  const given = Buffer.from(event.event.id ?? '', 'base64url')
  const id = given.length === ID_BYTES ? given : randomBytes(ID_BYTES)
  const said = new Map(ruleEntries(rules.set).map(({ name, text }) => [name, text]))
  const acted: { rule: string; did: 'keep' | 'drop' | 'change'; shadow?: true; says?: string }[] = []
  const note = (rule: string, did: 'keep' | 'drop' | 'change', would?: 'shadow'): void => {
    const says = said.get(rule)
    acted.push({ rule, did, ...(would !== undefined && { shadow: true }), ...(says !== undefined && { says }) })
  }
  const ruling = rules.compiled.judge(decoded, scope, id, note)
  if (ruling?.kind === 'drop') {
    if (!acted.some(({ rule, shadow }) => rule === ruling.rule && shadow === undefined)) note(ruling.rule, 'drop')
    return { becomes: 'dropped', by: ruling.rule, acted }
  }
  const kept = ruling?.decoded ?? decoded
  const masked = kept.masked ?? []
  return {
    becomes: kept === decoded ? 'kept' : 'changed',
    ...(ruling?.rule !== undefined && { by: ruling.rule }),
    ...(ruling?.stream !== undefined && { stream: ruling.stream }),
    acted,
    ...(kept !== decoded && { event: kept.event }),
    ...(masked.length > 0 && { masked }),
  }
}
