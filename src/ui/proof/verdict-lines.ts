import type { Verdict } from '../../../verify/event-proof.ts'
import type { Zone } from '../text/time.ts'
import { clockText, countText, dateText } from '../text/time.ts'
import type { ProofReport } from './check.ts'

/** One check and what it came to. `unset`: there is nothing to check it with, and that is said. */
export interface Line {
  readonly name: string
  readonly state: 'yes' | 'no' | 'wait' | 'unset'
  readonly words: string
  /** A hash or key that stands behind the words. */
  readonly mono?: string
}

export function linesOf(report: ProofReport, zone: Zone): readonly Line[] {
  return [
    unchanged(report),
    included(report),
    signed(report),
    inRoot(report),
    witnessed(report, zone),
    consistent(report, zone),
    complete(report),
    TIME_STAMP,
  ]
}

export function checkedCount(lines: readonly Line[]): number {
  return lines.filter((line) => line.state === 'yes').length
}

/** A fork is said as such: it accuses the log, not the event. */
export function brokenKind({ verdicts, root }: ProofReport): 'event' | 'fork' | undefined {
  const ofEvent = [verdicts.unchanged, verdicts.included, verdicts.signed]
  if (ofEvent.some((verdict) => verdict.kind === 'no') || root?.verdict.kind === 'no') return 'event'
  return verdicts.consistent.kind === 'no' ? 'fork' : undefined
}

function unchanged({ verdicts, leafHash }: ProofReport): Line {
  const name = 'Unchanged'
  if (verdicts.unchanged.kind === 'no') return failed(name, verdicts.unchanged)
  const mono = `${leafHash.slice(0, 8)}…`
  const hidden = verdicts.hidden.length
  const also = hidden === 0 ? '' : `, ${hidden} hidden block${hidden === 1 ? '' : 's'} by hash`
  return { name, state: 'yes', words: `the event’s bytes give its leaf${also}`, mono }
}

function included({ verdicts, answer }: ProofReport): Line {
  const name = 'Included'
  if (verdicts.included.kind === 'no') return failed(name, verdicts.included)
  const size = countText(verdicts.checkpoint?.size ?? 0)
  return { name, state: 'yes', words: `leaf ${countText(answer.index)} of ${size}` }
}

function signed({ verdicts, answer, keyId }: ProofReport): Line {
  const name = 'Signed'
  if (verdicts.signed.kind === 'no') return failed(name, verdicts.signed)
  return { name, state: 'yes', words: `by ${answer.log}, key`, mono: keyId }
}

function inRoot({ root }: ProofReport): Line {
  const name = 'Root log'
  if (root === undefined) return { name, state: 'wait', words: 'its checkpoint is not there yet; within 10 s' }
  if (root.verdict.kind === 'no') return failed(name, root.verdict)
  const place = `entry ${countText(root.entry)} of ${countText(root.size)}`
  return { name, state: 'yes', words: `its checkpoint is ${place} in ${root.origin}` }
}

function witnessed({ root, witnesses }: ProofReport, zone: Zone): Line {
  const name = 'Witnessed'
  if (witnesses === 0) return { name, state: 'unset', words: 'no witness is configured' }
  if (root?.verdict.kind === 'no') return { name, state: 'unset', words: 'not looked at: the root log does not fit' }
  const by = root?.cosigned.by ?? []
  if (by.length === 0) return { name, state: 'wait', words: `by none of ${witnesses} yet` }
  const who = by.map((each) => `${each.name} ${clockText(each.time * 1000, zone)}`).join(', ')
  const missing = by.length < witnesses ? '; the others have not signed this one' : ''
  return { name, state: 'yes', words: `${by.length} of ${witnesses}: ${who}${missing}` }
}

const TIME_STAMP: Line = { name: 'Time stamp', state: 'unset', words: 'none is shown for a single event' }

function consistent({ verdicts, pin, notCompared }: ProofReport, zone: Zone): Line {
  const name = 'Consistent'
  if (verdicts.consistent.kind === 'no') return failed(name, verdicts.consistent)
  if (verdicts.consistent.kind === 'yes' && pin !== undefined) {
    const at = Date.parse(pin.at)
    return {
      name,
      state: 'yes',
      words: `with the checkpoint this browser saw ${dateText(at, zone)} ${clockText(at, zone)}`,
    }
  }
  if (notCompared !== undefined) return { name, state: 'unset', words: `not compared: ${notCompared}` }
  return { name, state: 'unset', words: 'first look at this log; kept to compare next time' }
}

function complete({ verdicts }: ProofReport): Line {
  const name = 'Complete'
  const number = verdicts.leaf?.n
  if (number === undefined) return { name, state: 'unset', words: 'the source does not number its records' }
  return { name, state: 'unset', words: `record ${countText(number)} of its source; neighbours are not compared yet` }
}

function failed(name: string, verdict: Verdict): Line {
  return { name, state: 'no', words: verdict.kind === 'no' ? verdict.reason : '' }
}
