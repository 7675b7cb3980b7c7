import { Check, Clock, Minus, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { Value } from '../parts/value.tsx'
import type { Line } from '../proof/verdict-lines.ts'

const ICONS = { yes: Check, no: X, wait: Clock, unset: Minus } as const
const WORDS = { yes: 'checked', no: 'failed', wait: 'not yet', unset: 'not checked' } as const

/** Checks and what they came to, each by itself. `about` is what a line is of, where there are several of a name. */
export function CheckLines({ lines }: { lines: readonly (Line & { readonly about?: string })[] }): ReactNode {
  return (
    <ol className="verdicts">
      {lines.map(({ name, state, words, about }, at) => {
        const Icon = ICONS[state]
        const tone = state === 'yes' ? 'is-success' : state === 'no' ? 'is-denied' : 'muted'
        return (
          // Lines never move: a new report is a new list.
          <li key={at} className={`verdict is-${state}`}>
            <Icon className={`i ${tone}`} role="img" aria-label={WORDS[state]} />
            <b>{name}</b>
            <span>
              {about !== undefined && (
                <small className="mono">
                  <Value text={about} limit={200} />
                </small>
              )}
              <Value text={words} limit={2000} />
            </span>
          </li>
        )
      })}
    </ol>
  )
}
