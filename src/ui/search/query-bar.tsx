import { CircleAlert, Search, X } from 'lucide-react'
import type { ReactNode, RefObject } from 'react'
import { useEffect, useRef } from 'react'
import type { QueryFault } from './query-text.ts'
import { coloured } from './query-text.ts'

export interface QueryBarProps {
  readonly text: string
  readonly fault: QueryFault | undefined
  readonly running: boolean
  /** The query that the results belong to, when it is another one. */
  readonly previous: string | undefined
  readonly field: RefObject<HTMLTextAreaElement | null>
  readonly time: ReactNode
  readonly onText: (text: string) => void
  readonly onRun: (text: string) => void
  readonly onCancel: () => void
}

/** The query as typed, coloured, with what is wrong at the very token. Enter runs it. */
export function QueryBar(props: QueryBarProps): ReactNode {
  const { text, fault, running, previous, field, time, onText, onRun, onCancel } = props
  return (
    <form
      className="query-row"
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        onRun(text)
      }}
    >
      <div className={fault === undefined ? 'query-box' : 'query-box is-invalid'}>
        <Search className="i" />
        <QueryText {...props} />
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
      {time}
      {running ? (
        <button type="button" className="button is-md only-wide" onClick={onCancel}>
          Cancel<span className="key">Esc</span>
        </button>
      ) : (
        <button type="submit" className="button is-primary is-md only-wide">
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
    </form>
  )
}

function QueryText({ text, fault, field, onText, onRun }: QueryBarProps): ReactNode {
  const copy = useRef<HTMLPreElement>(null)
  useEffect(() => {
    const area = field.current
    if (area === null) return
    const follow = (): void => {
      if (copy.current !== null) copy.current.scrollTop = area.scrollTop
    }
    area.addEventListener('scroll', follow)
    return () => area.removeEventListener('scroll', follow)
  }, [field])
  return (
    <div className="query-text">
      <pre ref={copy} aria-hidden="true">
        {coloured(text, fault).map((piece) => (
          <span key={piece.start} className={`query-${piece.kind}`}>
            {piece.text}
          </span>
        ))}
        {/* Keeps the height of a last, empty line. */}
        {'\u200B'}
      </pre>
      <textarea
        ref={field}
        value={text}
        rows={1}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        autoCorrect="off"
        aria-label="Query"
        aria-keyshortcuts="/"
        aria-invalid={fault !== undefined}
        aria-describedby={fault === undefined ? undefined : 'query-fault'}
        placeholder="actor:alice action:delete* -outcome:success"
        maxLength={8192}
        onChange={(event) => onText(event.target.value.replaceAll('\n', ' '))}
        onKeyDown={(event) => {
          // While an input method composes, Enter is its own.
          if (event.key !== 'Enter' || event.nativeEvent.isComposing) return
          event.preventDefault()
          onRun(text)
        }}
      />
    </div>
  )
}
