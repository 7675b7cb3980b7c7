import {
  ArrowLeft,
  ChevronDown,
  ChevronUp,
  Copy,
  Download,
  ShieldCheck,
  ShieldQuestionMark,
  ShieldX,
  X,
} from 'lucide-react'
import type { ReactNode, RefObject } from 'react'
import { useEffect, useImperativeHandle, useRef } from 'react'
import type { UseQueryResult } from '@tanstack/react-query'
import { AuditError } from '../../domain/errors.ts'
import type { AuditEvent } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'
import { plainSentence } from '../../domain/sentence.ts'
import type { Place } from '../data/proof.ts'
import { isNotYet, useProofReport } from '../data/proof.ts'
import { copyText } from '../parts/copy.tsx'
import { Layer } from '../parts/layer.tsx'
import { useNow } from '../parts/use-now.ts'
import { saveFile } from '../parts/save-file.ts'
import { SentenceText } from '../parts/sentence-text.tsx'
import { STATE_WORDS, StateMark } from '../parts/state-mark.tsx'
import { setChecked } from '../proof/checked.ts'
import type { ProofReport } from '../proof/check.ts'
import { ProofTab } from '../proof/proof-panel.tsx'
import { brokenKind, checkedCount, linesOf } from '../proof/verdict-lines.ts'
import { keyOf } from '../search/fold.ts'
import type { Tab } from '../search/search-url.ts'
import { TABS } from '../search/search-url.ts'
import type { Zone } from '../text/time.ts'
import { clockText, dateText, fraction, offsetText, relativeText } from '../text/time.ts'
import type { EventActions } from './acts.tsx'
import { FieldsTab } from './fields.tsx'
import { RawTab } from './raw.tsx'
import { SummaryTab } from './summary.tsx'

export interface DrawerProps {
  readonly id: string
  /** Undefined while it is fetched. */
  readonly event: AuditEvent | undefined
  readonly error: Error | null
  readonly others: readonly AuditEvent[]
  readonly tab: Tab
  readonly zone: Zone
  readonly link: () => string
  readonly actions: EventActions
  readonly verifier: RefObject<(() => void) | null>
  readonly onTab: (tab: Tab) => void
  readonly onMove: (step: number) => void
  readonly onClose: () => void
}

const TAB_WORDS: Readonly<Record<Tab, string>> = { summary: 'Summary', fields: 'Fields', raw: 'Raw', proof: 'Proof' }

/** One event: a sentence first, then what is known, then all fields, then bytes, then proof. */
export function Drawer(props: DrawerProps): ReactNode {
  const { id, event, error, others, tab, zone, actions, onTab, verifier } = props
  const proof = useProofReport(id, event && placeOf(event))
  const report = proof.data
  // What is shown comes from the texts that were checked, as soon as they are here: what is read is what is proven.
  const shown = report?.event ?? event
  useEffect(() => {
    if (event !== undefined && report !== undefined)
      setChecked(keyOf(event), brokenKind(report) === undefined ? 'valid' : 'broken')
  }, [event, report])
  const { refetch } = proof
  useImperativeHandle(verifier, () => () => void refetch(), [refetch])
  return (
    <aside className="drawer" aria-labelledby="drawer-title" tabIndex={-1} id="drawer">
      <DrawerHead {...props} event={shown} />
      <Tabs tab={tab} report={report} onTab={onTab} />
      <div
        className="drawer-body"
        role="tabpanel"
        id="drawer-panel"
        aria-labelledby={`tab-${tab}`}
        tabIndex={0}
        key={`${id} ${tab}`}
      >
        {shown === undefined ? (
          <DrawerProblem error={error} />
        ) : tab === 'summary' ? (
          <SummaryTab event={shown} others={others} zone={zone} actions={actions} />
        ) : tab === 'fields' ? (
          <FieldsTab event={shown} actions={actions} />
        ) : tab === 'raw' ? (
          <RawTab event={shown} />
        ) : (
          <ProofTab proof={proof} zone={zone} />
        )}
      </div>
      <DrawerFoot {...props} event={shown} proof={proof} />
    </aside>
  )
}

function placeOf({ whodid }: AuditEvent): Place {
  const { log, index } = whodid ?? {}
  return log === undefined || index === undefined ? {} : { log, index }
}

function DrawerHead({ event, zone, onMove, onClose }: DrawerProps): ReactNode {
  const now = useNow()
  const at = event === undefined ? Number.NaN : Date.parse(event['@timestamp'])
  const state = event === undefined ? undefined : stateOf(event)
  return (
    <header className="drawer-head">
      <h2 id="drawer-title" title={event === undefined ? undefined : plainSentence(event).slice(0, 500)}>
        {event === undefined ? 'One event' : <SentenceText event={event} limit={300} />}
      </h2>
      <div className="drawer-acts">
        <button
          type="button"
          className="button is-ghost is-icon only-narrow drawer-back"
          aria-label="Back to the list"
          onClick={onClose}
        >
          <ArrowLeft className="i" />
        </button>
        <button
          type="button"
          className="button is-ghost is-icon"
          aria-label="Previous event"
          title="Previous event (k)"
          onClick={() => onMove(-1)}
        >
          <ChevronUp className="i" />
        </button>
        <button
          type="button"
          className="button is-ghost is-icon"
          aria-label="Next event"
          title="Next event (j)"
          onClick={() => onMove(1)}
        >
          <ChevronDown className="i" />
        </button>
        <button
          type="button"
          className="button is-ghost is-icon only-wide"
          aria-label="Close"
          title="Close (Esc)"
          onClick={onClose}
        >
          <X className="i" />
        </button>
      </div>
      {event !== undefined && state !== undefined && (
        <p className="drawer-meta">
          <span className={`is-${state} drawer-state`}>
            <StateMark state={state} small />
            {STATE_WORDS[state]}
          </span>
          {!Number.isNaN(at) && (
            <>
              <span className="muted only-wide">·</span>
              <time dateTime={event['@timestamp']} title={`${event['@timestamp'].slice(0, 40)} · ${at} ms since 1970`}>
                {dateText(at, zone)} {clockText(at, zone)}
                {fraction(event['@timestamp'])} <span className="muted">UTC{offsetText(at, zone)}</span>
              </time>
              <span className="muted only-wide">·</span>
              <span className="muted num only-wide">{relativeText(at, now)}</span>
            </>
          )}
        </p>
      )}
    </header>
  )
}

