import { AuditError } from '../domain/errors.ts'
import type { SealedEvent } from '../domain/sealed.ts'
import type { Feed } from '../journal/feed.ts'
import type { Frame } from '../journal/frame.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { Inserts, LogPosition } from '../store/insert.ts'
import { eventsOf, parsePayload } from './payload.ts'
import type { SealWorkers } from './workers.ts'

/**
 * Brings the store up to the journal: whole frames of one log an insert, as many as are there (docs/architecture.md,
 * Store).
 */
export interface StoreFollower {
  /** Works until `signal` aborts; waits for the engine as long as it takes. */
  run(signal: AbortSignal): Promise<void>
  /** Highest feed number up to which every log's rows are searchable; 0 for none. */
  readonly asOf: number
  /** Calls back whenever `asOf` has grown. */
  onSearchable(call: () => void): { cancel(): void }
}

export interface StoreFollowerDeps {
  readonly feed: Feed
  /** Everything up to this feed number is in the store, whatever it says: the journal has let go of it. */
  readonly trimmedFeed: number
  /** Where to go on, given what the store has of each log. */
  readonly resume: (stored: ReadonlyMap<string, LogPosition>) => number
  readonly inserts: Inserts
  readonly rows: SealWorkers['rows']
  readonly clock: Clock
  readonly onRefused: (event: SealedEvent, reason: string) => void
  /** The store lacks events of a log, and the journal does not hold them any more. */
  readonly onMissing: (log: string, events: number) => void
  readonly log: (message: string) => void
  /** Rows that are taken from the journal at once, at most. Default 10,000. */
  readonly batchRows?: number
}

const BATCH_ROWS = 10_000
const BATCH_BYTES = 16 * 1024 * 1024
/** Rows that a seal thread encodes in one go: few, and one piece at a time, so that no acknowledgement waits for them. */
const PIECE_ROWS = 400
/**
 * An insert costs the engine 13 ms whatever its size, and small parts are merged again and again: while much comes, few
 * large ones; while little comes, soon.
 */
const SPACING_MS = 250
const BUSY_SPACING_MS = 900
const BUSY_ROWS = 1000
const RETRY_MS = 10_000

export function createStoreFollower(deps: StoreFollowerDeps): StoreFollower {
  const gathered = gather(deps.batchRows ?? BATCH_ROWS)
  const listeners = new Set<() => void>()
  let asOf = deps.trimmedFeed

  function advance(feed: number): void {
    if (feed <= asOf) return
    asOf = feed
    for (const call of listeners) call()
  }

  async function collect(fromFeed: number, signal: AbortSignal): Promise<void> {
    for await (const frame of deps.feed.follow(fromFeed, signal)) await gathered.add(frame)
  }

  async function insertAll(positions: Map<string, LogPosition>, signal: AbortSignal): Promise<void> {
    for (const [log, { rows, next }] of positions) if (rows < next) deps.onMissing(log, next - rows)
    while (!signal.aborted) {
      const { frames, areMore } = await gathered.take()
      const began = deps.clock.now()
      for (const [log, own] of byLog(frames)) await insertPatiently(log, own, positions, signal)
      const last = frames.at(-1)
      if (last !== undefined) advance(last.firstFeed + last.events - 1)
      const spacing = rowsOf(frames) < BUSY_ROWS ? SPACING_MS : BUSY_SPACING_MS
      if (!areMore) await pause(deps.clock, Math.max(0, began + spacing - deps.clock.now()), signal)
    }
  }

  /** What keeps rows out may be put right while we run (a right that was taken, a table that is gone): intake goes on. */
  async function insertPatiently(
    log: string,
    frames: readonly PlacedFrame[],
    positions: Map<string, LogPosition>,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      try {
        await insertLog(log, frames, positions, signal)
        return
      } catch (error) {
        if (signal.aborted || !isPassing(error)) throw error
        deps.log(`the store is not brought up to date; next try in ${RETRY_MS / 1000} s: ${error.message}`)
      }
      await pause(deps.clock, RETRY_MS, signal)
      signal.throwIfAborted()
      // Halves of a batch may be in.
      for (const [name, position] of await deps.inserts.positions(signal)) positions.set(name, position)
    }
  }

  async function insertLog(
    log: string,
    frames: readonly PlacedFrame[],
    positions: Map<string, LogPosition>,
    signal: AbortSignal,
  ): Promise<void> {
    const { next: from, rows } = positions.get(log) ?? { next: 0, rows: 0 }
    const fresh = frames.filter(({ first, frame }) => first + frame.events > from)
    const [start, end] = [fresh[0], fresh.at(-1)]
    if (start === undefined || end === undefined) return
    if (start.first > from) deps.onMissing(log, start.first - from)
    const blocks: Uint8Array[] = []
    for (const piece of piecesOf(fresh)) {
      blocks.push(
        await deps.rows(
          piece.map(({ frame }) => frame),
          from,
        ),
      )
    }
    const first = Math.max(start.first, from)
    const next = end.first + end.frame.events
    await deps.inserts.insert(
      {
        log,
        first,
        last: next - 1,
        blocks,
        events: async () => eventsFrom(fresh, from),
        onRefused: deps.onRefused,
      },
      signal,
    )
    positions.set(log, { next, rows: rows + next - first, feed: end.frame.firstFeed + end.frame.events - 1 })
  }

  return {
    async run(signal) {
      signal.addEventListener('abort', () => gathered.stop(), { once: true })
      const positions = new Map(await deps.inserts.positions(signal))
      const fromFeed = deps.resume(positions)
      advance(fromFeed - 1)
      await Promise.all([collect(fromFeed, signal), insertAll(positions, signal)])
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

/** Refused rows, a thread that ended, rows that could not be made: nothing that a restart of the server would mend. */
function isPassing(error: unknown): error is AuditError {
  return error instanceof AuditError && ['engine_failed', 'busy', 'internal'].includes(error.code)
}

interface PlacedFrame {
  readonly first: number
  readonly frame: Frame
}

/** Holds frames between feed and inserts: bounded, so a slow engine leaves them on disk. */
function gather(batchRows: number) {
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
    async take(): Promise<{ readonly frames: readonly Frame[]; readonly areMore: boolean }> {
      if (held.length === 0 && !stopped) await new Promise<void>((resolve) => (wake = resolve))
      const count = batchLength(held, batchRows)
      const frames = held.slice(0, count)
      held = held.slice(count)
      bytes -= frames.reduce((sum, frame) => sum + frame.payload.length, 0)
      drained()
      return { frames, areMore: held.length > 0 }
    },
    stop(): void {
      stopped = true
      wake()
      drained()
    },
  }
}

function batchLength(frames: readonly Frame[], batchRows: number): number {
  let rows = 0
  let bytes = 0
  for (const [n, frame] of frames.entries()) {
    rows += frame.events
    bytes += frame.payload.length
    if (n > 0 && (rows > batchRows || bytes > BATCH_BYTES)) return n
  }
  return frames.length
}

function rowsOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + frame.events, 0)
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
