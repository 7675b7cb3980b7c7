import { CircleAlert, Search, X } from 'lucide-react'
import type { ReactNode, RefObject } from 'react'
import { useState } from 'react'
import type { Facet } from '../../domain/answers.ts'
import { QueryField } from './query-field.tsx'
import type { QueryFault } from './query-text.ts'

export interface QueryBarProps {
  readonly text: string
  readonly fault: QueryFault | undefined
  readonly running: boolean
  /** The query that the results belong to, when it is another one. */
  readonly previous: string | undefined
  readonly field: RefObject<HTMLTextAreaElement | null>
  readonly time: ReactNode
  /** Values of the last answer: what completion counts with. */
  readonly facets: readonly Facet[]
  readonly onText: (text: string) => void
  readonly onRun: (text: string) => void
  readonly onCancel: () => void
}

/** The query as typed, coloured, with what is wrong at the very token. Enter runs it. */
export function QueryBar(props: QueryBarProps): ReactNode {
  const { text, running, previous, field, time, onText, onRun, onCancel } = props
  const [typing, setTyping] = useState(false)
  // What is wrong at the very end is still being typed, until the reader leaves it or wants to run it.
  const isUnfinished = typing && props.fault !== undefined && props.fault.end >= text.trimEnd().length
  const fault = isUnfinished ? undefined : props.fault
  const run = (query: string): void => {
    setTyping(false)
    onRun(query)
  }
  return (
    <div className="query-row">
      <form
        id="query"
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          run(text)
        }}
      >
        <div className={fault === undefined ? 'query-box' : 'query-box is-invalid'}>
          <Search className="i" />
          <QueryField
            text={text}
            fault={fault}
            field={field}
            facets={props.facets}
            onTyping={setTyping}
            onText={onText}
            onRun={run}
          />
          {text !== '' && (
            <button
              type="button"
              className="button is-ghost is-xs is-icon"
              aria-label="Clear the query"
              onClick={() => {
                onText('')
                field.current?.focus()
              }}
            >
              <X className="i i-sm" />
            </button>
          )}
          <span className="key" aria-hidden="true">
            /
          </span>
        </div>
      </form>
      {time}
      {running ? (
        <button type="button" className="button is-md only-wide" onClick={onCancel}>
          Cancel<span className="key">Esc</span>
        </button>
      ) : (
        <button type="submit" form="query" className="button is-primary is-md only-wide">
          Run<span className="key">Enter</span>
        </button>
      )}
      {fault !== undefined && (
        <div className="query-fault" id="query-fault" role="alert">
          <CircleAlert className="i is-denied" />
          <span>
            {fault.message}, at character {fault.start + 1}.
          </span>
          {fault.fix !== undefined && (
            <button
              type="button"
              className="button is-xs"
              onClick={() => {
                onText(fault.fix?.text ?? text)
                onRun(fault.fix?.text ?? text)
                field.current?.focus()
              }}
            >
              {fault.fix.label}
            </button>
          )}
          {previous !== undefined && (
            <button type="button" className="button is-ghost is-xs query-back" onClick={() => onText(previous)}>
              Back to the previous query
            </button>
          )}
        </div>
      )}
    </div>
  )
}
