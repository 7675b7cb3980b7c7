import { blockHash, blockSalt } from '../../verify/blocks.ts'
import { erasureRoot } from '../../verify/erasure.ts'
import { parseLeaf } from '../../verify/leaf.ts'
import { AuditError } from '../domain/errors.ts'
import type { AuditEvent } from '../domain/event.ts'
import { BLOCK_NAMES, type BlockName, type ErasedPart, type SealedEvent } from '../domain/sealed.ts'
import { formatMillis } from '../domain/time.ts'
import type { Journal } from '../journal/journal.ts'
import { sha256 } from '../ledger/sha256.ts'
import type { SubjectKeys } from '../ledger/subject-keys.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { ApprovalRule, Approvals } from '../state/approvals.ts'
import type { CoveredRow, ErasedPerson, Erasure, Erasures, Tombstone } from '../state/erasures.ts'
import { type Erases, withoutBlocks } from '../store/erase.ts'
import { erasureEvent } from './erasure-events.ts'
import { createPersonMatcher, needlesOf } from './erasure-person.ts'
import { rowsAbout } from './erasure-rows.ts'
import { tombstonesOf } from './erasure-tombstones.ts'
import type { Writer } from './writer.ts'

export interface ErasureWorkDeps {
  readonly erasures: Erasures
  readonly approvals: Pick<Approvals, 'done'>
  readonly approvalRule: ApprovalRule
  readonly store: Erases
  readonly keys: Pick<SubjectKeys, 'find' | 'retire' | 'retired' | 'destroy'>
  readonly dedupeKey: Uint8Array
  /** Tells all who seal. */
  readonly forget: (tombstones: readonly Tombstone[]) => void
  readonly writer: Pick<Writer, 'tell' | 'trail' | 'settled'>
  readonly journal: Pick<Journal, 'nextFeed' | 'nextFrame' | 'oldestFrame' | 'newestFrame' | 'roll'>
  /** Everything before this feed number is where it belongs: in ledger, store and among rejected records. */
  readonly passedFeed: () => number
  readonly discardRejected: (texts: readonly string[]) => Promise<number>
  /** Packs and exports that were made so far. */
  readonly discardFiles: () => Promise<number>
  /** Why nothing may be taken from a log, if so. */
  readonly holdOn: (log: string) => string | undefined
  readonly clock: Clock
  readonly log: (message: string) => void
}

/** Does what was approved, one after the other, from wherever it was when the process ended. */
export interface ErasureWork {
  run(signal: AbortSignal): Promise<void>
  /** Something was approved. */
  wake(): void
}

const IDLE_MS = 30_000
const RETRY_MS = 5000
const LOOK_MS = 100
const TRAIL_STREAM = 'whodid'
/** Rows that one rewriting of the store's parts clears, at most. */
const ROWS_AT_ONCE = 20_000
const BYTES_AT_ONCE = 64 * 1024 * 1024
const ROUNDS = 5

