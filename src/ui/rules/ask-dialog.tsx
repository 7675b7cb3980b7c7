import type { ReactNode } from 'react'
import { useEffect, useId, useRef } from 'react'
import { Value } from '../parts/value.tsx'

export interface AskDialogProps {
  readonly title: string
  /** The word on the button. */
  readonly act: string
  readonly onAct: () => void
  readonly onClose: () => void
  readonly children: ReactNode
}

/** Names an act and what it means, before it is done. */
export function AskDialog({ title, act, onAct, onClose, children }: AskDialogProps): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog className="dialog" ref={dialog} aria-labelledby={id} onClose={onClose}>
      <form
        className="discard"
        onSubmit={(event) => {
          event.preventDefault()
          onAct()
        }}
      >
        <h2 id={id}>
          <Value text={title} limit={200} />
        </h2>
        {children}
        <div className="discard-acts">
          <button type="button" className="button is-md" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className="button is-md is-primary">
            {act}
          </button>
        </div>
      </form>
    </dialog>
  )
}
