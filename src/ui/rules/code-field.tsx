import type { ReactNode, RefObject } from 'react'
import { useRef } from 'react'
import type { Remark } from './rule-words.ts'

export interface CodeFieldProps {
  readonly label: string
  readonly text: string
  readonly remarks: readonly Remark[]
  readonly describedBy: string
  readonly field: RefObject<HTMLTextAreaElement | null>
  readonly onText: (text: string) => void
}

/** A text of lines with their numbers, marked where something is said about one. */
export function CodeField({ label, text, remarks, describedBy, field, onText }: CodeFieldProps): ReactNode {
  const gutter = useRef<HTMLDivElement>(null)
  const lines = text.split('\n').length
  const numbers = Array.from({ length: lines }, (_, at) => at + 1).join('\n')
  const isWrong = remarks.some(({ severity }) => severity === 'error')
  return (
    <div className="code-field">
      <div className="code-gutter" aria-hidden="true">
        <div ref={gutter}>
          <pre>{numbers}</pre>
          {remarks.map(({ line, severity, message }) =>
            line === undefined ? null : (
              <span
                key={`${line} ${message}`}
                className={severity === 'error' ? 'code-mark is-error' : 'code-mark'}
                style={{ insetBlockStart: `calc(${Math.min(line, lines) - 1} * var(--code-line))` }}
              />
            ),
          )}
        </div>
      </div>
      <textarea
        ref={field}
        aria-label={label}
        aria-invalid={isWrong}
        aria-describedby={describedBy}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        wrap="off"
        value={text}
        onChange={(event) => onText(event.target.value)}
        onScroll={({ currentTarget }) => {
          if (gutter.current !== null) gutter.current.style.transform = `translateY(${-currentTarget.scrollTop}px)`
        }}
      />
    </div>
  )
}

/** Puts the caret on a line, and the line into view. @param line from 1. */
export function goToLine(field: HTMLTextAreaElement | null, line: number): void {
  if (field === null) return
  const lines = field.value.split('\n')
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0)
  field.focus()
  field.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0))
  field.scrollTop = Math.max(0, (field.scrollHeight / lines.length) * (line - 4))
}
