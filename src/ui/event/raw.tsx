import { Download, ListTree, WrapText } from 'lucide-react'
import type { ReactNode } from 'react'
import { useMemo, useState } from 'react'
import type { AuditEvent } from '../../domain/event.ts'
import { AuditError } from '../../domain/errors.ts'
import { useOriginal } from '../data/events.ts'
import { CopyButton } from '../parts/copy.tsx'
import { saveFile } from '../parts/save-file.ts'
import { Value } from '../parts/value.tsx'
import { sizeText } from '../text/time.ts'

const STEP = 64 * 1024

/** The record as it came, byte for byte, before anybody understood it. */
export function RawTab({ event }: { event: AuditEvent }): ReactNode {
  const id = event.event.id ?? ''
  const original = useOriginal(event)
  const [wrap, setWrap] = useState(true)
  const [shown, setShown] = useState(STEP)
  const bytes = original.data?.bytes
  const text = useMemo(() => (bytes === undefined ? undefined : new TextDecoder().decode(bytes)), [bytes])
  const [indent, setIndent] = useState(false)
  const indented = useMemo(() => (text === undefined ? undefined : indentedJson(text)), [text])
  if (original.isError) return <RawProblem error={original.error} />
  if (bytes === undefined || text === undefined) return <p className="quiet-note">Fetching the record…</p>
  return (
    <>
      <div className="raw-bar">
        <span>
          <b>{sizeText(bytes.length)}</b> as it came
          {event.whodid?.parser !== undefined && `, read by ${event.whodid.parser}`}
        </span>
        <span className="raw-acts">
          {indented !== undefined && (
            <button
              type="button"
              className="button is-ghost is-xs"
              aria-pressed={indent}
              title="For reading only: copying and saving take the bytes as they came"
              onClick={() => setIndent(!indent)}
            >
              <ListTree className="i i-sm" />
              Indent
            </button>
          )}
          <button type="button" className="button is-ghost is-xs" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
            <WrapText className="i i-sm" />
            Wrap
          </button>
          <CopyButton text={text} what="the record" label="Copy" />
          <button
            type="button"
            className="button is-ghost is-xs"
            onClick={() =>
              saveFile(`${id}.${original.data?.contentType.includes('json') === true ? 'json' : 'txt'}`, bytes)
            }
          >
            <Download className="i i-sm" />
            Save
          </button>
        </span>
      </div>
      {/* A region that scrolls must be reachable without a pointer. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above */}
      <pre className={wrap ? 'raw is-wrapped' : 'raw'} tabIndex={0} aria-label="The record, verbatim">
        {((indent ? indented : undefined) ?? text)
          .slice(0, shown)
          .split('\n')
          .map((line, at) => (
            // A line has no name but its number.
            <code key={at}>{line === '' ? ' ' : <Value text={line} limit={shown} />}</code>
          ))}
      </pre>
      {text.length > shown && (
        <p className="quiet-note">
          <button type="button" className="button" onClick={() => setShown(shown + STEP)}>
            Show next 64 kB
          </button>{' '}
          of {sizeText(bytes.length)}
        </p>
      )}
    </>
  )
}

/** JSON on several lines; undefined for all else, and for what is on several lines already. */
function indentedJson(text: string): string | undefined {
  if (text.length > STEP || text.trimEnd().includes('\n')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? JSON.stringify(value, undefined, 2) : undefined
  } catch {
    // Not JSON: there is nothing to indent.
    return undefined
  }
}

function RawProblem({ error }: { error: Error }): ReactNode {
  if (error instanceof AuditError && error.code === 'not_found') {
    return (
      <p className="quiet-note">
        There is no other original: the record came as this event, and Fields shows all of it.
      </p>
    )
  }
  return (
    <p className="quiet-note is-denied" role="alert">
      The record cannot be shown: {error.message}.
    </p>
  )
}
