import type { LucideIcon } from 'lucide-react'
import { Ban, Check, CircleQuestionMark, Hourglass, X } from 'lucide-react'
import type { ReactNode } from 'react'
import type { State } from '../../domain/event.ts'

export const STATES: readonly State[] = ['denied', 'failed', 'staged', 'unknown', 'success']

const ICONS: Readonly<Record<State, LucideIcon>> = {
  denied: Ban,
  failed: X,
  staged: Hourglass,
  success: Check,
  unknown: CircleQuestionMark,
}

/** Words for people: `unknown` is what a source does not record. */
export const STATE_WORDS: Readonly<Record<State, string>> = {
  denied: 'denied',
  failed: 'failed',
  staged: 'staged',
  success: 'success',
  unknown: 'not recorded',
}

export interface StateMarkProps {
  readonly state: State
  readonly small?: boolean
  /** Says the state's word where no text beside the icon does. */
  readonly named?: boolean
}

export function StateMark({ state, small = false, named = false }: StateMarkProps): ReactNode {
  const Icon = ICONS[state]
  const className = `i is-${state}${small ? ' i-sm' : ''}`
  return named ? (
    <Icon className={className} role="img" aria-label={STATE_WORDS[state]} />
  ) : (
    <Icon className={className} />
  )
}
