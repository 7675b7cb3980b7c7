import type { ReactNode } from 'react'
import { useEffect, useRef, useState } from 'react'
import { AuditError } from '../../domain/errors.ts'
import type { RuleCheckAnswer } from '../data/rules.ts'
import { checkCandidate } from '../data/rules.ts'
import { SentenceText } from '../parts/sentence-text.tsx'
import { Value } from '../parts/value.tsx'
import { counted } from '../sources/source-words.ts'
import { ProblemWords } from '../sources/states.tsx'
import { countText, sizeText } from '../text/time.ts'
import { effectLines } from './rule-words.ts'

/** One dry run at a time; a new one ends the one before. */
export interface Check {
  /** The text that was tried. */
  readonly of: string | undefined
  readonly isRunning: boolean
  readonly read: number
  readonly answer: RuleCheckAnswer | undefined
  readonly error: Error | undefined
  readonly run: (text: string) => void
  readonly cancel: () => void
}

type CheckState = Pick<Check, 'of' | 'isRunning' | 'read' | 'answer' | 'error'>

const NONE: CheckState = { of: undefined, isRunning: false, read: 0, answer: undefined, error: undefined }

export function useCheck(): Check {
  const [state, setState] = useState<CheckState>(NONE)
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])
  const start = async (text: string, signal: AbortSignal): Promise<void> => {
    setState({ ...NONE, of: text, isRunning: true })
    const update = (next: Partial<CheckState>): void => {
      if (!signal.aborted) setState((before) => ({ ...before, ...next }))
    }
    try {
      const answer = await checkCandidate(text, signal, (read) => update({ read }))
      update({ isRunning: false, answer })
    } catch (error) {
      update({ isRunning: false, error: error instanceof Error ? error : new Error('the dry run failed') })
    }
  }
  return {
    ...state,
    run(text) {
      running.current?.abort()
      running.current = new AbortController()
      void start(text, running.current.signal)
    },
    cancel() {
      running.current?.abort()
      setState((before) => ({ ...before, isRunning: false, error: new AuditError('timeout', STOPPED) }))
    },
  }
}

const STOPPED = 'Stopped: nothing was changed'

/** What a candidate would have made of the stored last day. */
export function CheckPanel({ check, isOld }: { check: Check; isOld: boolean }): ReactNode {
  const { isRunning, read, answer, error } = check
  if (!isRunning && answer === undefined && error === undefined) return null
  return (
    <section className="panel checked" aria-label="Tried on the last day" aria-busy={isRunning}>
      {isRunning && <p className="quiet-note">Reading stored events, {countText(read)} so far…</p>}
      {error !== undefined && (
        <p className="quiet-note" role="alert">
          <ProblemWords error={error} />
        </p>
      )}
      {answer !== undefined && <Answer answer={answer} isOld={isOld} />}
    </section>
  )
}

function Answer({ answer, isOld }: { answer: RuleCheckAnswer; isOld: boolean }): ReactNode {
  const { read, now, candidate, rules, neverMatched, newlyDropped, newlyKept, ownTrail, cannotKnow, isPart } = answer
  return (
    <>
      <div role="status">
        <h3>
          Tried on {isPart ? 'the newest ' : ''}
          {counted(read, 'event')} of the last day
        </h3>
        {isOld && <p className="is-failed">The text has changed since.</p>}
      </div>
      <table className="checked-table">
        <thead>
          <tr>
            <th scope="col">
              <span className="unseen">what</span>
            </th>
            <th scope="col">now</th>
            <th scope="col">changed</th>
            <th scope="col">difference</th>
          </tr>
        </thead>
        <tbody>
          {effectLines(now, candidate).map(([label = '', ...cells]) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {cells.map((cell, at) => (
                // Three columns that never move.
                <td key={at} className="num">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        {countText(newlyDropped)} newly dropped, {countText(newlyKept)} newly kept.
        {ownTrail > 0 && ` ${counted(ownTrail, 'event')} of our own trail would match: no rule reaches them.`}
      </p>
      {rules.length > 0 && <Rules rules={rules} />}
      {neverMatched.length > 0 && (
        <p>
          <b>Matched nothing stored:</b> <Value text={neverMatched.join(', ')} limit={800} />
        </p>
      )}
      <Examples answer={answer} />
      <h4>What this cannot know</h4>
      <ul className="cannot-know">
        {cannotKnow.map((each) => (
          <li key={each}>
            <Value text={each} limit={400} />
          </li>
        ))}
      </ul>
      <DroppedBefore answer={answer} />
    </>
  )
}

function Rules({ rules }: Pick<RuleCheckAnswer, 'rules'>): ReactNode {
  return (
    <table className="checked-table">
      <caption className="unseen">What each rule would have done</caption>
      <thead>
        <tr>
          <th scope="col">rule</th>
          <th scope="col">matched</th>
          <th scope="col">bytes</th>
          <th scope="col">dropped</th>
          <th scope="col">shadow</th>
        </tr>
      </thead>
      <tbody>
        {rules.slice(0, 100).map(({ name, matched, bytes, dropped, shadow }) => (
          <tr key={name}>
            <th scope="row">
              <Value text={name} limit={120} />
            </th>
            <td className="num">{countText(matched)}</td>
            <td className="num">{sizeText(bytes)}</td>
            <td className="num">{countText(dropped)}</td>
            <td className="num">{countText(shadow)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Events that would be dropped, each with the rule that decides. */
function Examples({ answer: { examples, decidedBy } }: { answer: RuleCheckAnswer }): ReactNode {
  if (examples.length === 0) return null
  return (
    <>
      <h4>Would be dropped, for example</h4>
      <ol className="examples">
        {examples.map((event) => {
          const { id = '' } = event.event
          const rule = Object.hasOwn(decidedBy, id) ? decidedBy[id] : undefined
          return (
            <li key={id}>
              <a href={`/events?q=id:${encodeURIComponent(id)}&id=${encodeURIComponent(id)}`} target="_blank">
                <SentenceText event={event} />
              </a>
              {rule !== undefined && (
                <mark>
                  <Value text={rule} limit={120} />
                </mark>
              )}
            </li>
          )
        })}
      </ol>
    </>
  )
}

function DroppedBefore({ answer: { droppedBefore } }: { answer: RuleCheckAnswer }): ReactNode {
  if (droppedBefore.length === 0) return null
  return (
    <ul className="cannot-know">
      {droppedBefore.map(({ rule, records, bytes }) => (
        <li key={rule}>
          <Value text={rule} limit={120} /> dropped {counted(records, 'record')} today, {sizeText(bytes)}
        </li>
      ))}
    </ul>
  )
}
