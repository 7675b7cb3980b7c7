import { AuditError } from '../domain/errors.ts'
import type { AuditEvent, Change, Json } from '../domain/event.ts'
import type { RuleCheck, RuleOutcome } from '../domain/rule-answers.ts'
import type { Clock } from '../lib/clock.ts'
import type { CompiledRules } from '../rules/compile.ts'
import { diffOfRules } from '../rules/rule-entries.ts'
import {
  type AddedRule,
  changedLayers,
  effectiveRules,
  type FileRules,
  nameOfAdded,
  type RuleChange,
  type RuleLayers,
} from '../rules/rule-layers.ts'
import { NO_RULES, type RuleSet } from '../rules/rule-set.ts'
import type { ApprovalRule, Approvals, Waiting } from '../state/approvals.ts'
import type { RuleVersion, RuleVersions } from '../state/rule-versions.ts'
import type { Actor } from './actor.ts'
import { BY_FILES, type RuleAct, ruleEvent } from './rule-events.ts'
import { NOT_KNOWN, reasonsToWait } from './rule-holding.ts'
import { hashOfRules, type RulesInForce } from './rules-in-force.ts'

export interface RuleDeskDeps {
  readonly inForce: RulesInForce
  readonly versions: RuleVersions
  readonly approvals: Approvals
  readonly approvalRule: ApprovalRule
  readonly compile: (set: RuleSet) => CompiledRules
  /** What a candidate would make of the stored last day, within a bounded time. */
  readonly check: (now: RuleSet, candidate: RuleSet) => Promise<RuleCheck>
  readonly trail: (event: AuditEvent) => void
  readonly log: (message: string) => void
  readonly clock: Clock
}

/** Why files are not in force. */
interface RuleFault {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly message: string
  readonly hint?: string
  readonly faults: readonly { readonly path: string; readonly message: string }[]
}

interface RuleStatus {
  readonly layers: RuleLayers
  readonly set: RuleSet
  readonly version: RuleVersion
  readonly waiting: readonly Waiting[]
  readonly fault?: RuleFault
  /** The files say other rules than are in force, and it was not looked yet what these would drop. */
  readonly filesAreNew: boolean
}

/**
 * Where rules change. One change is done at a time: it is compiled, tried on what is stored, and comes into force with
 * an event, or waits for somebody who confirms it. What is in force survives a restart, whatever the files say then.
 */
export interface RuleDesk {
  /**
   * Puts into force what was before this process; at the very first start what the files say. Other files than then are
   * a change, for `changeFiles` once the store answers.
   */
  start(files: FileRules): void
  status(): RuleStatus
  changeFiles(files: FileRules): Promise<RuleOutcome>
  /** Files that cannot be read: the rules in force stay. */
  filesFail(error: AuditError): void
  put(rule: AddedRule, by: Actor): Promise<RuleOutcome>
  remove(of: AddedRule['kind'], name: string, by: Actor): Promise<RuleOutcome>
  /**
   * Puts into force what waits. Throws `not_found`, `conflict` where it was decided before or other rules came into force
   * since it was asked for, `forbidden` where two people are needed.
   */
  confirm(id: string, by: Actor): Promise<RuleOutcome>
  refuse(id: string, by: Actor, reason: string): Promise<Waiting>
  /** Newest first. */
  versions(limit: number): readonly RuleVersion[]
}

const KIND = 'rules'
const OURSELVES = 'whodid'