export function createErasureWork(deps: ErasureWorkDeps): ErasureWork {
  const { erasures, store, keys, journal, clock } = deps
  let wake = (): void => undefined

  /** Each step is recorded when it is done, and may be done again: a crash in between repeats it. */
  async function go(erasure: Erasure, signal: AbortSignal): Promise<void> {
    const { id } = erasure
    switch (erasure.step) {
      case 'find':
        await findPerson(erasure, signal)
        return erasures.advance(id, { step: 'clear' })
      case 'clear':
        await clear(erasure, signal)
        return erasures.advance(id, { step: 'keys' })
      case 'keys':
        return destroyKeys(erasure)
      case 'copies': {
        const rejected = await deps.discardRejected(needlesOf(personOf(erasure)))
        const files = await deps.discardFiles()
        return erasures.advance(id, { step: 'record', counts: { ...erasure.counts, rejected, files } })
      }
      case 'record':
        await record(erasure, signal)
        return erasures.advance(id, { step: 'journal' })
      case 'journal':
        return leaveJournal(erasure)
      case 'done':
    }
  }

  async function caughtUp(signal: AbortSignal): Promise<void> {
    const end = journal.nextFeed
    while (deps.passedFeed() < end) {
      signal.throwIfAborted()
      await pause(clock, LOOK_MS, signal)
    }
  }

  /**
   * From here on the person's events are sealed with new keys, and what happened before is not taken any more. Until no
   * name leads to another identity: each round may find some that the last one let in.
   */
  async function findPerson(erasure: Erasure, signal: AbortSignal): Promise<void> {
    let person = personOf(erasure)
    await caughtUp(signal)
    for (let round = 0; round < ROUNDS; round++) {
      const found = await identities(person, signal)
      if (round > 0 && found.every((each) => person.identities.includes(each))) break
      person = { ...person, identities: [...new Set([...person.identities, ...found])] }
      erasures.learn(erasure.id, person)
      bury(erasure.id, person)
      keys.retire(person.identities, erasure.id)
      deps.forget(erasures.tombstones())
      await deps.writer.settled()
      // An event behind all that was sealed before: whoever has passed it has passed frames without events, too.
      await deps.writer.trail(erasureEvent(BY_ITSELF, erasure, { action: 'erasure-start' }, clock.now()))
      erasures.advance(erasure.id, { horizon: journal.nextFeed - 1, frame: journal.nextFrame })
      await caughtUp(signal)
    }
    // What was done meanwhile is covered, so it must not come back either.
    bury(erasure.id, person)
    deps.forget(erasures.tombstones())
  }

  function bury(id: string, person: ErasedPerson): void {
    erasures.bury(id, tombstonesOf(deps.dedupeKey, person, clock.now()))
  }

  async function identities(person: ErasedPerson, signal: AbortSignal): Promise<readonly string[]> {
    const matcher = createPersonMatcher(person)
    const found = new Set<string>()
    const named = { ...person, identities: [], mentions: false }
    for await (const rows of rowsAbout(store, named, [], 0, journal.nextFeed - 1, signal))
      for (const row of rows) for (const each of matcher.identitiesIn(row)) found.add(each)
    return [...found]
  }

  /** Again until nothing is left: what is cleared already is passed over. */
  async function clear(erasure: Erasure, signal: AbortSignal): Promise<void> {
    const person = personOf(erasure)
    const matcher = createPersonMatcher(person)
    const own = keys.retired(erasure.id)
    for (let left = Number.POSITIVE_INFINITY; left > 0;) {
      left = 0
      let batch: Clearing[] = []
      let bytes = 0
      for await (const rows of rowsAbout(store, person, own, 0, erasure.horizon ?? 0, signal)) {
        for (const event of rows) {
          const { blocks } = matcher.about(event, new Set(own))
          if (blocks.length === 0 || isOwnLeaf(event)) continue
          batch.push({ event, blocks })
          bytes += sizeOf(event)
        }
        if (batch.length < ROWS_AT_ONCE && bytes < BYTES_AT_ONCE) continue
        left += batch.length
        await clearRows(erasure, batch, signal)
        batch = []
        bytes = 0
      }
      left += batch.length
      await clearRows(erasure, batch, signal)
    }
    await store.settle(signal)
  }

  async function clearRows(erasure: Erasure, batch: readonly Clearing[], signal: AbortSignal): Promise<void> {
    if (batch.length === 0) return
    refuseHeld(batch.map(({ event }) => event.log))
    const made = batch.map((each) => cleared(erasure, each))
    // Before the first of them goes: what the record will commit to is known whatever happens.
    erasures.cover(
      erasure.id,
      batch.map(({ event: { log, index }, blocks }) => ({ log, index, blocks: bitsOf(blocks) })),
    )
    await store.clear(made, signal)
  }

  function refuseHeld(logs: readonly string[]): void {
    for (const log of new Set(logs)) {
      const reason = deps.holdOn(log)
      if (reason !== undefined) throw new AuditError('conflict', `${log} is under legal hold: ${reason}`)
    }
  }

  function cleared({ id, reference, decidedAt = 0 }: Erasure, { event, blocks }: Clearing): SealedEvent {
    const found = keys.find([event.actorKey, event.targetKey])
    const eventId = Buffer.from(parseLeaf(event.leaf).id, 'base64url')
    const kept = blocks.map((name) => {
      const b = BLOCK_NAMES.indexOf(name)
      const key = found.get(name === 'target' ? event.targetKey : event.actorKey)
      if (key === undefined)
        throw new AuditError('damaged', `the subject key of event ${event.index} in ${event.log} is missing`)
      const hash = blockHash(sha256, blockSalt(sha256, key, eventId, b), event.blocks[b] ?? '')
      return [name, Buffer.from(hash).toString('base64url')] as const
    })
    const part: ErasedPart = { id, at: formatMillis(decidedAt), request: reference, kept: Object.fromEntries(kept) }
    return { ...event, blocks: withoutBlocks(event, blocks), erased: [...(event.erased ?? []), part] }
  }

  function destroyKeys({ id, counts }: Erasure): void {
    const own = keys.retired(id)
    keys.destroy(own)
    const rows = erasures.covered(id)
    const blocks = rows.reduce((sum, each) => sum + namesOf(each.blocks).length, 0)
    erasures.advance(id, {
      step: 'copies',
      // Done a second time there are none.
      counts: { ...counts, keys: Math.max(own.length, counts['keys'] ?? 0), events: rows.length, blocks },
    })
  }

  /** Its journal file ends here: what follows is in another one, and all before it can go. */
  async function record(erasure: Erasure, signal: AbortSignal): Promise<void> {
    const { id, reference, basis, requestedBy, decidedBy, decidedAt = 0, requestedAt } = erasure
    await caughtUp(signal)
    const covered = erasures.covered(id).flatMap(linesOf)
    const root = Buffer.from(erasureRoot(sha256, covered)).toString('hex')
    journal.roll()
    const details = {
      erasure: id,
      root,
      count: covered.length,
      request: reference,
      basis,
      approvals: {
        rule: deps.approvalRule,
        requestedBy,
        requestedAt: formatMillis(requestedAt),
        approvedBy: decidedBy ?? '',
        approvedAt: formatMillis(decidedAt),
      },
    }
    // A crash behind `tell` and before `advance`: the leaf is there.
    const place = (await store.record(id, signal)) ?? (await deps.writer.tell(TRAIL_STREAM, 'subject.erased', details))
    erasures.advance(id, { root, record: place })
    erasures.forget(id)
    deps.approvals.done(id)
    const act = { action: 'erasure-finish', details: { root, count: covered.length, ...erasure.counts } } as const
    await deps.writer.trail(erasureEvent(BY_ITSELF, erasure, act, clock.now()))
    deps.log(`erasure ${id} (${reference}) is done: ${covered.length} blocks; the journal lets go of them by itself`)
  }

  /** Trimming is done by who trims: when the duplicate window has passed (docs/erasure.md, How it is done). */
  function leaveJournal({ id, frame = 0 }: Erasure): void {
    if (journal.oldestFrame >= frame) return erasures.advance(id, { step: 'done' })
    if (journal.newestFrame < frame) journal.roll()
  }

  async function goOn(erasure: Erasure, signal: AbortSignal): Promise<void> {
    const { id } = erasure
    try {
      await go(erasure, signal)
      if (erasure.waitsFor !== undefined) erasures.wait(id, undefined)
    } catch (error) {
      if (signal.aborted) return
      // Messages of the engine may quote values.
      const why = error instanceof AuditError ? error.message : 'the store did not do it'
      if (erasure.waitsFor !== why) deps.log(`erasure ${id} waits and is tried again: ${why}`)
      erasures.wait(id, why)
      await pause(clock, RETRY_MS, signal)
    }
  }

  return {
    wake: () => wake(),
    async run(signal) {
      while (!signal.aborted) {
        const open = erasures.list().filter(({ state, step }) => isOpen(state) && step !== 'done')
        const before = open.map(({ step }) => step).join()
        for (const each of open.toReversed()) if (!signal.aborted) await goOn(each, signal)
        const moved = erasures.list().filter(({ state, step }) => isOpen(state) && step !== 'done')
        if (moved.map(({ step }) => step).join() !== before) continue
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        const timer = clock.later(moved.length > 0 ? RETRY_MS : IDLE_MS, resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
        await promise
        timer.cancel()
      }
    },
  }
}

const BY_ITSELF = { id: 'whodid', about: { user: { kind: 'system', name: 'whodid' } } } satisfies {
  id: string
  about: Partial<AuditEvent>
}

interface Clearing {
  readonly event: SealedEvent
  readonly blocks: readonly BlockName[]
}

function isOpen(state: Erasure['state']): boolean {
  return state === 'approved' || state === 'done'
}

/** What the ledger says of itself stays: it names sources and people who approved. */
export function isOwnLeaf({ leaf }: Pick<SealedEvent, 'leaf'>): boolean {
  return parseLeaf(leaf).s === '_log'
}

function personOf({ id, person }: Erasure): ErasedPerson {
  if (person === undefined) throw new RangeError(`erasure ${id} is done`)
  return person
}

function sizeOf({ blocks }: SealedEvent): number {
  return blocks.reduce((sum, each) => sum + (each?.length ?? 0), 0)
}

function bitsOf(blocks: readonly BlockName[]): number {
  return blocks.reduce((bits, each) => bits | (1 << BLOCK_NAMES.indexOf(each)), 0)
}

function namesOf(bits: number): readonly BlockName[] {
  return BLOCK_NAMES.filter((_, b) => (bits & (1 << b)) !== 0)
}

/** The lines to which its record commits. */
export function linesOf({ log, index, blocks }: CoveredRow) {
  return namesOf(blocks).map((block) => ({ log, index, block }))
}
