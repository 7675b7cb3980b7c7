import { AuditError } from '../domain/errors.ts'
import type { Receipt, RecordResult, ShedFor } from '../domain/answers.ts'
import type { AuditEvent, JsonObject } from '../domain/event.ts'
import { NOTHING } from '../domain/accounting.ts'
import { generationOf, type Position } from '../domain/sealed.ts'
import type { Journal } from '../journal/journal.ts'
import type { Clock } from '../lib/clock.ts'
import type { Emit, EmitOptions, SourceRecord } from '../sources/source.ts'
import { numbersOf, type RecordSlice, receiptOf, slicesOf } from './batch.ts'
import { type Books, SYSTEM_SOURCE } from './books.ts'
import { createHeartbeats, TRAIL_STREAM } from './heartbeat.ts'
import { decide, type DecidedPart } from './commit.ts'
import type { DuplicateWindow } from './duplicates.ts'
import type { IdempotencyKeys } from './idempotency.ts'
import type { Logs, OpenLog } from './logs.ts'
import type { JournalShares } from './journal-shares.ts'
import { type PayloadHeader, payloadParts, type SealedTable } from './payload.ts'
import { rejectedOfSlice } from './rejected.ts'
import type { RulesInForce, RulesRevision } from './rules-in-force.ts'
import { type SealedSlice, type Slice, type SliceRules, TRAIL_FORMAT } from './seal.ts'
import { createShedder } from './shedding.ts'
import { systemEvent, type SystemAction } from './system-leaves.ts'
import { conflictAlarm } from './trail.ts'
import { createTurns } from './turns.ts'

/** A source as the writer sees it. */
export interface SourceInfo {
  readonly name: string
  /** Which way its records come, where several lead into one source. Left out: the source's own. */
  readonly way?: string
  /** They were rejected once, and are fed again. */
  readonly replays?: true
  readonly stream: string
  readonly authenticated: boolean
  readonly cluster?: string
  readonly timezone?: string
  /** Name of the Kubernetes audit policy that it asks for. */
  readonly kubernetesPolicy?: string
  /** Its events are judged by AccessAudits. */
  readonly accessAudit?: boolean
  /** What it sends beyond its limits, or while nothing can be taken, is given up and counted, and not waited with. */
  readonly sheds?: boolean
  /** Part of the journal's bound that it may hold. */
  readonly journalShare?: number
  /** A longer record is rejected. */
  readonly recordBytes?: number
}

export interface WriterDeps {
  readonly journal: Pick<Journal, 'append' | 'nextFeed'>
  readonly shares: JournalShares
  /** Bytes of the journal that may wait, and the feed number before which nothing waits any more. */
  readonly room: () => { readonly boundBytes: number; readonly passedFeed: number }
  /** Is given the rules that the slice names. */
  readonly seal: (slice: Slice, rules: RulesRevision) => Promise<SealedSlice>
  readonly logs: Logs
  readonly books: Books
  readonly duplicates: DuplicateWindow
  readonly idempotency: IdempotencyKeys
  readonly clock: Clock
  /** Why no records, or not even a count of them, can be taken now, if so: journal full, disk nearly full, closing. */
  readonly refusal: (of?: 'records' | 'count') => AuditError | undefined
  /** The last signed checkpoint of a log, as its note. */
  readonly checkpoint: (log: string) => string | undefined
  /** Waits until a log's leaves before `size` are signed and gives that checkpoint; used when a log closes. */
  readonly finalCheckpoint: (log: string, size: number) => Promise<string>
  readonly vkey: (log: string) => Promise<string>
  /** See `HeartbeatDeps`. */
  readonly ourClock?: () => { readonly by: string; readonly fromMs: number; readonly toMs: number } | undefined
  /** What the recovery that began this generation found: told in the first log of each stream that goes on after it. */
  readonly recovery?: JsonObject
  /** Whether records that can become no event are kept for another look. Left out: they are. */
  readonly keepsRejected?: boolean
  readonly rules: Pick<RulesInForce, 'current'>
  /** A leaf of the ledger's own could not be written: the process must stop. */
  readonly fatal: (error: unknown) => void
  readonly log: (message: string) => void
}

