import type { SealedEvent } from '../domain/sealed.ts'
import type { Feed } from '../journal/feed.ts'
import type { Frame } from '../journal/frame.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { Inserts, LogPosition } from '../store/store.ts'
import { eventsOf, parsePayload } from './payload.ts'
import type { SealWorkers } from './workers.ts'

/**
 * Brings the store up to the journal: whole frames of one log an insert, as many as are there (docs/architecture.md,
 * Store).
 */
export interface StoreFollower {
  /** Works until `signal` aborts; waits for the engine as long as it takes. */
  run(signal: AbortSignal): Promise<void>
  /** Highest feed number up to which every log's rows are searchable; -1 for none. */
  readonly asOf: number
  /** Calls back whenever `asOf` has grown. */
  onSearchable(call: () => void): { cancel(): void }
}

export interface StoreFollowerDeps {
  readonly feed: Feed
  readonly fromFeed: number
  readonly inserts: Inserts
  readonly rows: SealWorkers['rows']
  readonly clock: Clock
  readonly onRefused: (event: SealedEvent, reason: string) => void
}

const BATCH_ROWS = 10_000
const BATCH_BYTES = 16 * 1024 * 1024
/** Rows that one thread encodes in one go. */
const PIECE_ROWS = 2500
/** An insert costs the engine 13 ms whatever its size: few of them while little comes. */
const SPACING_MS = 300

export function createStoreFollower(deps: StoreFollowerDeps): StoreFollower {
  const gathered = gather()
  const listeners = new Set<() => void>()
  let asOf = deps.fromFeed - 1

  function advance(feed: number): void {
    if (feed <= asOf) return
    asOf = feed
    for (const call of listeners) call()
  }

  async function collect(signal: AbortSignal): Promise<void> {
    for await (const frame of deps.feed.follow(deps.fromFeed, signal)) await gathered.add(frame)
  }

  async function insertAll(signal: AbortSignal): Promise<void> {
    const positions = new Map(await deps.inserts.positions(signal))
    while (!signal.aborted) {
      const frames = await gathered.take()
      const began = deps.clock.now()
      for (const [log, own] of byLog(frames)) await insertLog(log, own, positions, signal)
      const last = frames.at(-1)
      if (last !== undefined) advance(last.firstFeed + last.events - 1)
      if (rowsOf(frames) < BATCH_ROWS)
        await pause(deps.clock, Math.max(0, began + SPACING_MS - deps.clock.now()), signal)
    }
  }

  async function insertLog(
    log: string,
    frames: readonly PlacedFrame[],
    positions: Map<string, LogPosition>,
    signal: AbortSignal,
  ): Promise<void> {
    const from = positions.get(log)?.next ?? 0
    const fresh = frames.filter(({ first, frame }) => first + frame.events > from)
    const [start, end] = [fresh[0], fresh.at(-1)]
    if (start === undefined || end === undefined) return
    const blocks = await Promise.all(
      piecesOf(fresh).map((piece) =>
        deps.rows(
          piece.map(({ frame }) => frame),
          from,
        ),
      ),
    )
    const next = end.first + end.frame.events
    await deps.inserts.insert(
      {
        log,
        first: Math.max(start.first, from),
        last: next - 1,
        blocks,
        events: async () => eventsFrom(fresh, from),
        onRefused: deps.onRefused,
      },
      signal,
    )
    positions.set(log, { next, feed: end.frame.firstFeed + end.frame.events - 1 })
  }

  return {
    async run(signal) {
      signal.addEventListener('abort', () => gathered.stop(), { once: true })
      await Promise.all([collect(signal), insertAll(signal)])
    },
    get asOf() {
      return asOf
    },
    onSearchable(call) {
      listeners.add(call)
      return { cancel: () => listeners.delete(call) }
    },
  }
}

interface PlacedFrame {
  readonly first: number
  readonly frame: Frame
}

/** Holds frames between feed and inserts: bounded, so a slow engine leaves them on disk. */
function gather() {
  let held: Frame[] = []
  let bytes = 0
  let stopped = false
  let wake = (): void => undefined
  let drained = (): void => undefined
  return {
    async add(frame: Frame): Promise<void> {
      held.push(frame)
      bytes += frame.payload.length
      wake()
      if (bytes > 2 * BATCH_BYTES && !stopped) await new Promise<void>((resolve) => (drained = resolve))
    },
    /** Frames of one batch, as soon as there is one; none after `stop`. */
    async take(): Promise<readonly Frame[]> {
      if (held.length === 0 && !stopped) await new Promise<void>((resolve) => (wake = resolve))
      const count = batchLength(held)
      const batch = held.slice(0, count)
      held = held.slice(count)
      bytes -= batch.reduce((sum, frame) => sum + frame.payload.length, 0)
      drained()
      return batch
    },
    stop(): void {
      stopped = true
      wake()
      drained()
    },
  }
}

function batchLength(frames: readonly Frame[]): number {
  let rows = 0
  let bytes = 0
  for (const [n, frame] of frames.entries()) {
    rows += frame.events
    bytes += frame.payload.length
    if (n > 0 && (rows > BATCH_ROWS || bytes > BATCH_BYTES)) return n
  }
  return frames.length
}

function byLog(frames: readonly Frame[]): Map<string, PlacedFrame[]> {
  const logs = new Map<string, PlacedFrame[]>()
  for (const frame of frames) {
    const { log, first } = parsePayload(frame.payload, frame.events).header
    if (log === undefined || first === undefined) continue
    const own = logs.get(log) ?? []
    own.push({ first, frame })
    logs.set(log, own)
  }
  return logs
}

function piecesOf(frames: readonly PlacedFrame[]): PlacedFrame[][] {
  const pieces: PlacedFrame[][] = []
  let rows = PIECE_ROWS
  for (const placed of frames) {
    if (rows + placed.frame.events > PIECE_ROWS) {
      pieces.push([])
      rows = 0
    }
    pieces.at(-1)?.push(placed)
    rows += placed.frame.events
  }
  return pieces
}

function eventsFrom(frames: readonly PlacedFrame[], from: number): SealedEvent[] {
  return frames
    .flatMap(({ frame }) => eventsOf(parsePayload(frame.payload, frame.events), frame.firstFeed))
    .filter((event) => event.index >= from)
}

function rowsOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + frame.events, 0)
}
