import { ChevronRight } from 'lucide-react'
import type { ReactNode } from 'react'
import { Fragment } from 'react'
import type { AuditEvent, Authz, Change, Json } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'
import { Value } from '../parts/value.tsx'
import { textIn } from '../search/fold.ts'
import { termOf } from '../search/query-text.ts'
import { isoText } from '../text/range.ts'
import type { Zone } from '../text/time.ts'
import type { EventActions } from './acts.tsx'
import { ValueActs } from './acts.tsx'
import type { Fact } from './facts.ts'
import { factsOf, stepsOf } from './facts.ts'
import { RelatedSection } from './related.tsx'
import { ErasedSection } from './erased-section.tsx'
import { RulesSection } from './rules-section.tsx'

export interface SummaryTabProps {
  readonly event: AuditEvent
  readonly others: readonly AuditEvent[]
  readonly zone: Zone
  readonly actions: EventActions
}

export function SummaryTab({ event, others, zone, actions }: SummaryTabProps): ReactNode {
  const steps = stepsOf(event, others, zone)
  const changes = event.audit?.change ?? []
  return (
    <>
      {steps.length > 1 && (
        <ol className="steps" aria-label="The request, step by step">
          {steps.map((step, at) => (
            <Fragment key={step.label}>
              {at > 0 && (
                <li className="steps-line" aria-hidden="true">
                  <ChevronRight className="i i-sm" />
                </li>
              )}
              <li>
                <small>{step.label}</small>
                <b className="num">{step.value}</b>
              </li>
            </Fragment>
          ))}
        </ol>
      )}
      <dl className="facts">
        {factsOf(event, zone).map((fact) => (
          <FactLine key={fact.label} fact={fact} actions={actions} />
        ))}
      </dl>
      {changes.length > 0 && <Changes changes={changes} />}
      <WhySection event={event} actions={actions} />
      <RulesSection event={event} />
      <ErasedSection event={event} zone={zone} />
      <RelatedSection event={event} zone={zone} actions={actions} />
      <AroundSection event={event} zone={zone} actions={actions} />
    </>
  )
}

function FactLine({ fact, actions }: { fact: Fact; actions: EventActions }): ReactNode {
  return (
    <div className="fact">
      <dt>{fact.label}</dt>
      <dd>
        <b className={fact.mono === true ? 'mono' : fact.label === 'When' ? 'num' : undefined}>
          <Value text={fact.value} limit={300} identity={fact.identity === true} />
        </b>
        {fact.claim === true && <span className="tag">claim</span>}
        {fact.note !== undefined && (
          <span className="fact-note">
            <Value text={fact.note} limit={200} />
          </span>
        )}
        <ValueActs filter={fact.filter} value={fact.value} what={fact.label.toLowerCase()} actions={actions} />
      </dd>
    </div>
  )
}

const MAX_CHANGES = 100

function Changes({ changes }: { changes: readonly Change[] }): ReactNode {
  return (
    <section className="section">
      <h3>
        What changed <span>{changes.length === 1 ? '1 field' : `${changes.length} fields`}</span>
      </h3>
      <ul className="changes">
        {changes.slice(0, MAX_CHANGES).map((change, at) => (
          // Paths may come twice.
          <li key={`${change.path} ${at}`}>
            <span className="mono muted">
              <Value text={change.path} />
            </span>
            {change.old !== undefined && (
              <del>
                <Value text={jsonText(change.old)} limit={400} />
              </del>
            )}
            {change.new !== undefined && (
              <ins>
                <Value text={jsonText(change.new)} limit={400} />
              </ins>
            )}
          </li>
        ))}
      </ul>
      {changes.length > MAX_CHANGES && <p>{changes.length - MAX_CHANGES} more stand in Fields.</p>}
    </section>
  )
}

