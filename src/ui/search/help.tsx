import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect, useRef } from 'react'
import { setPreference, usePreferences } from '../shell/preferences.ts'

const MAP: readonly (readonly [string, readonly string[]])[] = [
  ['To the query', ['/']],
  ['Run the query', ['Enter']],
  ['To the time range', ['t']],
  ['Next event', ['j', '↓']],
  ['Previous event', ['k', '↑']],
  ['Open the event', ['Enter']],
  ['Close, back to the row', ['Esc']],
  ['Check its proof', ['v']],
  ['Parts of the event', ['1', '…', '4']],
  ['Newest events', ['n']],
  ['Live on, off', ['l']],
  ['To the filters', ['f']],
  ['Local time, UTC', ['u']],
  ['This map', ['?']],
]

/** The keys of this page. All they do is also a control. */
export function Help({ onClose }: { onClose: () => void }): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null)
  const { singleKeys } = usePreferences()
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog className="dialog" ref={dialog} aria-labelledby="help-title" onClose={onClose}>
      <header>
        <h2 id="help-title">Keys on this page</h2>
        <button
          type="button"
          className="button is-ghost is-icon"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <X className="i" />
        </button>
      </header>
      <dl className="keys">
        {MAP.map(([does, keys]) => (
          <div key={does}>
            <dt>{does}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key} className="key">
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <label className="dialog-foot">
        <input
          type="checkbox"
          checked={singleKeys}
          onChange={(event) => setPreference('singleKeys', event.target.checked)}
        />
        Single keys work on this page
      </label>
    </dialog>
  )
}