export interface Writer {
  emitFor(source: SourceInfo): Emit
  /** Gives a batch up that is beyond the limits of its source: counted, sealed, and only then answered. */
  shedFor(source: SourceInfo): (batch: readonly SourceRecord[], options: EmitOptions, why: ShedFor) => Promise<Receipt>
  /** Writes an event of our own trail; resolves once it is durable. */
  trail(event: AuditEvent): Promise<void>
  /** Heartbeats that are due, and logs whose period has ended. `all`: into every log that grew, whether due or not. */
  beat(when: 'start' | 'due' | 'stop'): Promise<void>
  /** Writes a leaf of the ledger's own into the log that takes what `stream` receives now; resolves once it is durable. */
  tell(stream: string, action: SystemAction, details: JsonObject): Promise<Position>
  /** Resolves when everything that was taken so far is durable or refused. */
  settled(): Promise<void>
}

const TRAIL_SOURCE: SourceInfo = { name: 'whodid', stream: TRAIL_STREAM, authenticated: true }
const QUEUE_BYTES = 256 * 1024 * 1024
const SEAL_ATTEMPTS = 3
const SHARE_RETRY_MS = 10_000
const MINUTE_MS = 60_000
const QUIET_MS = 600_000

/**
 * The write path from records to the journal: judge, seal, commit. Only one exists. Indexes, feed numbers and `r` are
 * given here, in one order for the whole install; everything behind the journal is derived.
 */
