import type { LogInfo } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { Json } from '../domain/event.ts'
import { isRootOrigin, type Position } from '../domain/sealed.ts'
import type { StreamAnswer } from '../domain/stream-answers.ts'
import { formatMillis } from '../domain/time.ts'
import type { Clock } from '../lib/clock.ts'
import type { Approvals, ApprovalRule, Waiting } from '../state/approvals.ts'
import type { Hold, Holds } from '../state/holds.ts'
import type { KeptFor, PrunedLog, Retention } from '../state/retention.ts'
import type { LogRows } from '../store/partitions.ts'
import type { ExpiryClock } from './expiry-clock.ts'
import type { Actor } from './actor.ts'

/** A stream as the configuration wants it kept. */
export interface StreamTerms {
  readonly name: string
  /** Days. Left out: as the stream's default. */
  readonly days?: number
  readonly basis?: string
  readonly period?: 'month' | 'day'
  readonly keepHashes?: boolean
}

export interface RetentionDeps {
  readonly state: { readonly retention: Retention; readonly holds: Holds; readonly approvals: Approvals }
  readonly approvalRule: ApprovalRule
  readonly logs: () => readonly LogInfo[]
  readonly rows: () => Promise<readonly LogRows[]>
  /** Ledger and store have all that is durable. */
  readonly caughtUp: () => Promise<boolean>
  /** Seals `log.pruned` in the live log. */
  readonly tell: (details: Readonly<Record<string, Json>>) => Promise<Position>
  /** Has it signed, and says whether witnesses have, where there are any. */
  readonly proved: (record: Position) => Promise<boolean>
  readonly dropRows: (log: string) => Promise<number>
  readonly pruneFiles: (log: string, keepHashes: boolean) => Promise<void>
  readonly destroyKeys: (log: string) => void
  /** What the journal holds of it goes with the file that it is in. */
  readonly rollJournal: () => void
  readonly noteOf: (log: string) => string | undefined
  readonly trail: (by: Actor, action: string, message: string, details: Json) => void
  readonly log: (message: string) => void
  readonly clock: Clock
  readonly expiryClock: ExpiryClock
}

const OURSELVES: Actor = { id: 'files', about: { user: { kind: 'system', name: 'whodid' } } }
const DAY_MS = 86_400_000
const OWN_STREAM = 'whodid'
const RETENTION = 'retention'
const RELEASE = 'hold-release'
const DEFAULT_DAYS = 400
const DEFAULTS: ReadonlyMap<string, number> = new Map([
  ['kubernetes', 30],
  ['authlog', 30],
  ['database', 30],
  ['mesh', 30],
  ['access', 90],
  ['iam', 400],
  ['application', 1825],
])

export type RetentionDesk = ReturnType<typeof createRetentionDesk>

type Asked =
  | { readonly act: 'keep'; readonly terms: KeptFor }
  | { readonly act: 'prune'; readonly origin: string; readonly reason: string }
  | { readonly act: 'release'; readonly hold: string; readonly reason: string }

