import type { AuditEvent, Resource } from '../../domain/event.ts'
import { stateOf } from '../../domain/event.ts'
import { sentence } from '../../domain/sentence.ts'
import { requestId, textIn } from '../search/fold.ts'
import type { Zone } from '../text/time.ts'
import { clockText, durationText, fraction } from '../text/time.ts'

/** A line of the summary: what is known, what stands beside it, and the filter that a click makes of it. */
export interface Fact {
  readonly label: string
  readonly value: string
  readonly note?: string
  /** The client's own words, checked by nobody. */
  readonly claim?: true
  readonly mono?: true
  readonly identity?: true
  readonly filter?: { readonly field: string; readonly value: string }
}

/** Who, what, when and from where, in the order people ask. What is not recorded has no line. */
export function factsOf(event: AuditEvent, zone: Zone): readonly Fact[] {
  const facts = [
    whoFact(event),
    effectiveFact(event),
    behalfFact(event),
    didFact(event),
    commandFact(event),
    whatFact(event),
    targetFact(event),
    whenFact(event, zone),
    fromFact(event),
    clientFact(event),
    signInFact(event),
    reasonFact(event),
    requestFact(event),
    sourceFact(event),
  ]
  return facts.filter((fact) => fact !== undefined)
}

function whoFact({ user }: AuditEvent): Fact | undefined {
  const value = user?.name ?? user?.email ?? user?.full_name ?? user?.id
  if (value === undefined) return { label: 'Who', value: 'not identified', note: 'the source names nobody' }
  const groups = user?.group?.name ?? []
  const known = [
    user?.email,
    user?.full_name,
    user?.kind,
    groups.length > 0
      ? `in ${groups.slice(0, 3).join(', ')}${groups.length > 3 ? ` and ${groups.length - 3} more` : ''}`
      : undefined,
  ]
  return {
    label: 'Who',
    value,
    identity: true,
    ...noted(known.filter((each) => each !== value)),
    filter: { field: 'actor', value },
  }
}

function effectiveFact({ user }: AuditEvent): Fact | undefined {
  const value = user?.effective?.name ?? user?.effective?.id
  if (value === undefined) return undefined
  return { label: 'Acting as', value, identity: true, filter: { field: 'user.effective.name', value } }
}

function behalfFact({ audit }: AuditEvent): Fact | undefined {
  const chain = (audit?.delegation ?? []).map((each) => each.name ?? each.id).filter((name) => name !== undefined)
  const [value, ...others] = chain
  if (value === undefined) return undefined
  return { label: 'For', value, identity: true, ...noted(others.map((name) => `for ${name}`)) }
}

function didFact(event: AuditEvent): Fact | undefined {
  const action = event.event.action
  if (action === undefined) return undefined
  const verb = sentence(event).find((part) => part.kind === 'verb')?.text
  const { category, dataset } = event.event
  return {
    label: 'Did',
    value: action,
    ...noted([verb === action ? undefined : verb, category?.join(', '), dataset]),
    filter: { field: 'action', value: action },
  }
}

function commandFact(event: AuditEvent): Fact | undefined {
  const value = textIn(event['process'], 'command_line')
  return value === undefined ? undefined : { label: 'Command', value, mono: true }
}

function whatFact(event: AuditEvent): Fact | undefined {
  const [first, ...others] = event.audit?.resource ?? []
  if (first === undefined) return undefined
  const name = first.name ?? first.id
  const cluster = textIn(event['orchestrator'], 'cluster', 'name')
  const notes = [
    first.parent === undefined ? undefined : `in ${first.parent}`,
    cluster === undefined ? undefined : `on cluster ${cluster}`,
    others.length > 0 ? `and ${others.length} more` : undefined,
  ]
  return {
    label: 'To what',
    value: resourceText(first),
    ...noted(notes),
    ...(name === undefined ? {} : { filter: { field: 'resource', value: name } }),
  }
}

function resourceText({ type, namespace, name, id }: Resource): string {
  const path = [namespace, name ?? id].filter((part) => part !== undefined).join('/')
  return [type, path].filter((part) => part !== undefined && part !== '').join(' ')
}

function targetFact({ user }: AuditEvent): Fact | undefined {
  const value = user?.target?.name ?? user?.target?.email ?? user?.target?.id
  if (value === undefined) return undefined
  return { label: 'To whom', value, identity: true, filter: { field: 'user.target.name', value } }
}

