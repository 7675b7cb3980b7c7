import type { ReactNode } from 'react'
import { useEffect, useId, useRef, useState } from 'react'
import type { SourceAnswer } from '../../domain/answers.ts'
import type { Selection } from '../data/sources.ts'
import { Value } from '../parts/value.tsx'
import { counted } from './source-words.ts'

export interface DiscardDialogProps {
  readonly source: SourceAnswer
  readonly selection: Selection
  readonly onDiscard: () => void
  readonly onClose: () => void
}

/** Names what would be gone for good. More than one record goes only after the source's name was typed. */
export function DiscardDialog({ source, selection, onDiscard, onClose }: DiscardDialogProps): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null)
  const [typed, setTyped] = useState('')
  const title = useId()
  useEffect(() => dialog.current?.showModal(), [])
  const isOne = 'ids' in selection
  const words = isOne
    ? 'Throw this record away'
    : 'reason' in selection
      ? `Throw away all that was rejected as ${selection.reason}`
      : `Throw away all ${counted(source.rejectedKept?.records ?? 0, 'rejected record')}`
  return (
    <dialog className="dialog" ref={dialog} aria-labelledby={title} onClose={onClose}>
      <form
        className="discard"
        onSubmit={(event) => {
          event.preventDefault()
          onDiscard()
        }}
      >
        <h2 id={title}>{words}</h2>
        <p>
          The bytes are gone for good. The account of <Value text={source.name} limit={80} /> goes on counting{' '}
          {isOne ? 'it' : 'them'} as rejected. This is an event of our own trail.
        </p>
        {!isOne && (
          <label>
            <span>
              To go on, type <b>{<Value text={source.name} limit={120} />}</b>
            </span>
            <input
              className="text-field"
              autoComplete="off"
              spellCheck={false}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          </label>
        )}
        <div className="discard-acts">
          <button type="button" className="button is-md" onClick={() => dialog.current?.close()}>
            Keep
          </button>
          <button type="submit" className="button is-md is-primary" disabled={!isOne && typed !== source.name}>
            Throw away
          </button>
        </div>
      </form>
    </dialog>
  )
}