export function createRuleDesk(deps: RuleDeskDeps): RuleDesk {
  const { inForce, versions, approvals, clock } = deps
  let layers: RuleLayers = { files: { set: NO_RULES, origins: {}, warnings: [] }, added: [] }
  let version: RuleVersion = { revision: 0, hash: hashOfRules(NO_RULES), since: 0, by: BY_FILES.id }
  let fault: RuleFault | undefined
  let newFiles: FileRules | undefined
  let turn: Promise<unknown> = Promise.resolve()

  function inTurn<T>(work: () => Promise<T> | T): Promise<T> {
    const done = turn.then(work)
    turn = done.catch(() => undefined)
    return done
  }

  const tell = (by: Actor, act: RuleAct): void => deps.trail(ruleEvent(by, act, clock.now()))
  const waiting = (): readonly Waiting[] => approvals.list(KIND).filter(({ state }) => state === 'waiting')

  /** A crash before `add` leaves the rules of before, and the change to be asked for again; after it these are in force. */
  function apply(next: RuleLayers, by: Actor, approved?: Waiting): RuleOutcome {
    const set = effectiveRules(next)
    const hash = hashOfRules(set)
    const before = version
    const changes = diffOfRules(inForce.current().set, set)
    deps.compile(set)
    const approval = approved === undefined ? {} : { approval: approved.id }
    version = versions.add({ hash, since: clock.now(), by: by.id, ...approval }, plain(next))
    layers = next
    inForce.use(set)
    const hashes = { before: before.hash, after: hash, revision: version.revision }
    const details = { ...hashes, ...(approved !== undefined && { approval: approvalOf(approved, deps.approvalRule) }) }
    const message = `rules changed: ${numberOf(changes)}`
    tell(by, { action: 'change', outcome: 'success', message, changes, details })
    deps.log(`${message}; revision ${version.revision} is in force, hash ${hash.slice(0, 12)}`)
    return { kind: 'applied', revision: version.revision, hash, changes }
  }

  async function propose(change: RuleChange, by: Actor): Promise<RuleOutcome> {
    const next = changedLayers(layers, change)
    const [now, candidate] = [inForce.current().set, effectiveRules(next)]
    const hash = hashOfRules(candidate)
    supersede(change, hash)
    if (hash === version.hash) {
      // Another line, another comment: nothing else is in force by it.
      layers = next
      return { kind: 'same', revision: version.revision, hash }
    }
    deps.compile(candidate)
    const decided = change.kind === 'files' ? decidedBefore(hash) : undefined
    if (decided !== undefined) return decided
    const reasons = await reasonsToWait(deps, now, candidate)
    if (reasons.length === 0) return apply(next, by)
    const changes = diffOfRules(now, candidate)
    const summary = `${change.kind === 'files' ? 'the files' : by.id} would change ${numberOf(changes)}: ${reasons.join('; ')}`
    const details = plain({ change, reasons, changes, before: version.hash, after: hash })
    const { id } = approvals.request({ kind: KIND, summary, details, requestedBy: by.id }, clock.now())
    const hashes = { before: version.hash, after: hash, waiting: id }
    tell(by, { action: 'propose', outcome: 'success', message: summary, changes, details: hashes })
    deps.log(`rules wait for a decision: ${summary}; whodid rules confirm ${id}, or whodid rules refuse ${id}`)
    return { kind: 'waiting', id, reasons, changes }
  }

  /** What was asked for before and is asked for in another way now needs no decision any more. */
  function supersede(change: RuleChange, hash: string): void {
    for (const each of waiting()) {
      const { change: asked, after } = detailsOf(each)
      if (subjectOf(asked) !== subjectOf(change) || after === hash) continue
      approvals.refuse(each.id, OURSELVES, clock.now(), 'something else was asked for since')
    }
  }

  /** The same files are looked at again at each start: they wait as before, or stay refused. */
  function decidedBefore(hash: string): RuleOutcome | undefined {
    const found = approvals.list(KIND).find((each) => {
      const { change, after, before } = detailsOf(each)
      return change.kind === 'files' && after === hash && before === version.hash && each.decidedBy !== OURSELVES
    })
    if (found === undefined || (found.state !== 'waiting' && found.state !== 'refused')) return undefined
    const { reasons, changes } = detailsOf(found)
    if (found.state === 'waiting' && reasons.some((each) => each.startsWith(NOT_KNOWN))) {
      // The store did not answer then, or the server ended meanwhile: it may now.
      approvals.refuse(found.id, OURSELVES, clock.now(), 'it is tried again')
      return undefined
    }
    const what = found.state === 'waiting' ? 'wait for a decision' : `were refused by ${found.decidedBy}`
    deps.log(`the rules of the files ${what} (${found.id}); those of before are in force`)
    return { kind: 'waiting', id: found.id, reasons, changes }
  }

  async function changeFiles(files: FileRules): Promise<RuleOutcome> {
    newFiles = files
    const outcome = await propose({ kind: 'files', files }, BY_FILES)
    if (newFiles === files) newFiles = undefined
    fault = undefined
    return outcome
  }

  /** Confirmed, and then the process ended: it is done now. */
  function finishApproved(): void {
    for (const each of approvals.list(KIND).filter(({ state }) => state === 'approved')) {
      const { change, before, after } = detailsOf(each)
      if (before === version.hash) {
        const next = changedLayers(layers, change)
        if (hashOfRules(effectiveRules(next)) === after) apply(next, BY_FILES, each)
      }
      approvals.done(each.id)
    }
  }

  return {
    start(files) {
      const last = versions.latest()
      if (last === undefined) {
        const isNothing = hashOfRules(files.set) === version.hash
        if (isNothing) version = versions.add({ ...version, since: clock.now() }, plain({ files, added: [] }))
        else apply({ files, added: [] }, BY_FILES)
        return
      }
      // `apply` wrote it.
      layers = last.rules as unknown as RuleLayers
      const { rules: _, ...known } = last
      version = known
      try {
        inForce.use(effectiveRules(layers))
      } catch (error) {
        if (!(error instanceof AuditError)) throw error
        deps.log(`the rules of before are not understood any more (${error.message}): those of the files are in force`)
        apply({ files, added: [] }, BY_FILES)
        return
      }
      finishApproved()
      newFiles = files
    },
    status: () => ({
      layers,
      set: inForce.current().set,
      version,
      waiting: waiting(),
      ...(fault !== undefined && { fault }),
      filesAreNew:
        newFiles !== undefined && hashOfRules(effectiveRules({ ...layers, files: newFiles })) !== version.hash,
    }),
    changeFiles: (files) => inTurn(() => changeFiles(files)),
    filesFail(error) {
      const { hint, details, message } = error
      if (fault?.message === message) return
      fault = { at: clock.now(), message, ...(hint !== undefined && { hint }), faults: details.faults ?? [] }
      deps.log(`rules are not read anew, those of before stay in force: ${message}`)
      const reason = 'the files were not understood'
      tell(BY_FILES, { action: 'reload', outcome: 'failure', message: `rules were not changed: ${message}`, reason })
    },
    put: (rule, by) => inTurn(async () => renewFiles(await propose({ kind: 'put', rule }, by))),
    remove: (of, name, by) => inTurn(async () => renewFiles(await propose({ kind: 'remove', of, name }, by))),
    confirm: (id, by) =>
      inTurn(async () => {
        const asked = approvals.find(id)
        if (asked === undefined || asked.kind !== KIND)
          throw new AuditError('not_found', `no change of rules waits under ${id}`)
        const { change, after } = detailsOf(asked)
        const next = asked.state === 'waiting' ? changedLayers(layers, change) : layers
        if (asked.state === 'waiting' && hashOfRules(effectiveRules(next)) !== after) {
          const hint = `refuse it with whodid rules refuse ${id}, and ask for it again`
          throw new AuditError('conflict', `other rules came into force since ${id} was asked for`, { hint })
        }
        deps.compile(effectiveRules(next))
        const approved = approvals.approve(id, by.id, clock.now(), deps.approvalRule)
        const outcome = apply(next, by, approved)
        approvals.done(id)
        return change.kind === 'files' ? outcome : renewFiles(outcome)
      }),
    refuse: (id, by, reason) =>
      inTurn(() => {
        const asked = approvals.find(id)
        if (asked === undefined || asked.kind !== KIND)
          throw new AuditError('not_found', `no change of rules waits under ${id}`)
        const refused = approvals.refuse(id, by.id, clock.now(), reason)
        const message = `a change of rules was refused: ${refused.summary}`
        tell(by, { action: 'refuse', outcome: 'success', message, details: { waiting: id }, reason })
        return refused
      }),
    versions: (limit) => versions.list(limit),
  }

  /** Files that wait were compared with the rules of before: they are looked at again. */
  async function renewFiles(outcome: RuleOutcome): Promise<RuleOutcome> {
    if (outcome.kind !== 'applied') return outcome
    const asked = waiting().find((each) => detailsOf(each).change.kind === 'files')
    const change = asked && detailsOf(asked).change
    if (change?.kind === 'files') await changeFiles(change.files)
    return outcome
  }
}

interface Details {
  readonly change: RuleChange
  readonly reasons: readonly string[]
  readonly changes: readonly Change[]
  readonly before: string
  readonly after: string
}

/** What of a waiting change is for reading: the rest is for doing it. */
export function shownDetails(waiting: Waiting): Pick<Details, 'reasons' | 'changes' | 'before' | 'after'> {
  const { reasons, changes, before, after } = detailsOf(waiting)
  return { reasons, changes, before, after }
}

function detailsOf({ details }: Waiting): Details {
  // `propose` wrote it.
  return details as unknown as Details
}

/** Plain data without what is undefined. */
function plain(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}

function subjectOf(change: RuleChange): string {
  if (change.kind === 'files') return 'files'
  return change.kind === 'put' ? nameOfAdded(change.rule) : `${change.of}/${change.name}`
}

function approvalOf({ id, requestedBy, decidedBy }: Waiting, rule: ApprovalRule): Json {
  return { id, rule, requestedBy, ...(decidedBy !== undefined && { confirmedBy: decidedBy }) }
}

function numberOf(changes: readonly Change[]): string {
  const names = changes.slice(0, 3).map(({ path }) => path)
  return changes.length > 3 ? `${names.join(', ')} and ${changes.length - 3} more` : names.join(', ')
}
