import type { ErasurePreview, PreviewedIdentity } from '../domain/erasure-answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent, Json, JsonObject } from '../domain/event.ts'
import { identityOf } from '../domain/identity.ts'
import type { BlockName, SealedEvent } from '../domain/sealed.ts'
import { formatMillis } from '../domain/time.ts'
import type { SubjectKeys } from '../ledger/subject-keys.ts'
import type { Clock } from '../lib/clock.ts'
import type { ApprovalRule, Approvals } from '../state/approvals.ts'
import type { ErasedPerson, Erasure, Erasures } from '../state/erasures.ts'
import type { Erases } from '../store/erase.ts'
import { type ErasureAct, erasureEvent } from './erasure-events.ts'
import { createPersonMatcher, needlesOf } from './erasure-person.ts'
import { rowsAbout } from './erasure-rows.ts'
import { isOwnLeaf } from './erasure-work.ts'
import type { Actor } from './actor.ts'

export interface ErasureDeskDeps {
  readonly erasures: Erasures
  readonly approvals: Approvals
  readonly approvalRule: ApprovalRule
  readonly store: Pick<Erases, 'find'>
  readonly keys: Pick<SubjectKeys, 'identitiesOf'>
  /** Highest feed number up to which all rows are in the store. */
  readonly asOf: () => number
  readonly holdOn: (log: string) => string | undefined
  readonly trail: (event: AuditEvent) => void
  /** Something was approved. */
  readonly wake: () => void
  readonly clock: Clock
}

type WantedPerson = Omit<ErasedPerson, 'identities'>

export interface ErasureDesk {
  /** What erasing that person would take. Changes nothing. */
  preview(person: WantedPerson, by: Actor, signal?: AbortSignal): Promise<ErasurePreview>
  /**
   * Waits then for somebody who approves it. Throws `bad_request` where reference or basis name the person, `conflict`
   * under a legal hold.
   */
  request(person: WantedPerson, why: Pick<Erasure, 'reference' | 'basis'>, by: Actor): Promise<Erasure>
  /** Throws `forbidden` for who must not, `conflict` when it is put off, decided, or under a legal hold. */
  approve(id: string, by: Actor): Promise<Erasure>
  /** For example by GDPR article 17(3). The person is forgotten, the refusal is kept. */
  refuse(id: string, by: Actor, reason: string): Erasure
  /** Not before that time, in milliseconds since 1970. */
  hold(id: string, by: Actor, until: number, reason: string): Erasure
  find(id: string): Erasure
  list(): readonly Erasure[]
}

const KIND = 'erasure'
const MOST_ROWS = 200_000
const MOST_IDENTITIES = 200

export function createErasureDesk(deps: ErasureDeskDeps): ErasureDesk {
  const { erasures, approvals, clock } = deps
  for (const each of erasures.list().filter(({ state }) => state === 'waiting')) settle(each.id)

  /** A crash between the two: what was decided stands in the approval. */
  function settle(id: string): void {
    const decided = approvals.find(id)
    if (decided === undefined || decided.state === 'waiting') return
    const { decidedBy = '', decidedAt = clock.now(), reason = '' } = decided
    const isRefused = decided.state === 'refused'
    erasures.decide(id, { decidedBy, decidedAt, ...(isRefused ? { state: 'refused', reason } : { state: 'approved' }) })
  }

  const tell = (by: Actor, erasure: Erasure | undefined, act: ErasureAct): void =>
    deps.trail(erasureEvent(by, erasure, act, clock.now()))

  function known(id: string): Erasure {
    const found = erasures.find(id)
    if (found === undefined) throw new AuditError('not_found', `there is no erasure ${id}`)
    return found
  }

  async function look(person: WantedPerson, signal?: AbortSignal): Promise<ErasurePreview> {
    const tally = createTally({ ...person, identities: [] }, deps)
    for await (const rows of rowsAbout(deps.store, { ...person, identities: [] }, [], 0, deps.asOf(), signal)) {
      for (const row of rows) tally.learn(row)
      if (tally.rows > MOST_ROWS) break
    }
    tally.begin()
    const whole = { ...person, identities: tally.identities() }
    for await (const rows of rowsAbout(deps.store, whole, tally.keys(), 0, deps.asOf(), signal)) {
      for (const row of rows) tally.count(row)
      if (tally.rows > MOST_ROWS) break
    }
    return tally.preview(tally.rows > MOST_ROWS)
  }

  async function refuseHeld(person: WantedPerson): Promise<void> {
    const held = (await look(person)).logs.find(({ hold }) => hold !== undefined)
    if (held === undefined) return
    const hint = 'release the hold first, or refuse the erasure with that reason'
    throw new AuditError('conflict', `${held.log} is under legal hold: ${held.hold}`, { hint })
  }

  return {
    async preview(person, by, signal) {
      const found = await look(checked(person), signal)
      tell(by, undefined, { action: 'erasure-preview', details: { events: found.events } })
      return found
    },
    async request(person, { reference, basis }, by) {
      const wanted = checked(person)
      refuseNames(wanted, { reference, basis })
      await refuseHeld(wanted)
      const summary = `erase a person: ${reference}, ${basis}`
      const asked = { kind: KIND, summary, details: { reference, basis }, requestedBy: by.id }
      const requestedAt = clock.now()
      const { id } = approvals.request(asked, requestedAt)
      const erasure = erasures.add(
        { id, reference, basis, requestedBy: by.id, requestedAt },
        { ...wanted, identities: [] },
      )
      tell(by, erasure, { action: 'erasure-request' })
      return erasure
    },
    async approve(id, by) {
      const { heldUntil = 0, reason = '', state, person } = known(id)
      if (state === 'waiting' && heldUntil > clock.now())
        throw new AuditError('conflict', `${id} is put off until ${formatMillis(heldUntil)}: ${reason}`)
      if (state === 'waiting' && person !== undefined) await refuseHeld(person)
      approvals.approve(id, by.id, clock.now(), deps.approvalRule)
      settle(id)
      const erasure = known(id)
      const details: JsonObject = { rule: deps.approvalRule, requestedBy: erasure.requestedBy, approvedBy: by.id }
      tell(by, erasure, { action: 'erasure-approve', details })
      deps.wake()
      return erasure
    },
    refuse(id, by, reason) {
      refuseNames(known(id).person, { reason })
      approvals.refuse(id, by.id, clock.now(), reason)
      settle(id)
      const erasure = known(id)
      tell(by, erasure, { action: 'erasure-refuse', reason })
      return erasure
    },
    hold(id, by, until, reason) {
      const { state, person } = known(id)
      if (state !== 'waiting') throw new AuditError('conflict', `${id} was ${state} already`)
      refuseNames(person, { reason })
      erasures.hold(id, until, reason)
      const erasure = known(id)
      tell(by, erasure, { action: 'erasure-hold', reason, details: { until: formatMillis(until) } })
      return erasure
    },
    find: known,
    list: () => erasures.list(),
  }
}