function jsonText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function WhySection({ event, actions }: { event: AuditEvent; actions: EventActions }): ReactNode {
  const authz = event.audit?.authz
  const state = stateOf(event)
  const title = state === 'denied' ? 'Why it was denied' : state === 'staged' ? 'Why it waits' : 'Why it was allowed'
  const recorded = event.whodid?.source === undefined ? undefined : `as ${event.whodid.source} recorded it`
  const policies = authz?.policies ?? []
  const path = authz?.path ?? []
  if (
    authz === undefined ||
    (policies.length === 0 && path.length === 0 && authz.reason === undefined && authz.decision === undefined)
  ) {
    return (
      <section className="section">
        <h3>Why</h3>
        <p>This source does not record why.</p>
      </section>
    )
  }
  return (
    <section className="section">
      <h3>
        {title} {recorded !== undefined && <span>{recorded}</span>}
      </h3>
      {path.length > 0 ? (
        <ol className="chain">
          {path.map((step, at) => (
            <Fragment key={`${step} ${at}`}>
              {at > 0 && <ChevronRight className="i i-sm" aria-hidden="true" />}
              <li>
                <PathStep step={step} />
              </li>
            </Fragment>
          ))}
        </ol>
      ) : (
        <ul className="chain">
          {policies.map((policy, at) => (
            <li key={`${policy.name} ${at}`}>
              <b>
                <Value text={policy.name ?? policy.id ?? 'a policy'} limit={80} />
              </b>
              <small>
                <Value text={[policy.type, policy.effect].filter(Boolean).join(': ')} limit={80} />
              </small>
            </li>
          ))}
        </ul>
      )}
      {authz.reason !== undefined && (
        <p>
          <Value text={authz.reason} limit={600} />
        </p>
      )}
      {path.length === 0 && policies.length === 0 && authz.reason === undefined && (
        <p>
          <Value text={withoutReason(authz)} limit={300} />
        </p>
      )}
      <PolicyLinks names={policies.map((policy) => policy.name)} actions={actions} />
    </section>
  )
}

function withoutReason({ decision, permission, engine }: Authz): string {
  const asked = permission === undefined ? '' : ` for ${permission}`
  const by = engine === undefined ? '' : ` by ${engine}`
  if (decision === 'deny') return `No rule allows it${asked}${by}.`
  return `${decision === 'staged' ? 'Staged' : 'Allowed'}${asked}${by}; no policy is named.`
}

/** `ClusterRoleBinding/ops-admin`: the name above, its kind below. */
function PathStep({ step }: { step: string }): ReactNode {
  const match = /^([A-Za-z ]{2,40})[/ :]\s*(.+)$/.exec(step)
  if (match === null) {
    return (
      <b>
        <Value text={step} limit={80} />
      </b>
    )
  }
  const [, kind = '', name = ''] = match
  return (
    <>
      <b>
        <Value text={name} limit={60} />
      </b>
      <small>
        <Value text={kind} limit={40} />
      </small>
    </>
  )
}

function PolicyLinks({ names, actions }: { names: readonly (string | undefined)[]; actions: EventActions }): ReactNode {
  const first = names.find((name) => name !== undefined)
  if (first === undefined) return null
  return (
    <p>
      <button type="button" className="link" onClick={() => actions.onQuery(termOf('policy', first))}>
        What else <Value text={first} limit={60} /> decided
      </button>
    </p>
  )
}

/** Ready questions about what happened around this event. */
function AroundSection({ event, zone, actions }: Omit<SummaryTabProps, 'others'>): ReactNode {
  const at = Date.parse(event['@timestamp'])
  const who = event.user?.name
  const item = event.audit?.resource?.[0]?.name
  const request = textIn(event['http'], 'request', 'id')
  const ip = event.source?.ip
  const around = (minutes: number): [string, string] => [
    isoText(at - minutes * 60_000, zone),
    isoText(at + minutes * 60_000, zone),
  ]
  const questions: (readonly [string, string, number])[] = []
  if (request !== undefined) questions.push(['Same request', termOf('request', request), 60])
  if (who !== undefined) questions.push([`${who}, 5 min`, termOf('actor', who), 5])
  if (item !== undefined) questions.push([`${item}, 24 h`, termOf('resource', item), 1440])
  if (ip !== undefined) questions.push([`${ip}, 1 h`, termOf('ip', ip), 60])
  if (questions.length === 0 || Number.isNaN(at)) return null
  return (
    <section className="section">
      <h3>Around it</h3>
      <div className="questions">
        {questions.map(([label, q, minutes]) => (
          <button
            key={label}
            type="button"
            className="button is-xs"
            onClick={() => actions.onQuery(q, ...around(minutes))}
          >
            <Value text={label} limit={40} />
          </button>
        ))}
      </div>
    </section>
  )
}