interface TabsProps {
  readonly tab: Tab
  readonly report: ProofReport | undefined
  readonly onTab: (tab: Tab) => void
}

function Tabs({ tab, report, onTab }: TabsProps): ReactNode {
  const list = useRef<HTMLDivElement>(null)
  const go = (step: number): void => {
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? 'summary'
    onTab(next)
    list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus()
  }
  const broken = report === undefined ? undefined : brokenKind(report)
  return (
    <div
      className="tabs"
      role="tablist"
      aria-label="Parts of the event"
      ref={list}
      onKeyDown={(event) => {
        if (event.key === 'ArrowRight') go(1)
        if (event.key === 'ArrowLeft') go(-1)
      }}
    >
      {TABS.map((each) => (
        <button
          key={each}
          type="button"
          role="tab"
          id={`tab-${each}`}
          aria-selected={each === tab}
          aria-controls={each === tab ? 'drawer-panel' : undefined}
          tabIndex={each === tab ? 0 : -1}
          onClick={() => onTab(each)}
        >
          {TAB_WORDS[each]}
          {each === 'proof' && report !== undefined && broken === undefined && <StateMark state="success" small />}
          {each === 'proof' && broken !== undefined && (
            <X className="i i-sm is-denied" role="img" aria-label="failed" />
          )}
        </button>
      ))}
    </div>
  )
}

interface DrawerFootProps extends DrawerProps {
  readonly proof: UseQueryResult<ProofReport>
}

function DrawerFoot({ id, event, tab, zone, link, proof }: DrawerFootProps): ReactNode {
  if (event === undefined) return null
  const report = proof.data
  return (
    <footer className="drawer-foot">
      {tab === 'proof' && report !== undefined ? (
        <>
          <span className="mono muted only-wide drawer-log">{report.answer.log}</span>
          <button
            type="button"
            className="button is-primary drawer-end"
            onClick={() => saveFile(`${id}.tlog-proof`, report.answer.proof)}
          >
            <Download className="i" />
            Download proof
          </button>
        </>
      ) : (
        <>
          <ProofWords proof={proof} zone={zone} />
          <span className="drawer-end">
            <Layer
              role="menu"
              name="Copy"
              className="button"
              layerClass="menu is-up"
              label={
                <>
                  <Copy className="i" />
                  Copy
                  <ChevronDown className="i i-sm" />
                </>
              }
            >
              {(close) =>
                copies(id, event, link).map(([label, text]) => (
                  <button
                    key={label}
                    type="button"
                    role="menuitem"
                    onClick={() => {
                      close()
                      void copyText(text(), `the ${label.toLowerCase()}`)
                    }}
                  >
                    {label}
                  </button>
                ))
              }
            </Layer>
          </span>
        </>
      )}
    </footer>
  )
}

function copies(id: string, event: AuditEvent, link: () => string): readonly (readonly [string, () => string])[] {
  return [
    ['Link', link],
    ['Sentence', () => plainSentence(event)],
    ['JSON', () => JSON.stringify(event, undefined, 2)],
    ['Command', () => `whodid show ${id}`],
    ['Filter', () => `id:${id}`],
  ]
}

/** What was checked, in words: never one shield for everything. */
function ProofWords({ proof, zone }: { proof: UseQueryResult<ProofReport>; zone: Zone }): ReactNode {
  const report = proof.data
  if (report !== undefined) {
    const lines = linesOf(report, zone)
    if (brokenKind(report) !== undefined) {
      return (
        <span className="is-denied proof-words">
          <ShieldX className="i is-denied" />
          Does not match the ledger
        </span>
      )
    }
    return (
      <span className="proof-words">
        <ShieldCheck className="i is-success" />
        {checkedCount(lines)} of {lines.length} checks made in this browser
      </span>
    )
  }
  const words = isNotYet(proof.failureReason)
    ? 'Recorded; the next checkpoint will cover it'
    : proof.isError
      ? 'The proof was not checked'
      : 'Checking…'
  return (
    <span className="proof-words">
      <ShieldQuestionMark className="i muted" />
      {words}
    </span>
  )
}

function DrawerProblem({ error }: { error: Error | null }): ReactNode {
  if (error === null) return <p className="quiet-note">Fetching the event…</p>
  const gone = error instanceof AuditError && error.code === 'not_found'
  return (
    <p className="quiet-note" role="alert">
      {gone
        ? 'There is no event with this id for you: it may have been deleted by retention, or you may not see it.'
        : `The event cannot be shown: ${error.message}.`}
    </p>
  )
}