function checked(person: WantedPerson): WantedPerson {
  const { names, ids, emails } = person
  if (names.length + ids.length + emails.length > 0) return person
  throw new AuditError('bad_request', 'nobody is named', { hint: 'give a name, an id or an e-mail' })
}

/** These are sealed for ever: they must not say who was erased. */
function refuseNames(person: WantedPerson | undefined, texts: Readonly<Record<string, string>>): void {
  const needles = person === undefined ? [] : needlesOf(person).map((each) => each.toLowerCase())
  for (const [field, text] of Object.entries(texts)) {
    if (!needles.some((needle) => text.toLowerCase().includes(needle))) continue
    const hint = 'it is kept for ever: give the number of the request instead'
    throw new AuditError('bad_request', `${field} names the person`, { hint, faults: [{ path: field, message: hint }] })
  }
}

interface Counted extends PreviewedIdentity {
  names: string[]
  ids: string[]
  emails: string[]
  asActor: number
  asTarget: number
}

function createTally(person: ErasedPerson, { keys, holdOn }: Pick<ErasureDeskDeps, 'keys' | 'holdOn'>) {
  const found = new Map<string, Counted>()
  const ownKeys = new Set<number>()
  const logs = new Map<string, number>()
  const blocks = new Map<BlockName, number>()
  let matcher = createPersonMatcher(person)
  let [rows, events, underDayKeys] = [0, 0, 0]

  function learnKeys(event: SealedEvent): void {
    const named = keys.identitiesOf([event.actorKey, event.targetKey])
    for (const [id, identity] of named) if (found.has(identity)) ownKeys.add(id)
  }

  function enter(user: JsonObject | undefined, role: 'asActor' | 'asTarget'): void {
    if (user === undefined) return
    const identity = identityOf(user)
    const known = found.get(identity)
    if (known === undefined) return
    known[role]++
    for (const [list, value] of [
      [known.names, user['name']],
      [known.ids, user['id']],
      [known.emails, user['email']],
    ] as const)
      if (typeof value === 'string' && !list.includes(value) && list.length < MOST_IDENTITIES) list.push(value)
  }

  return {
    get rows() {
      return rows
    },
    learn(event: SealedEvent): void {
      rows++
      for (const identity of matcher.identitiesIn(event))
        if (!found.has(identity) && found.size < MOST_IDENTITIES)
          found.set(identity, { identity, names: [], ids: [], emails: [], asActor: 0, asTarget: 0 })
      learnKeys(event)
    },
    begin(): void {
      rows = 0
      matcher = createPersonMatcher({ ...person, identities: [...found.keys()] })
    },
    identities: () => [...found.keys()],
    keys: () => [...ownKeys],
    count(event: SealedEvent): void {
      rows++
      learnKeys(event)
      const about = matcher.about(event, ownKeys)
      if (about.blocks.length === 0 || isOwnLeaf(event)) return
      events++
      if (about.actor && !ownKeys.has(event.actorKey)) underDayKeys++
      logs.set(event.log, (logs.get(event.log) ?? 0) + 1)
      for (const block of about.blocks) blocks.set(block, (blocks.get(block) ?? 0) + 1)
      if (about.actor) enter(userIn(event.blocks[0]), 'asActor')
      if (about.target) enter(objectOf(userIn(event.blocks[2])?.['target']), 'asTarget')
    },
    preview: (isPart: boolean): ErasurePreview => ({
      identities: [...found.values()],
      events,
      blocks: Object.fromEntries(blocks),
      logs: [...logs].map(([log, count]) => {
        const hold = holdOn(log)
        return { log, events: count, ...(hold !== undefined && { hold }) }
      }),
      underDayKeys,
      isPart,
    }),
  }
}

function userIn(block: string | undefined): JsonObject | undefined {
  // A block is JSON that we wrote.
  return block === undefined ? undefined : objectOf((JSON.parse(block) as JsonObject)['user'])
}

function objectOf(value: Json | undefined): JsonObject | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // Neither null nor an array.
  return value as JsonObject
}
