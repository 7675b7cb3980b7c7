import type { ReactNode } from 'react'
import { memo } from 'react'
import type { AuditEvent } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'
import type { SentencePart } from '../../domain/sentence.ts'
import { sentence } from '../../domain/sentence.ts'
import { Value } from './value.tsx'

export interface SentenceTextProps {
  readonly event: AuditEvent
  readonly limit?: number
}

/** Who did what to what, names in weight, and apart from it what became of it: only the first part is ever shortened. */
export const SentenceText = memo(function SentenceText({ event, limit = 200 }: SentenceTextProps): ReactNode {
  const parts = sentence(event)
  const at = parts.findIndex((part) => part.kind === 'outcome')
  const said = at === -1 ? parts : parts.slice(0, at - 1)
  const outcome = at === -1 ? [] : parts.slice(at - 1)
  return (
    <>
      <span className="sentence">{said.map((part, index) => wordsOf(part, index, limit))}</span>
      {outcome.length > 0 && <span className={`outcome is-${stateOf(event)}`}>{outcome.map(outcomeWords)}</span>}
    </>
  )
})

function wordsOf(part: SentencePart, key: number, limit: number): ReactNode {
  if (part.kind === 'who') return <b key={key}>{<Value text={part.text} limit={limit} identity />}</b>
  if (part.kind !== 'what') return <Value key={key} text={part.text} limit={limit} />
  if (part.text.startsWith('`') && part.text.endsWith('`')) {
    return <code key={key}>{<Value text={part.text.slice(1, -1)} limit={limit} />}</code>
  }
  // `Secret prod/db-password`: the kind of thing is said quietly, its name is not.
  const kind = /^(?:(?:an?|user) )?[A-Z]\w{1,30} (?=\S)/.exec(part.text)?.[0] ?? ''
  return (
    <span key={key}>
      {kind}
      <b>{<Value text={part.text.slice(kind.length)} limit={limit} />}</b>
    </span>
  )
}

/** The reason in brackets may go where there is little room; the word never does. */
function outcomeWords(part: SentencePart, key: number): ReactNode {
  const isReason = part.kind === 'text' && part.text.startsWith(' (')
  return isReason ? (
    <span key={key} className="reason">
      <Value text={part.text} limit={60} />
    </span>
  ) : (
    <span key={key}>{part.text}</span>
  )
}
