import { CalendarClock, ChevronDown } from 'lucide-react'
import type { ReactNode, RefObject } from 'react'
import { useId, useState } from 'react'
import { Layer } from '../parts/layer.tsx'
import { useNow } from '../parts/use-now.ts'
import { setPreference } from '../shell/preferences.ts'
import { isoText, isRelative, parseMoment, presetOf, PRESETS, rangeText } from '../text/range.ts'
import type { Zone } from '../text/time.ts'
import { clockText, dateText, offsetText } from '../text/time.ts'

export interface TimePickerProps {
  readonly from: string
  readonly to: string | undefined
  readonly zone: Zone
  readonly opener: RefObject<(() => void) | null>
  readonly onRange: (from: string, to: string | undefined) => void
}

export function TimePicker({ from, to, zone, opener, onRange }: TimePickerProps): ReactNode {
  const now = useNow()
  const label = (
    <>
      <CalendarClock className="i" />
      <b className="only-wide">{rangeText(from, to, now, zone)}</b>
      <b className="only-narrow">{presetOf(from, to)?.short ?? 'Range'}</b>
      <span className="muted num only-wide">UTC{offsetText(now, zone)}</span>
      <ChevronDown className="i i-sm" />
    </>
  )
  return (
    <Layer
      role="dialog"
      name={`Time range: ${rangeText(from, to, now, zone)}`}
      className="button is-md time-button"
      layerClass="time-layer"
      opener={opener}
      label={label}
    >
      {(close) => (
        <TimeForm
          from={from}
          to={to}
          zone={zone}
          onRange={(newFrom, newTo) => {
            close()
            onRange(newFrom, newTo)
          }}
        />
      )}
    </Layer>
  )
}

type TimeFormProps = Omit<TimePickerProps, 'opener'>

function TimeForm({ from, to, zone, onRange }: TimeFormProps): ReactNode {
  const [now] = useState(() => Date.now())
  const [start, setStart] = useState(from)
  const [end, setEnd] = useState(to ?? 'now')
  const startAt = parseMoment(start, now, zone)
  const endAt = parseMoment(end, now, zone)
  const turned = startAt !== undefined && endAt !== undefined && startAt >= endAt
  const usable = startAt !== undefined && endAt !== undefined && !turned
  return (
    <div className="time-form">
      <ul className="time-presets" aria-label="Ranges">
        {PRESETS.map((preset) => (
          <li key={preset.label}>
            <button
              type="button"
              aria-pressed={preset === presetOf(from, to)}
              onClick={() => onRange(preset.from, preset.to)}
            >
              {preset.label}
            </button>
          </li>
        ))}
      </ul>
      <form
        className="time-fields"
        onSubmit={(event) => {
          event.preventDefault()
          if (usable) onRange(kept(start, startAt, zone), end.trim() === 'now' ? undefined : kept(end, endAt, zone))
        }}
      >
        <MomentField label="From" text={start} at={startAt} zone={zone} onText={setStart} />
        <MomentField label="To" text={end} at={endAt} zone={zone} onText={setEnd} />
        {turned && (
          <p className="is-denied" role="alert">
            The start is after the end.{' '}
            <button
              type="button"
              className="link"
              onClick={() => {
                setStart(end)
                setEnd(start)
              }}
            >
              Swap
            </button>
          </p>
        )}
        <button type="submit" className="button is-primary is-md" disabled={!usable}>
          Use this range
        </button>
        <p className="muted">Also now-15m, yesterday 14:00, ISO 8601, epoch seconds, a time pasted from a log.</p>
      </form>
      <fieldset className="time-zone">
        <legend className="unseen">Time zone</legend>
        {(['local', 'utc'] as const).map((each) => (
          <button
            key={each}
            type="button"
            className="button is-ghost is-xs"
            aria-pressed={each === zone}
            onClick={() => setPreference('zone', each)}
          >
            {each === 'utc' ? 'UTC' : `Local, UTC${offsetText(now, 'local')}`}
          </button>
        ))}
      </fieldset>
    </div>
  )
}

interface MomentFieldProps {
  readonly label: string
  readonly text: string
  readonly at: number | undefined
  readonly zone: Zone
  readonly onText: (text: string) => void
}

function MomentField({ label, text, at, zone, onText }: MomentFieldProps): ReactNode {
  const id = useId()
  return (
    <div className="time-field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        value={text}
        spellCheck={false}
        autoComplete="off"
        aria-invalid={at === undefined}
        aria-describedby={`${id}read`}
        onChange={(event) => onText(event.target.value)}
      />
      <p id={`${id}read`} className={at === undefined ? 'is-denied' : 'muted num'}>
        {at === undefined
          ? 'Not a time that we can read'
          : `${dateText(at, zone)} ${clockText(at, zone)} UTC${offsetText(at, zone)}`}
      </p>
    </div>
  )
}

/** Relative times stay as typed; others are kept with their offset, so that the address means the same everywhere. */
function kept(text: string, at: number, zone: Zone): string {
  return isRelative(text.trim()) ? text.trim() : isoText(at, zone)
}