export function createWriter(deps: WriterDeps): Writer {
  const { journal, logs, books, clock } = deps
  const turns = createTurns()
  let queuedBytes = 0
  let lastReceived = books.received
  const heartbeats = createHeartbeats(deps)
  const shedder = createShedder({ turns, append: (header) => append(header, [], 0), receive, trail, clock })

  /** Receive time never goes backwards, whatever the clock does. */
  function receive(): number {
    lastReceived = Math.max(lastReceived, clock.now())
    return lastReceived
  }

  /** A thread that ends takes with it what it worked on; another one does it then. */
  async function seal(slice: Slice, rules: RulesRevision): Promise<SealedSlice> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await deps.seal(slice, rules)
      } catch (error) {
        if (attempt === SEAL_ATTEMPTS || !(error instanceof AuditError) || error.code !== 'busy') throw error
      }
    }
  }

  function append(
    header: PayloadHeader,
    events: readonly SealedTable[],
    count: number,
    rejected: readonly Uint8Array[] = [],
  ): Promise<void> {
    // From here on the order is fixed: index order is byte order. A crash before the sync leaves nothing that anyone was
    // promised; frames that are found whole all the same stay, with their indexes.
    const parts = payloadParts(header, events, rejected)
    const { frame, durable } = journal.append(parts, count)
    if (header.source !== SYSTEM_SOURCE) deps.shares.enter(header.source, journal.nextFeed, bytesOf(parts))
    books.enter(frame, header, count)
    return durable
  }

  /** One frame for each log, in one step: a crash between them leaves a batch that nobody was promised. */
  function commitSlice(
    into: readonly OpenLog[],
    slice: Slice,
    sealed: SealedSlice,
    extra: HeaderExtra,
    origin: RecordSlice['origin'],
  ): Promise<Decision> {
    const open = new Map(into.map((log) => [log.origin, log]))
    const nextOf = (log: string) => openIn(open, log).next
    const { parts, results, conflicts } = decide(sealed, slice.records, deps.duplicates, nextOf, slice.received)
    const { cursor, ...common } = extra
    const numbers = numbersOf(slice.records)
    // What is fed again is kept where it came from.
    const isKept = deps.keepsRejected !== false && extra.replay !== true
    const rejected = isKept ? rejectedOfSlice(slice, origin, sealed, results) : undefined
    // What stands for the whole slice is true only once all of its frames are there.
    const ofAll = {
      ...(numbers.length > 0 && { numbers }),
      ...(rejected !== undefined && { rejected: rejected.header }),
      ...(cursor !== undefined && { cursor }),
    }
    const durable = parts.map((part, n) => {
      const isLast = n === parts.length - 1
      const { source, received } = slice
      const header = {
        ...placeOf(part),
        source,
        received,
        accounting: part.accounting,
        ...common,
        ...(isLast && ofAll),
      }
      const log = openIn(open, part.log)
      log.next += part.count
      log.grown += part.count
      return append(header, part.events, part.count, isLast ? rejected?.bytes : undefined)
    })
    return Promise.all(durable).then(() => ({ results, conflicts }))
  }

  /**
   * Takes one slice of a batch. It is committed only once all of the batch `before` it is sealed: a cursor in the last
   * one stands for them all.
   */
  function take(
    source: SourceInfo,
    slice: RecordSlice,
    extra: HeaderExtra,
    before: Promise<unknown> = Promise.resolve(),
  ): Taken {
    const received = receive()
    const own = { ...source, ...slice.origin }
    const rules = deps.rules.current()
    const log = openFor(own.stream, received)
    // Those of all streams to which a rule may send an event: at its turn it is too late to open one.
    const routed =
      slice.format === TRAIL_FORMAT ? [] : rules.compiled.streams.map((stream) => openFor(stream, received))
    const whole = {
      ...sliceOf(own, log, received, slice, slice.origin?.way),
      ...(slice.format !== TRAIL_FORMAT && { rules: sliceRules(own, rules, routed) }),
    }
    const bytes = slice.records.reduce((sum, each) => sum + each.bytes.length, 0)
    queuedBytes += bytes
    const sealing = Promise.all([seal(whole, rules), before]).then(([sealed]) => sealed)
    // Its turn reports a failure; until then nobody else listens.
    sealing.catch(() => undefined)
    const decided = turns.enqueue(async () => ({
      durable: commitSlice([log, ...routed], whole, await sealing, extra, slice.origin),
    }))
    return { sealing, decided: decided.finally(() => (queuedBytes -= bytes)) }
  }

  /** The log that takes what a stream receives at that time; closes and opens logs before it in the queue. */
  function openFor(stream: string, received: number): OpenLog {
    const { log, open, close } = logs.turn(stream, received)
    if (close !== undefined) closeLog(close, received)
    if (open !== undefined) openLog(open, received)
    return log
  }

  function openLog(log: OpenLog, received: number): void {
    const previous = logs.previous(log.stream)
    const rules = deps.rules.current().hash
    log.beaten = received
    system(log, received, 'log.opened', async () => ({
      key: await deps.vkey(log.origin),
      rules,
      ...(previous && { previous: previous.origin, final: await deps.finalCheckpoint(previous.origin, previous.next) }),
    })).catch(deps.fatal)
    const { recovery } = deps
    if (recovery === undefined || previous === undefined) return
    if (generationOf(previous.origin) === generationOf(log.origin)) return
    const details = { previous: previous.origin, leaves: previous.next, ...recovery }
    system(log, received, 'recovery', () => Promise.resolve(details)).catch(deps.fatal)
  }

  function closeLog(log: OpenLog, received: number): void {
    beatIn(log, received).catch(deps.fatal)
    system(log, received, 'log.closed', async () => ({})).catch(deps.fatal)
  }

  /** A leaf of the ledger's own. What it says is worked out at its turn, so it tells of everything before it. */
  function system(
    log: OpenLog,
    received: number,
    action: SystemAction,
    details: () => Promise<JsonObject>,
  ): Promise<Position> {
    const rules = deps.rules.current()
    const source = { name: SYSTEM_SOURCE, stream: log.stream, authenticated: true }
    const sealed = async (): Promise<SealedSlice> => {
      const event = systemEvent(action, received, await details())
      const record = { bytes: Buffer.from(JSON.stringify(event)) }
      return seal(sliceOf(source, log, received, { format: TRAIL_FORMAT, records: [record] }), rules)
    }
    return turns.enqueue(async () => {
      const leaf = await sealed().catch((error: unknown) => {
        turns.fail(error instanceof Error ? error : new Error(String(error)))
        throw error
      })
      const at: Position = { log: log.origin, index: log.next }
      const place = { log: at.log, first: at.index }
      const header = { source: SYSTEM_SOURCE, received, ...place, accounting: NOTHING, system: action }
      log.next += leaf.count
      return { durable: append(header, [leaf], leaf.count).then(() => at) }
    })
  }

  /** It says which rules everything before it was judged by, or an earlier one: they are asked for as it takes its place. */
  function beatIn(log: OpenLog, received: number): Promise<Position> {
    const { hash: rules } = deps.rules.current()
    return system(log, received, 'heartbeat', async () => {
      log.grown = 0
      log.beaten = lastReceived
      return heartbeats.of(log, received, rules)
    })
  }

  function isDue(log: OpenLog, when: 'start' | 'due' | 'stop', now: number): boolean {
    if (when !== 'due') return log.grown > 0 || log.stream === TRAIL_STREAM
    if (now - log.beaten < MINUTE_MS) return false
    if (log.stream !== TRAIL_STREAM) return log.grown > 0
    return logs.open.some((each) => each.grown > 0) || now - log.beaten >= QUIET_MS
  }

  async function emit(source: SourceInfo, batch: readonly SourceRecord[], options: EmitOptions): Promise<Receipt> {
    const refusal = deps.refusal() ?? (queuedBytes > QUEUE_BYTES ? queueFull() : undefined) ?? shareRefusal(source)
    // What is fed again is kept where it came from, and can wait.
    if (refusal !== undefined && (source.sheds !== true || source.replays === true)) throw refusal
    if (refusal !== undefined) return shed(source, batch, options, isShareFull(source) ? 'journalShare' : 'intake')
    if (options.clockOffsetMs !== undefined) heartbeats.clock(source.name, options.clockOffsetMs)
    const idempotency = deps.idempotency.enter(source.name, options.idempotencyKey, batch, clock.now())
    const slices = slicesOf(batch, options.idempotencyKey)
    let before: Promise<unknown> | undefined
    const taken = slices.map((slice, n) => {
      const extra = {
        ...(idempotency !== undefined && { idempotency }),
        ...(source.way !== undefined && { way: source.way }),
        ...(source.replays === true && { replay: source.replays }),
        ...(n === slices.length - 1 && options.cursor !== undefined && { cursor: options.cursor }),
      }
      const { sealing, decided } = take(source, slice, extra, before)
      before = sealing
      return decided
    })
    const decisions = await Promise.all(taken)
    const conflicts = decisions.reduce((sum, each) => sum + each.conflicts, 0)
    if (conflicts > 0) raiseConflict(source.name, conflicts)
    return receiptOf(decisions.flatMap((each) => each.results))
  }

  function isShareFull({ name, journalShare }: SourceInfo): boolean {
    if (journalShare === undefined) return false
    const { boundBytes, passedFeed } = deps.room()
    return deps.shares.held(name, passedFeed) >= boundBytes * journalShare
  }

  function shareRefusal(source: SourceInfo): AuditError | undefined {
    if (!isShareFull(source)) return undefined
    const hint = 'the store or the ledger is behind: see /readyz; or raise limits.journalShare of this source'
    const message = `source ${source.name} holds its share of the journal`
    return new AuditError('busy', message, { retryAfterMs: SHARE_RETRY_MS, hint })
  }

  async function shed(
    source: SourceInfo,
    batch: readonly SourceRecord[],
    options: EmitOptions,
    why: ShedFor,
  ): Promise<Receipt> {
    const refusal = deps.refusal('count')
    if (refusal !== undefined) throw refusal
    return shedder.shed(source, batch, options, why)
  }

  /** Beside the acknowledgement, which says `conflict` itself: the rows are marked whatever becomes of the alarm. */
  function raiseConflict(source: string, count: number): void {
    const alarm = conflictAlarm(source, count, clock.now())
    trail(alarm).catch((error: unknown) => deps.log(`no alarm in the trail: ${alarm.message}: ${String(error)}`))
  }

  async function trail(event: AuditEvent): Promise<void> {
    const record = { bytes: Buffer.from(JSON.stringify(event)), format: TRAIL_FORMAT }
    await take(TRAIL_SOURCE, { records: [record], format: TRAIL_FORMAT }, {}).decided
  }

  return {
    emitFor:
      (source) =>
      (batch, options = {}) =>
        emit(source, batch, options),
    shedFor: (source) => (batch, options, why) => shed(source, batch, options, why),
    trail,
    async beat(when) {
      const received = receive()
      // There is always one that tells the totals, also when nothing comes for months.
      if (when !== 'stop') openFor(TRAIL_STREAM, received)
      for (const log of logs.ended(received)) {
        logs.closed(log)
        closeLog(log, received)
      }
      await shedder.tell(received, when === 'stop' ? 'at once' : 'due')
      const due = logs.open.filter((log) => isDue(log, when, received))
      await Promise.all(due.map((log) => beatIn(log, received)))
    },
    tell(stream, action, details) {
      const received = receive()
      return system(openFor(stream, received), received, action, () => Promise.resolve(details))
    },
    settled: () => turns.settled(),
  }
}

