import type { KeyboardEvent, ReactNode, RefObject } from 'react'
import { useEffect, useId, useRef, useState } from 'react'
import type { Facet } from '../../domain/answers.ts'
import { Value } from '../parts/value.tsx'
import type { Choice } from './completions.ts'
import { choicesAt } from './completions.ts'
import type { QueryFault } from './query-text.ts'
import { coloured } from './query-text.ts'

export interface QueryFieldProps {
  readonly text: string
  readonly fault: QueryFault | undefined
  readonly field: RefObject<HTMLTextAreaElement | null>
  readonly facets: readonly Facet[]
  readonly onText: (text: string) => void
  readonly onRun: (text: string) => void
  /** Whether the reader is in the middle of something. */
  readonly onTyping: (typing: boolean) => void
}

/** The field over its coloured copy, with a list of what may stand at the caret. Enter runs unless the list was entered. */
export function QueryField({ text, fault, field, facets, onText, onRun, onTyping }: QueryFieldProps): ReactNode {
  const id = useId()
  const [choices, setChoices] = useState<readonly Choice[]>([])
  const [active, setActive] = useState(-1)
  const close = (): void => {
    setChoices([])
    setActive(-1)
  }
  const offer = (query: string, caret: number): void => {
    setChoices(choicesAt(query, caret, facets))
    setActive(-1)
  }
  const take = (choice: Choice): void => {
    onText(choice.query)
    offer(choice.query, choice.caret)
    requestAnimationFrame(() => {
      field.current?.focus()
      field.current?.setSelectionRange(choice.caret, choice.caret)
    })
  }
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    const choice = choices[active]
    if (step !== 0 && choices.length > 0) {
      event.preventDefault()
      setActive(Math.min(Math.max(active + step, -1), choices.length - 1))
    } else if (event.key === 'Escape' && choices.length > 0) {
      event.preventDefault()
      close()
    } else if (event.key === 'Tab' && choice !== undefined) {
      event.preventDefault()
      take(choice)
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      // While an input method composes, Enter is its own.
      event.preventDefault()
      if (choice !== undefined) take(choice)
      else {
        close()
        onRun(text)
      }
    }
  }
  return (
    <div className="query-text">
      <Copy text={text} fault={fault} field={field} />
      <textarea
        ref={field}
        value={text}
        rows={1}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        autoCorrect="off"
        aria-label="Query"
        enterKeyHint="search"
        aria-keyshortcuts="/"
        aria-invalid={fault !== undefined}
        aria-describedby={fault === undefined ? undefined : 'query-fault'}
        aria-autocomplete="list"
        aria-controls={choices.length > 0 ? id : undefined}
        aria-activedescendant={active >= 0 ? `${id}${active}` : undefined}
        placeholder="actor:alice action:delete* -outcome:success"
        maxLength={8192}
        onChange={({ target, nativeEvent }) => {
          const next = target.value.replaceAll('\n', ' ')
          onText(next)
          onTyping(true)
          // What is pasted is complete as it is.
          const pasted = nativeEvent instanceof InputEvent && nativeEvent.inputType === 'insertFromPaste'
          if (pasted) close()
          else offer(next, target.selectionStart)
        }}
        onBlur={() => {
          close()
          onTyping(false)
        }}
        onKeyDown={onKeyDown}
      />
      {choices.length > 0 && <ChoiceList id={id} choices={choices} active={active} text={text} onTake={take} />}
    </div>
  )
}

function Copy({ text, fault, field }: Pick<QueryFieldProps, 'text' | 'fault' | 'field'>): ReactNode {
  const copy = useRef<HTMLPreElement>(null)
  useEffect(() => {
    const area = field.current
    if (area === null) return
    const follow = (): void => copy.current?.scrollTo({ top: area.scrollTop, left: area.scrollLeft })
    area.addEventListener('scroll', follow)
    return () => area.removeEventListener('scroll', follow)
  }, [field])
  return (
    <pre ref={copy} aria-hidden="true">
      {coloured(text, fault).map((piece) => (
        <span key={piece.start} className={`query-${piece.kind}`}>
          {piece.text}
        </span>
      ))}
      {/* Keeps the height where nothing is typed. */}
      {'\u200B'}
    </pre>
  )
}

interface ChoiceListProps {
  readonly id: string
  readonly choices: readonly Choice[]
  readonly active: number
  readonly text: string
  readonly onTake: (choice: Choice) => void
}

function ChoiceList({ id, choices, active, text, onTake }: ChoiceListProps): ReactNode {
  const list = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (active >= 0) list.current?.children[active]?.scrollIntoView({ block: 'nearest' })
  }, [active])
  // Every choice begins where its own text begins.
  const column = (choices[0]?.query.length ?? 0) === 0 ? 0 : commonStart(choices[0], text)
  return (
    <>
      <div
        ref={list}
        id={id}
        role="listbox"
        aria-label="Suggestions"
        className="choices"
        style={{ insetInlineStart: `min(${column}ch, 60%)` }}
      >
        {choices.map((choice, at) => (
          <div
            key={choice.text}
            id={`${id}${at}`}
            role="option"
            aria-selected={at === active}
            // Before the field would lose the focus.
            onPointerDown={(event) => {
              event.preventDefault()
              onTake(choice)
            }}
          >
            <code>
              <Value text={choice.text} limit={60} />
            </code>
            <span>
              <Value text={choice.description} limit={90} />
            </span>
          </div>
        ))}
      </div>
      <span className="unseen" role="status">
        {choices.length} suggestion{choices.length === 1 ? '' : 's'}
      </span>
    </>
  )
}

function commonStart(choice: Choice | undefined, text: string): number {
  if (choice === undefined) return 0
  let at = 0
  while (at < text.length && text[at] === choice.query[at]) at += 1
  return Math.max(0, Math.min(at, choice.caret - choice.text.length))
}
