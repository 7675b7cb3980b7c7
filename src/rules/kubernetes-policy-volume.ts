import type { AuditEvent } from '../domain/event.ts'
import { policyOnRecords } from './kubernetes-policy-family.ts'
import { type KubernetesPolicy, type Level, LEVELS } from './kubernetes-policy.ts'

/** What a rule would make of stored events. */
interface RuleVolume {
  /** From 1; left out: no rule matched. */
  readonly rule?: number
  readonly level: Level
  readonly kept: number
  /** Of the records as they would be kept, in UTF-8. */
  readonly bytes: number
  readonly dropped: number
  /** Kept ones that were stored with less than the rule's level: what they would be at it is not known. */
  readonly atLess: number
}

export interface PolicyVolume {
  /** Rules in the order of the policy, also those that matched nothing; then what no rule matched. */
  readonly rules: readonly RuleVolume[]
  readonly events: number
  /** Of them, those whose record is not there to be looked at. */
  readonly withoutRecord: number
}

/** Counts what a policy would make of Kubernetes events that are stored, as they are stored. */
export function policyVolume(policy: KubernetesPolicy): { add(event: AuditEvent): void; sum(): PolicyVolume } {
  const apply = policyOnRecords(policy, (rule) => String(rule ?? 'default'))
  const counts = [...policy.rules.map(({ level }) => level), 'None' as const].map((level) => {
    return { level, kept: 0, bytes: 0, dropped: 0, atLess: 0 }
  })
  let [events, withoutRecord] = [0, 0]
  return {
    add(event) {
      events++
      const { original } = event.event
      const made = original === undefined ? undefined : apply({ event }, original)
      if (made === undefined) {
        withoutRecord++
        return
      }
      const { decision, recorded, left } = made
      const count = counts[(decision.rule ?? counts.length) - 1]
      if (count === undefined) return
      if (left === undefined) {
        count.dropped++
        return
      }
      count.kept++
      count.bytes += Buffer.byteLength(left.event.event.original ?? '')
      const level = LEVELS.findIndex((each) => each === recorded)
      if (level >= 0 && level < LEVELS.indexOf(decision.level)) count.atLess++
    },
    sum() {
      const rules = counts.map((count, n): RuleVolume => (n < policy.rules.length ? { rule: n + 1, ...count } : count))
      return { rules, events, withoutRecord }
    },
  }
}
