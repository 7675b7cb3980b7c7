import { onTestFinished } from 'vitest'
import type { Receipt } from '../src/domain/answers.ts'
import type { AuditEvent } from '../src/domain/event.ts'
import { configuredFormat } from '../src/formats/formats.ts'
import { createEventIds } from '../src/ingest/event-id.ts'
import { createLedgerFollower } from '../src/ingest/follow-ledger.ts'
import { createKeyDesk } from '../src/ingest/key-desk.ts'
import { type Payload, parsePayload } from '../src/ingest/payload.ts'
import { createRulesInForce, type RulesInForce, type RulesRevision } from '../src/ingest/rules-in-force.ts'
import { type SealedSlice, sealSlice, type Slice, TRAIL_FORMAT } from '../src/ingest/seal.ts'
import { trailFormat } from '../src/ingest/trail.ts'
import { createWriter, type SourceInfo, type Writer, type WriterDeps } from '../src/ingest/writer.ts'
import { createFeed } from '../src/journal/feed.ts'
import type { Clock } from '../src/lib/clock.ts'
import { realFiles } from '../src/lib/real-files.ts'
import type { EmitOptions, SourceRecord } from '../src/sources/source.ts'
import { Closers } from '../src/server/closers.ts'
import type { Config } from '../src/server/config.ts'
import { type Foundation, openFoundation } from '../src/server/foundation.ts'
import { manualClock } from './manual-clock.ts'

/** The write path as the server wires it, on a real disk, but sealed in this thread and without store and sources. */
export interface AWritePath extends Foundation {
  readonly writer: Writer
  /** What was told to be fatal. */
  readonly fatal: readonly unknown[]
  /** What was told to the operator. */
  readonly lines: readonly string[]
  send(records: readonly (object | string)[], options?: EmitOptions): Promise<Receipt>
  /** All frames that are durable, in order. */
  frames(): Promise<readonly (Payload & { readonly firstFeed: number })[]>
  close(): Promise<void>
}

export interface AWritePathOptions {
  readonly folder: string
  readonly clock?: Clock
  readonly streams?: Config['streams']
  readonly refusal?: WriterDeps['refusal']
  /** Bytes of the journal that may wait; of these all do. Default: as many as there are. */
  readonly boundBytes?: number
  /** Left out: only those that cannot be switched off. */
  readonly rules?: RulesInForce
  /** Stands between the writer and sealing. */
  readonly seal?: (slice: Slice, seal: (slice: Slice) => Promise<SealedSlice>) => Promise<SealedSlice>
}

export const API: SourceInfo = { name: 'api', stream: 'default', authenticated: true }

export async function aWritePath(options: AWritePathOptions): Promise<AWritePath> {
  const { folder, clock = manualClock(), streams = [], rules = createRulesInForce() } = options
  const closers = new Closers()
  onTestFinished(() => closers.close())
  const config: Config = {
    listen: '127.0.0.1:0',
    data: folder,
    install: 'acme',
    keys: `${folder}/keys`,
    ledger: { public: 'none' },
    store: {},
    sources: [],
    streams,
  }
  const foundation = await openFoundation(config, realFiles, clock, closers)
  const { journal, keys, ledger, memory } = foundation
  const ended = new AbortController()
  const follower = createLedgerFollower({ feed: createFeed(journal), fromFeed: journal.oldestFeed, ledger, clock })
  const following = follower.run(ended.signal)
  closers.push(() => {
    ended.abort()
    return following
  })
  const sealing = {
    ids: createEventIds(keys.dedupe),
    keysFor: createKeyDesk(keys.subjects),
    format: (name: string, given: unknown) => (name === TRAIL_FORMAT ? trailFormat : configuredFormat(name, given)),
  }
  const seal = (slice: Slice, by: RulesRevision): Promise<SealedSlice> =>
    sealSlice(slice, { ...sealing, rules: () => by.compiled })
  const fatal: unknown[] = []
  const lines: string[] = []
  const writer = createWriter({
    ...memory,
    journal,
    seal: (slice, by) => (options.seal === undefined ? seal(slice, by) : options.seal(slice, (each) => seal(each, by))),
    clock,
    refusal: options.refusal ?? (() => undefined),
    room: () => ({ boundBytes: options.boundBytes ?? Infinity, passedFeed: 0 }),
    checkpoint: (origin) => ledger.checkpoint(origin),
    finalCheckpoint: (origin, size) => follower.finalCheckpoint(origin, size),
    vkey: (origin) => keys.vkey(origin),
    rules,
    fatal: (error) => fatal.push(error),
    log: (line) => lines.push(line),
  })
  const emit = writer.emitFor(API)
  return {
    ...foundation,
    writer,
    fatal,
    lines,
    send: (records, sent) => emit(records.map(recordOf), sent),
    async frames() {
      const found: (Payload & { firstFeed: number })[] = []
      for await (const { payload, events, firstFeed } of journal.readFrom(0))
        found.push({ ...parsePayload(payload, events), firstFeed })
      return found
    },
    close: () => closers.close(),
  }
}

/** An ECS event with an id of its own. */
export function anEvent(id: string | number, more: Partial<AuditEvent> = {}): Partial<AuditEvent> {
  return { event: { id: `e-${id}`, action: 'read', outcome: 'success' }, user: { name: 'ada' }, ...more }
}

function recordOf(record: object | string): SourceRecord {
  return { bytes: Buffer.from(typeof record === 'string' ? record : JSON.stringify(record)), format: 'ecs' }
}
