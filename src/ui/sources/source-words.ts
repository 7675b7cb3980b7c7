import { imbalance } from '../../domain/accounting.ts'
import type { Accounting } from '../../domain/accounting.ts'
import type { ReplayAnswer, SourceAnswer } from '../../domain/answers.ts'
import { countText, durationText, sizeText } from '../text/time.ts'

/** A source's state for people. */
export function stateWords({ state }: SourceAnswer): string {
  return STATES[state]
}

const STATES: Readonly<Record<SourceAnswer['state'], string>> = {
  working: 'Working',
  listening: 'Listening',
  waiting: 'Waiting: told to wait',
  failed: 'Failed: starts again by itself',
}

/** What the far side has and we have not: `1,204 records, 2 min 5 s behind`. Undefined: nobody knows. */
export function lagWords({ lag }: SourceAnswer): string | undefined {
  if (lag === undefined) return undefined
  const { records, bytes, seconds } = lag
  const parts = [
    records === undefined ? undefined : counted(records, 'record'),
    bytes === undefined ? undefined : sizeText(bytes),
    seconds === undefined ? undefined : durationText(seconds * 1000),
  ].filter((part) => part !== undefined)
  if (parts.length === 0) return undefined
  if ([records, bytes, seconds].every((each) => each === undefined || each === 0)) return 'nothing behind'
  return `${parts.join(', ')} behind`
}

/** One number of an account, as it stands in the sum. */
export interface Part {
  readonly label: 'received' | 'kept' | 'dropped' | 'duplicate' | 'rejected' | 'shed'
  readonly count: number
  /** By rule or reason, largest first. */
  readonly by?: readonly (readonly [name: string, count: number])[]
}

/** received = kept + dropped + duplicate + rejected + shed, in this order. */
export function partsOf(accounting: Accounting): readonly Part[] {
  const dropped = largestFirst(accounting.dropped)
  const rejected = largestFirst(accounting.rejected)
  return [
    { label: 'received', count: accounting.received },
    { label: 'kept', count: accounting.kept },
    { label: 'dropped', count: sumOf(dropped), by: dropped },
    { label: 'duplicate', count: accounting.duplicate },
    { label: 'rejected', count: sumOf(rejected), by: rejected },
    { label: 'shed', count: accounting.shed },
  ]
}

/** Undefined where the account ties out. */
export function imbalanceWords(accounting: Accounting): string | undefined {
  const missing = imbalance(accounting)
  if (missing === 0) return undefined
  return `These numbers do not add up: ${counted(Math.abs(missing), 'record')} ${missing > 0 ? 'missing' : 'too many'}.`
}

export function largestFirst(counts: Readonly<Record<string, number>>): readonly (readonly [string, number])[] {
  return Object.entries(counts).toSorted(([, a], [, b]) => b - a)
}

export function sumOf(counts: readonly (readonly [string, number])[]): number {
  return counts.reduce((sum, [, count]) => sum + count, 0)
}

/** What became of records that were fed again, in a sentence. */
export function replayWords(answer: ReplayAnswer): string {
  const { replayed, kept, duplicate, dropped, rejected, cut, waits } = answer
  const became: readonly (readonly [number, string])[] = [
    [kept, 'kept as events'],
    [duplicate, 'known already'],
    [dropped, 'dropped by a rule'],
    [rejected, 'rejected again'],
  ]
  const said = became.filter(([count]) => count > 0).map(([count, words]) => `${countText(count)} ${words}`)
  const fed =
    replayed === 0
      ? 'No record was fed again.'
      : `Fed ${counted(replayed, 'record')} again${said.length > 0 ? `: ${said.join(', ')}` : ''}.`
  const short = cut === 0 ? '' : ` ${counted(cut, 'record')} could not be fed: only the beginning is kept.`
  return `${fed}${short}${waits === undefined ? '' : ` Stopped early: ${waits}.`}`
}

/** `1 record`, `1,204 records`. */
export function counted(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** How many sources are in which state: `6 sources: 4 listening, 1 working, 1 failed`. */
export function allWords(sources: readonly SourceAnswer[]): string {
  const counts = (['failed', 'waiting', 'working', 'listening'] as const)
    .map((state): [string, number] => [state, sources.filter((each) => each.state === state).length])
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
  return `${counted(sources.length, 'source')}: ${counts.join(', ')}`
}
