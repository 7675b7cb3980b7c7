import { Check, CircleAlert, Hourglass } from 'lucide-react'
import type { ReactNode } from 'react'
import type { SourceAnswer } from '../../domain/answers.ts'
import { Value } from '../parts/value.tsx'
import { stateWords } from './source-words.ts'

const MARKS = {
  working: [Check, 'is-success'],
  listening: [Check, 'is-success'],
  waiting: [Hourglass, 'is-staged'],
  failed: [CircleAlert, 'is-denied'],
} as const

/** The state in words, and below it why it is not as it should be. */
export function SourceState({ source }: { source: SourceAnswer }): ReactNode {
  const [Icon, tone] = MARKS[source.state]
  const isWell = source.state === 'working' || source.state === 'listening'
  return (
    <span className="source-state">
      <Icon className={`i ${tone}`} />
      <span className={isWell ? undefined : tone}>{stateWords(source)}</span>
      {source.reason !== undefined && (
        <small>
          <Value text={source.reason} limit={300} />
        </small>
      )}
    </span>
  )
}
