import type { ReactNode } from 'react'
import { useEffect, useState } from 'react'

export interface SlowLineProps {
  readonly running: boolean
  /** What is run: another run starts the clock anew. */
  readonly since: object | undefined
  readonly onCancel: () => void
}

/** A thin line after 200 ms; after 3 s words, and a way to stop. */
export function SlowLine({ running, since, onCancel }: SlowLineProps): ReactNode {
  return running ? <Waiting key={JSON.stringify(since)} onCancel={onCancel} /> : <div className="slow-line" />
}

function Waiting({ onCancel }: { onCancel: () => void }): ReactNode {
  const [seconds, setSeconds] = useState(-1)
  useEffect(() => {
    const started = Date.now()
    const soon = setTimeout(() => setSeconds(0), 200)
    const ticking = setInterval(() => setSeconds(Math.floor((Date.now() - started) / 1000)), 1000)
    return () => {
      clearTimeout(soon)
      clearInterval(ticking)
    }
  }, [])
  return (
    <>
      <div className={seconds < 0 ? 'slow-line' : 'slow-line is-on'} />
      {seconds >= 3 && (
        <p className="notice" role="status">
          Still searching, {seconds} s. A shorter range or a filter on who, action or item makes this faster.{' '}
          <button type="button" className="button is-xs" onClick={onCancel}>
            Cancel
          </button>
        </p>
      )}
    </>
  )
}