function whenFact(event: AuditEvent, zone: Zone): Fact {
  const timestamp = event['@timestamp']
  const at = Date.parse(timestamp)
  if (Number.isNaN(at)) return { label: 'When', value: timestamp }
  const received = Date.parse(event.event.ingested ?? '')
  const late = received - at
  const notes = [
    zone === 'utc' ? undefined : `${clockText(at, 'utc')}${fraction(timestamp)} UTC`,
    Number.isNaN(late)
      ? undefined
      : late < 0
        ? `received ${durationText(-late)} before`
        : `received ${durationText(late)} later`,
  ]
  return { label: 'When', value: `${clockText(at, zone)}${fraction(timestamp)}`, ...noted(notes) }
}

function fromFact(event: AuditEvent): Fact | undefined {
  const value = event.source?.ip ?? event.source?.address ?? event.source?.domain
  if (value === undefined) return undefined
  const trust = event.whodid?.trust ?? []
  const note = trust.includes('ip:last-hop') ? 'the last hop is believed' : undefined
  return {
    label: 'From',
    value,
    ...noted([note]),
    ...(event.source?.ip === undefined ? {} : { filter: { field: 'ip', value } }),
  }
}

function clientFact({ user_agent }: AuditEvent): Fact | undefined {
  const value = user_agent?.original
  return value === undefined
    ? undefined
    : { label: 'Client', value, claim: true, filter: { field: 'user_agent.original', value } }
}

function signInFact({ audit }: AuditEvent): Fact | undefined {
  const authn = audit?.authn
  const value = authn?.method ?? authn?.provider ?? authn?.credential_id
  if (authn === undefined || value === undefined) return undefined
  const mfa = authn.mfa === undefined ? undefined : authn.mfa ? 'with a second factor' : 'without a second factor'
  return {
    label: 'Signed in',
    value,
    ...noted([authn.provider, mfa, authn.credential_id].filter((each) => each !== value)),
  }
}

function reasonFact(event: AuditEvent): Fact | undefined {
  const value = event.audit?.reason ?? event.event.reason
  return value === undefined ? undefined : { label: 'Reason', value }
}

function requestFact(event: AuditEvent): Fact | undefined {
  const value = textIn(event['http'], 'request', 'id')
  if (value === undefined) return undefined
  return { label: 'Request', value, mono: true, filter: { field: 'request', value } }
}

function sourceFact({ whodid }: AuditEvent): Fact | undefined {
  const value = whodid?.source
  if (value === undefined) return undefined
  const stream = whodid?.stream === undefined ? undefined : `stream ${whodid.stream}`
  const again = whodid?.sealed_parser !== undefined
  const parser = again ? `read again by ${whodid?.parser}, sealed by ${whodid?.sealed_parser}` : whodid?.parser
  return { label: 'Source', value, ...noted([stream, parser]), filter: { field: 'source', value } }
}

function noted(parts: readonly (string | undefined)[]): { note?: string } {
  const there = parts.filter((part) => part !== undefined && part !== '')
  return there.length === 0 ? {} : { note: there.join(', ') }
}

/** A moment on the way of one request. */
export interface Step {
  readonly label: string
  readonly value: string
}

/** Request, decision, response: as far as the event and its other stages say. Empty where there is nothing to tell. */
export function stepsOf(event: AuditEvent, others: readonly AuditEvent[], zone: Zone): readonly Step[] {
  const request = requestId(event)
  const stages = others.filter((other) => request !== undefined && requestId(other) === request)
  const times = [event.event.start, ...stages.map((other) => other['@timestamp'])].filter((time) => time !== undefined)
  const startText = times.toSorted()[0]
  const start = Date.parse(startText ?? '')
  const end = Date.parse(event['@timestamp'])
  if (startText === undefined || Number.isNaN(start) || Number.isNaN(end) || start > end) return []
  const steps: Step[] = [{ label: 'request', value: `${clockText(start, zone)}${fraction(startText)}` }]
  const decision = event.audit?.authz?.decision
  if (decision !== undefined) steps.push({ label: 'decision', value: decision })
  const status = numberIn(event['http'], 'response', 'status_code')
  steps.push({ label: `response, after ${durationText(end - start)}`, value: status ?? stateOf(event) })
  return steps
}

function numberIn(value: unknown, ...path: readonly string[]): string | undefined {
  let found: unknown = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = Object.getOwnPropertyDescriptor(found, name)?.value
  }
  return typeof found === 'number' || typeof found === 'string' ? String(found) : undefined
}