type HeaderExtra = Pick<PayloadHeader, 'cursor' | 'way' | 'replay' | 'idempotency'>

interface Decision {
  readonly results: readonly RecordResult[]
  readonly conflicts: number
}

interface Taken {
  readonly sealing: Promise<unknown>
  /** Resolves once the slice is durable. */
  readonly decided: Promise<Decision>
}

function openIn(logs: ReadonlyMap<string, OpenLog>, origin: string): OpenLog {
  const log = logs.get(origin)
  if (log === undefined) throw new RangeError(`an event was sealed for ${origin}, which its slice did not open`)
  return log
}

/** Absent where nothing was kept. */
function placeOf({ log, first, count }: DecidedPart): Pick<PayloadHeader, 'log' | 'first'> {
  return count > 0 ? { log, first } : {}
}

function sliceRules(source: SourceInfo, { revision }: RulesRevision, routed: readonly OpenLog[]): SliceRules {
  const { stream, kubernetesPolicy, accessAudit } = source
  return {
    revision,
    stream,
    ...(kubernetesPolicy !== undefined && { kubernetesPolicy }),
    ...(accessAudit !== undefined && { accessAudit }),
    ...(routed.length > 0 && { routes: new Map(routed.map((log) => [log.stream, log.origin])) }),
  }
}

function sliceOf(
  source: SourceInfo,
  log: OpenLog,
  received: number,
  { format, options, records }: Pick<RecordSlice, 'format' | 'options'> & Pick<Slice, 'records'>,
  way?: string,
): Slice {
  return {
    source: source.name,
    authenticated: source.authenticated,
    ...(source.cluster !== undefined && { cluster: source.cluster }),
    ...(source.timezone !== undefined && { timezone: source.timezone }),
    ...(source.recordBytes !== undefined && { recordBytes: source.recordBytes }),
    log: log.origin,
    received,
    format,
    ...(options !== undefined && { options }),
    ...(way !== undefined && { way }),
    records,
  }
}

function bytesOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

function queueFull(): AuditError {
  const hint = 'send again after the time in Retry-After; the machine seals more slowly than records arrive'
  return new AuditError('busy', 'more is waiting to be sealed than memory allows', { retryAfterMs: 1000, hint })
}
