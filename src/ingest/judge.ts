import type { DecodedEvent, Reject } from '../formats/format.ts'
import type { CompiledRules } from '../rules/compile.ts'
import type { Noted, RuleScope, Ruling } from '../rules/family.ts'
import type { Slice } from './seal.ts'

/** How often rules acted, or would have in shadow, by rule. Left out: never. */
export interface RuleCounts {
  /** On events that they left in, whatever became of these later. Drops are counted where records are. */
  readonly acted?: Readonly<Record<string, number>>
  readonly shadow?: Readonly<Record<string, number>>
}

/** Rules in force, for the events of one slice. */
export interface Judge {
  /** @param id 16 bytes, natural or fresh: those that the event will have. Undefined: it stays as and where it is. */
  (decoded: DecodedEvent, id: Uint8Array): Ruling | undefined
  counts(): RuleCounts
}

/**
 * One rule stands above all others and cannot be switched off: nobody but us sets `whodid.*` or speaks as a dataset of
 * ours. Undefined: it does neither.
 */
export function claimsOurs({ event }: DecodedEvent): Reject | undefined {
  if (event.whodid !== undefined) {
    const message = 'whodid.* is set by whodid alone: leave it out'
    return { kind: 'reject', reason: 'claims_whodid', path: 'whodid', message }
  }
  if (event.event.dataset?.startsWith('whodid.') === true) {
    const message = `dataset ${event.event.dataset} is whodid's own trail: choose another name`
    return { kind: 'reject', reason: 'claims_whodid', path: 'event.dataset', message }
  }
  return undefined
}

/** Asks the rules in force of all that may be kept, and counts what they did. */
export function createJudge({ source, rules: slice }: Pick<Slice, 'source' | 'rules'>, rules: CompiledRules): Judge {
  const scope: RuleScope = {
    source,
    stream: slice?.stream ?? '',
    ...(slice?.kubernetesPolicy !== undefined && { kubernetesPolicy: slice.kubernetesPolicy }),
    ...(slice?.accessAudit !== undefined && { accessAudit: slice.accessAudit }),
  }
  const acted = new Map<string, number>()
  const shadow = new Map<string, number>()
  const noted: Noted = (rule, did, would) => {
    // What a rule drops is counted by what becomes of its record.
    if (would === undefined && did === 'drop') return
    const counts = would === 'shadow' ? shadow : acted
    counts.set(rule, (counts.get(rule) ?? 0) + 1)
  }
  return Object.assign((decoded: DecodedEvent, id: Uint8Array) => rules.judge(decoded, scope, id, noted), {
    counts: (): RuleCounts => ({
      ...(acted.size > 0 && { acted: Object.fromEntries(acted) }),
      ...(shadow.size > 0 && { shadow: Object.fromEntries(shadow) }),
    }),
  })
}
