import { ChevronRight, Download, RotateCcw, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { useId, useMemo, useState } from 'react'
import type { RejectedAnswer } from '../../domain/answers.ts'
import { useRejectedBytes } from '../data/sources.ts'
import { Ago } from '../parts/ago.tsx'
import { CopyButton } from '../parts/copy.tsx'
import { saveFile } from '../parts/save-file.ts'
import { Value } from '../parts/value.tsx'
import { sizeText } from '../text/time.ts'
import { hexLines, textOfBytes } from './record-text.ts'
import { ProblemWords } from './states.tsx'

export interface RejectedItemProps {
  readonly source: string
  readonly record: RejectedAnswer
  readonly busy: boolean
  readonly onFeed: () => void
  readonly onDiscard: () => void
}

/** A rejected record in a line; opened, its bytes and what can be done with it alone. */
export function RejectedItem({ source, record, busy, onFeed, onDiscard }: RejectedItemProps): ReactNode {
  const [open, setOpen] = useState(false)
  const id = useId()
  const { reason, message, path, bytes, format, received, cut } = record
  return (
    <li>
      <button
        type="button"
        className="rejected-line"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        <ChevronRight className="i i-sm" />
        <span className="tag">
          <Value text={reason} limit={60} />
        </span>
        <span className="rejected-message">
          <Value text={message} limit={300} />
          {path !== undefined && path !== '' && (
            <code>
              <Value text={path} limit={120} />
            </code>
          )}
        </span>
        <span className="muted num rejected-when">
          <Value text={format} limit={40} />, {sizeText(bytes)}, <Ago at={received} />
        </span>
      </button>
      {open && (
        <div className="rejected-open" id={id}>
          <div className="rejected-acts">
            <button type="button" className="button is-xs" disabled={busy || cut === true} onClick={onFeed}>
              <RotateCcw className="i i-sm" />
              Feed it again
            </button>
            <button type="button" className="button is-xs" disabled={busy} onClick={onDiscard}>
              <Trash2 className="i i-sm" />
              Throw it away…
            </button>
            {cut === true && <span className="muted">It was longer than what is kept, so it cannot be fed again.</span>}
          </div>
          <RecordBytes source={source} id={record.id} />
        </div>
      )}
    </li>
  )
}

const STEP = 64 * 1024

function RecordBytes({ source, id }: { source: string; id: string }): ReactNode {
  const { data: bytes, error } = useRejectedBytes(source, id)
  const [shown, setShown] = useState(STEP)
  const text = useMemo(() => bytes && textOfBytes(bytes), [bytes])
  if (error !== null) {
    return (
      <p className="quiet-note" role="alert">
        <ProblemWords error={error} />
      </p>
    )
  }
  if (bytes === undefined) return <p className="quiet-note">Fetching the record…</p>
  // A line of sixteen bytes takes five times as many letters.
  const lines = text === undefined ? hexLines(bytes.subarray(0, shown / 4)) : text.slice(0, shown).split('\n')
  const isMore = text === undefined ? bytes.length > shown / 4 : text.length > shown
  return (
    <>
      <div className="record-bar">
        <span className="muted">
          {sizeText(bytes.length)} as it came{text === undefined && ', no UTF-8: shown in numbers'}
        </span>
        {text !== undefined && <CopyButton text={text} what="the record" label="Copy" />}
        <button
          type="button"
          className="button is-ghost is-xs"
          onClick={() => saveFile(`${source}-${id}.record`, bytes)}
        >
          <Download className="i i-sm" />
          Save
        </button>
      </div>
      {/* A region that scrolls must be reachable without a pointer. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above */}
      <pre className={text === undefined ? 'raw' : 'raw is-wrapped'} tabIndex={0} aria-label="The record, verbatim">
        {lines.map((line, at) => (
          // A line has no name but its number.
          <code key={at}>{line === '' ? ' ' : <Value text={line} limit={shown} />}</code>
        ))}
      </pre>
      {isMore && (
        <p className="quiet-note">
          <button type="button" className="button" onClick={() => setShown(shown + STEP)}>
            Show more
          </button>{' '}
          of {sizeText(bytes.length)}
        </p>
      )}
    </>
  )
}