/** How long streams are kept, what is held, and which logs go (docs/retention.md). */
export function createRetentionDesk(deps: RetentionDeps, streams: readonly StreamTerms[]) {
  const { clock } = deps
  const { retention, holds, approvals } = deps.state
  let running: Promise<unknown> = Promise.resolve()

  const ownDays = (stream: string): number => retention.keptFor(stream)?.days ?? DEFAULTS.get(stream) ?? DEFAULT_DAYS
  const known = (): readonly string[] => [
    ...new Set([
      ...streams.map(({ name }) => name),
      ...retention.allKept().map(({ stream }) => stream),
      ...logs().map(({ stream }) => stream),
    ]),
  ]
  const logs = (): readonly LogInfo[] => deps.logs().filter(({ origin }) => !isRootOrigin(origin))
  /** Our own trail says what became of all others, so it outlives them. */
  const daysOf = (stream: string): number =>
    stream === OWN_STREAM ? Math.max(...known().map(ownDays), ownDays(stream)) : ownDays(stream)
  const goesAt = (log: LogInfo): number => endOfPeriod(log.period) + daysOf(log.stream) * DAY_MS
  const holdsOn = ({ stream, period }: Pick<LogInfo, 'stream' | 'period'>): readonly Hold[] =>
    holds.list().filter((hold) => {
      const isOver = (hold.from ?? -Infinity) < endOfPeriod(period) && (hold.until ?? Infinity) > startOfPeriod(period)
      return hold.releasedAt === undefined && hold.stream === stream && isOver
    })
  const isDone = ({ state }: LogInfo): boolean => state === 'closed' || state === 'abandoned'
  const isDue = (log: LogInfo): boolean => isDone(log) && goesAt(log) <= clock.now() && holdsOn(log).length === 0
  const isOurs = ({ kind }: Waiting): boolean => kind === RETENTION || kind === RELEASE
  const waiting = (): readonly Waiting[] => approvals.list().filter((each) => isOurs(each) && each.state === 'waiting')

  function ask(asked: Asked, summary: string, by: Actor): Waiting {
    const wanted = JSON.parse(JSON.stringify(asked)) as Json
    const before = waiting().find((each) => JSON.stringify(each.details) === JSON.stringify(wanted))
    if (before !== undefined) return before
    const kind = asked.act === 'release' ? RELEASE : RETENTION
    const made = approvals.request({ kind, summary, details: wanted, requestedBy: by.id }, clock.now())
    deps.trail(by, `${kind}-propose`, summary, { waiting: made.id, asked: wanted })
    deps.log(`${summary}; whodid streams confirm ${made.id}, or whodid streams refuse ${made.id} --reason TEXT`)
    return made
  }

  /** Longer is in force at once, shorter waits. */
  function keep(terms: KeptFor, by: Actor): Waiting | undefined {
    const now = retention.keptFor(terms.stream)
    const days = ownDays(terms.stream)
    for (const each of waiting()) {
      const asked = askedOf(each)
      if (asked.act !== 'keep' || asked.terms.stream !== terms.stream || asked.terms.days === terms.days) continue
      approvals.refuse(each.id, OURSELVES.id, clock.now(), 'something else was asked for since')
    }
    if (now !== undefined && now.days === terms.days && now.basis === terms.basis) return undefined
    const isNew = now === undefined && !logs().some(({ stream }) => stream === terms.stream)
    if (terms.days < days && !isNew) {
      return ask({ act: 'keep', terms }, `${terms.stream} would be kept ${terms.days} days, not ${days}`, by)
    }
    retention.keep(terms)
    if (terms.days !== days || now?.basis !== terms.basis)
      deps.trail(by, 'retention-change', `${terms.stream} is kept ${terms.days} days`, { before: days, ...terms })
    return undefined
  }

  function details(log: LogInfo, policy: Json) {
    const note = deps.noteOf(log.origin)?.split('\n') ?? []
    return { origin: log.origin, size: log.size, root: note[2] ?? '', min_index: log.size, policy }
  }

  /** One step after the other, each written down when it is done: a crash repeats one. False: it waits for witnesses. */
  async function go(log: LogInfo, begun: PrunedLog): Promise<boolean> {
    const { origin } = log
    let { step } = begun
    let record = begun.record
    if (step === 'tell') {
      // A crash before the next line but one tells it twice, and nothing is gone yet.
      record = await deps.tell(details(log, begun.policy))
      retention.told(origin, record)
      step = 'prove'
    }
    if (step === 'prove') {
      if (record === undefined || !(await deps.proved(record))) return false
      retention.advance(origin, (step = 'rows'))
    }
    if (step === 'rows') {
      const rows = await deps.dropRows(origin)
      deps.log(`${origin}: its time is over, ${rows} rows are gone`)
      retention.advance(origin, (step = 'files'))
    }
    if (step === 'files') {
      await deps.pruneFiles(origin, begun.keepHashes)
      retention.advance(origin, (step = 'keys'))
    }
    if (step === 'keys') {
      deps.destroyKeys(origin)
      deps.rollJournal()
      retention.advance(origin, 'done')
    }
    return true
  }

  function begin(log: LogInfo, policy: Json): void {
    const keepHashes = streams.find(({ name }) => name === log.stream)?.keepHashes !== false
    retention.prune({ origin: log.origin, policy, keepHashes, at: clock.now() })
  }

  /** Lets go of what is due, and goes on with what a crash broke off. Answers the logs that are gone by it. */
  async function runOnce(): Promise<readonly string[]> {
    if (!(await deps.caughtUp())) return []
    const why = deps.expiryClock.check()
    if (why !== undefined) deps.log(why)
    // What was begun before goes on: it was decided by a clock that was believed, or by people.
    for (const log of why === undefined ? logs().filter(isDue) : []) {
      const basis = retention.keptFor(log.stream)?.basis
      begin(log, { keep_days: daysOf(log.stream), ...(basis !== undefined && { basis }), approvers: [] })
    }
    const gone: string[] = []
    for (const each of retention.allPruned().filter(({ step }) => step !== 'done')) {
      const log = logs().find(({ origin }) => origin === each.origin)
      if (log === undefined) continue
      // Held since it was begun: nothing was told, so it stays.
      if (each.step === 'tell' && holdsOn(log).length > 0) retention.cancel(each.origin)
      else if (await go(log, each)) gone.push(each.origin)
    }
    return gone
  }

  function run(): Promise<readonly string[]> {
    const turn = running.then(runOnce)
    running = turn.catch(() => undefined)
    return turn
  }

  function findLog(origin: string): LogInfo {
    const log = logs().find((each) => each.origin === origin)
    if (log === undefined) throw new AuditError('not_found', `there is no log ${origin}`, { hint: 'see GET /log' })
    const [hold] = holdsOn(log)
    if (hold !== undefined) throw new AuditError('conflict', `${origin} is under legal hold: ${hold.reason}`)
    if (!isDone(log)) throw new AuditError('conflict', `${origin} is ${log.state}: only a closed log can go`)
    return log
  }

  /** What waits, or waited: of ours alone, whatever else somebody has to decide. */
  function find(id: string): Waiting {
    const found = approvals.find(id)
    if (found !== undefined && isOurs(found)) return found
    throw new AuditError('not_found', `nothing about retention waits under ${id}`, { hint: 'whodid streams waiting' })
  }

  /** The effect first, `done` last, and each may be done again: a crash in between is made good by `resume`. */
  function carryOut(approved: Waiting, by: Actor): void {
    const { id, kind, summary, requestedBy } = approved
    const what = askedOf(approved)
    const approvers = [...new Set([requestedBy, by.id])]
    if (what.act === 'keep') retention.keep(what.terms)
    if (what.act === 'release' && holds.find(what.hold)?.releasedAt === undefined)
      holds.release(what.hold, by.id, clock.now())
    if (what.act === 'prune') {
      const log = logs().find(({ origin }) => origin === what.origin)
      // Begun already: it stays as it was. Held since: the next run takes it back.
      if (log !== undefined && isDone(log)) begin(log, { early: what.reason, approval: id, approvers })
    }
    deps.trail(by, `${kind}-confirm`, summary, { waiting: id, approvers, asked: approved.details })
    approvals.done(id)
  }

  return {
    /** What the configuration wants; at start. */
    configure: () => {
      for (const { name, days, basis } of streams) {
        if (days === undefined && basis === undefined) continue
        keep({ stream: name, days: days ?? ownDays(name), ...(basis !== undefined && { basis }) }, OURSELVES)
      }
    },
    keep(terms: KeptFor, by: Actor): Waiting | undefined {
      if (streams.some(({ name, days }) => name === terms.stream && days !== undefined))
        throw new AuditError('conflict', `the configuration says how long ${terms.stream} is kept`, {
          hint: 'change streams[].keep there',
        })
      return keep(terms, by)
    },
    async streams(): Promise<readonly StreamAnswer[]> {
      const rows = await deps.rows()
      const all = logs()
      return known().map((stream) => {
        const own = all.filter((log) => log.stream === stream)
        const has = new Map(rows.map((each) => [each.log, each]))
        const stored = own.flatMap(({ origin }) => has.get(origin) ?? [])
        const oldest = Math.min(...stored.map(({ oldestMs }) => oldestMs))
        const basis = retention.keptFor(stream)?.basis
        const left = own.filter(({ state }) => state !== 'pruned')
        const listed = left.map((log) => ({
          origin: log.origin,
          state: log.state,
          events: has.get(log.origin)?.rows ?? 0,
          goes: formatMillis(goesAt(log)),
          due: isDue(log),
          holds: holdsOn(log).map(({ id }) => id),
        }))
        return {
          stream,
          keepDays: daysOf(stream),
          ...(basis !== undefined && { basis }),
          period: streams.find(({ name }) => name === stream)?.period ?? 'month',
          events: stored.reduce((sum, each) => sum + each.rows, 0),
          bytes: stored.reduce((sum, each) => sum + each.bytes, 0),
          ...(Number.isFinite(oldest) && { oldest: formatMillis(oldest) }),
          goingEvents: listed.reduce((sum, { due, events }) => sum + (due ? events : 0), 0),
          logs: listed,
          pruned: own.length - left.length,
        }
      })
    },
    waiting,
    run,
    /** A run that somebody asks for. Throws `conflict` while the clock is doubted and they do not say that it is right. */
    prune(clockIsRight: boolean, by: Actor): Promise<readonly string[]> {
      const why = deps.expiryClock.reason()
      if (why !== undefined && !clockIsRight) throw new AuditError('conflict', why)
      if (why !== undefined) {
        deps.expiryClock.believe()
        deps.trail(by, 'retention-clock', 'the clock is right, said somebody', { doubt: why })
      }
      return run()
    },
    askPrune: (origin: string, reason: string, by: Actor): Waiting =>
      ask(
        { act: 'prune', origin: findLog(origin).origin, reason },
        `${origin} would go before its time: ${reason}`,
        by,
      ),
    addHold(hold: Pick<Hold, 'stream' | 'from' | 'until' | 'reason'>, by: Actor): Hold {
      const made = holds.add({ ...hold, by: by.id, at: clock.now() })
      deps.trail(
        by,
        'hold-add',
        `${hold.stream} is under legal hold: ${hold.reason}`,
        JSON.parse(JSON.stringify(made)) as Json,
      )
      return made
    },
    askRelease(id: string, reason: string, by: Actor): Waiting {
      const hold = holds.find(id)
      if (hold === undefined || hold.releasedAt !== undefined)
        throw new AuditError('not_found', `there is no hold ${id}`, { hint: 'whodid hold list' })
      return ask({ act: 'release', hold: id, reason }, `the hold on ${hold.stream} would be released: ${reason}`, by)
    },
    holds: () => holds.list(),
    /** Why a log is held; undefined: it is not. */
    holdOn(origin: string): string | undefined {
      const log = logs().find((each) => each.origin === origin)
      return log && holdsOn(log)[0]?.reason
    },
    async confirm(id: string, by: Actor): Promise<Waiting> {
      const what = askedOf(find(id))
      if (what.act === 'prune') findLog(what.origin)
      const approved = approvals.approve(id, by.id, clock.now(), deps.approvalRule)
      carryOut(approved, by)
      if (what.act === 'prune') await run()
      return approved
    },
    refuse(id: string, by: Actor, reason: string): Waiting {
      find(id)
      const refused = approvals.refuse(id, by.id, clock.now(), reason)
      deps.trail(by, `${refused.kind}-refuse`, `refused: ${refused.summary}`, { waiting: id, reason })
      return refused
    },
    /** Does what was approved and broken off by a crash; at start, before anything else is asked for. */
    resume(): void {
      for (const each of approvals
        .list()
        .filter(({ state }) => state === 'approved')
        .toReversed()) {
        if (isOurs(each)) carryOut(each, { id: each.decidedBy ?? OURSELVES.id, about: OURSELVES.about })
      }
    },
    notes(): readonly string[] {
      const why = deps.expiryClock.reason()
      return [
        ...(why === undefined ? [] : [why]),
        ...waiting().map(({ id, summary }) => `whodid streams confirm ${id}: ${summary}`),
      ]
    },
  }
}

function askedOf({ details }: Waiting): Asked {
  // `ask` wrote it.
  return details as unknown as Asked
}

function startOfPeriod(period: string): number {
  const [text = ''] = period.split('.')
  return Date.parse(text.length === 7 ? `${text}-01` : text)
}

/** Milliseconds since 1970 at which a log of that period takes nothing more. */
function endOfPeriod(period: string): number {
  const start = new Date(startOfPeriod(period))
  if (period.split('.')[0]?.length === 7) start.setUTCMonth(start.getUTCMonth() + 1)
  else start.setUTCDate(start.getUTCDate() + 1)
  return start.getTime()
}
