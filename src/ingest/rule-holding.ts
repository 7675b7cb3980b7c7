import { AuditError } from '../domain/errors.ts'
import type { RuleCheck } from '../domain/rule-answers.ts'
import type { RuleSet } from '../rules/rule-set.ts'

/** Of the events that are kept now: more than that is a large share. */
const LARGE_SHARE = 0.2
/** A source of so many events that would give none any more is not changed in passing. */
const LARGE_SOURCE = 1000

/** How the reason begins of a change that could not be tried. */
export const NOT_KNOWN = 'what it would drop is not known'

/**
 * Why a change of rules must wait for somebody who confirms it, in words; nothing where it need not: it would drop a
 * large share of what is kept, a whole source or anything of our own trail, or it switches off a default mask. What
 * cannot be known is a reason too.
 */
export async function reasonsToWait(
  deps: { readonly check: (now: RuleSet, candidate: RuleSet) => Promise<RuleCheck> },
  now: RuleSet,
  candidate: RuleSet,
): Promise<readonly string[]> {
  const off = candidate.defaultMasksOff.filter((name) => !now.defaultMasksOff.includes(name))
  const masks = off.map((name) => `it switches off the default mask ${name}`)
  try {
    return [...masks, ...reasonsOf(await deps.check(now, candidate))]
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    return [...masks, `${NOT_KNOWN}: ${error.message}`]
  }
}

function reasonsOf({ now, newlyDropped, ownTrail, sources }: RuleCheck): readonly string[] {
  const whole = sources.filter(({ kept, newlyDropped: dropped }) => dropped >= LARGE_SOURCE && dropped === kept)
  return [
    ...(newlyDropped > LARGE_SHARE * now.kept
      ? [`it would have dropped ${newlyDropped} of ${now.kept} events of the last day that are kept now`]
      : []),
    ...whole.map(({ source, kept }) => `it would have dropped all ${kept} events of source ${source}`),
    ...(ownTrail > 0 ? [`it is about ${ownTrail} events of our own trail, which no rule may drop`] : []),
  ]
}
