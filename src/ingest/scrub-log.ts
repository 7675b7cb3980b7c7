import { TILE_WIDTH } from '../../verify/index.ts'
import type { LogInfo } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { Position } from '../domain/sealed.ts'
import { type Clock, pause } from '../lib/clock.ts'
import type { ScrubReads } from '../store/scrub-rows.ts'
import type { Compared, Difference, ScrubTask } from './scrub-compare.ts'

/** What a scrub reads, and with what it compares. */
export interface ScrubDeps {
  readonly ledger: {
    logs(): readonly LogInfo[]
    /** Leaves that a log has, signed or not. */
    size(log: string): number
    proof(log: string, index: number): Promise<{ checkpoint: string; hashes: readonly Uint8Array[] } | undefined>
    /** Leaves from..to of a log as one bundle, from its files. */
    entries(log: string, from: number, to: number): Promise<Uint8Array>
  }
  readonly rows: ScrubReads
  /** Subject keys by id; one that was destroyed is missing. */
  readonly keys: (ids: readonly number[]) => ReadonlyMap<number, Uint8Array>
  readonly compare: (task: ScrubTask) => Promise<Compared>
  /** Resolves once the store has all that the ledger has signed now. */
  readonly whenStored: (signal: AbortSignal) => Promise<void>
  /** Blocks of an event that an erasure of that id covers, as bits; 0: none, or there is no such erasure. */
  readonly covered: (id: string, at: Position) => number
  /** Whether the engine had refused the row of that place: it has no typed columns then. */
  readonly isRefused: (log: string, index: number) => boolean
  readonly clock: Clock
}

/** A difference with the log in which it is. */
export interface Found extends Difference {
  readonly log: string
}

/** What a stretch came to: everything in it was compared. */
export interface Stretch {
  readonly log: string
  readonly from: number
  /** Exclusive. */
  readonly to: number
  readonly found: readonly Found[]
  readonly readAgain: number
  readonly tookMs: number
}

/** Leaves compared at a time: four bundles, so that neither engine nor event loop is held up for long. */
const STRETCH = 4 * TILE_WIDTH
const AGAIN_MS = 2000

/**
 * Compares one log from a place on, stretch by stretch, with what the ledger has signed of it as it begins. What differs
 * is looked at a second time before it is told: rows are rewritten while the server runs. Ends early where the log goes.
 */
export async function* scrubLog(
  deps: ScrubDeps,
  log: string,
  range: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): AsyncGenerator<Stretch> {
  let feed = 0
  for (let from = range.from; from < range.to && !signal.aborted;) {
    const began = performance.now()
    const to = Math.min(range.to, (Math.floor(from / STRETCH) + 1) * STRETCH)
    let stretch = await compareStretch(deps, log, from, to, feed, signal)
    if (stretch.found.length > 0) {
      await pause(deps.clock, AGAIN_MS, signal)
      await deps.whenStored(signal)
      if (signal.aborted || !isThere(deps, log)) return
      stretch = await compareStretch(deps, log, from, to, feed, signal)
    }
    ;({ feed } = stretch)
    from = stretch.to
    yield { ...stretch, tookMs: performance.now() - began }
  }
}

/** Rows that stand where nothing is, or twice. Every leaf below `size` was compared before. */
export async function scrubExtra(
  deps: ScrubDeps,
  log: string,
  size: number,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const repeated = await deps.rows.repeated(log, size, signal)
  return repeated.map((index) => ({ log, index, kind: 'repeated', columns: [] }))
}

/** Rows behind the end of a log, and of logs that there are not. */
export async function scrubStrays(deps: ScrubDeps, signal: AbortSignal): Promise<readonly Found[]> {
  const stored = await deps.rows.logs(signal)
  // What was stored by then is in the ledger soon after.
  await pause(deps.clock, AGAIN_MS, signal)
  if (signal.aborted) return []
  return [...stored].flatMap(([log, { last }]) =>
    last < deps.ledger.size(log) ? [] : [{ log, index: last, kind: 'repeated' as const, columns: [] }],
  )
}

export function isThere({ ledger }: Pick<ScrubDeps, 'ledger'>, log: string): boolean {
  return ledger.logs().some(({ origin, state }) => origin === log && state !== 'pruned')
}

async function compareStretch(
  deps: ScrubDeps,
  log: string,
  from: number,
  wanted: number,
  feed: number,
  signal: AbortSignal,
): Promise<Omit<Stretch, 'tookMs'> & { readonly feed: number }> {
  const { lines, keys, to } = await deps.rows.rows({ log, from, to: wanted }, signal)
  const ledger = await readLedger(deps, log, from, to)
  if (ledger === undefined) {
    return { log, from, to, feed, readAgain: 0, found: [{ log, index: from, kind: 'differs', columns: ['entries'] }] }
  }
  const task = { log, from, to, feed, lines, keys: [...deps.keys(keys)], ...ledger }
  const compared = await deps.compare(task)
  const erased = compared.erasures
    .filter(({ id, index, blocks }) => !coversAll(deps.covered(id, { log, index }), blocks))
    .map(({ index }) => ({ index, kind: 'differs' as const, columns: ['erased'] }))
  const bare = compared.bare.filter((index) => !deps.isRefused(log, index))
  const empty = bare.map((index) => ({ index, kind: 'differs' as const, columns: ['every typed column'] }))
  const found = [...compared.differences, ...erased, ...empty].map((each) => ({ log, ...each }))
  return { log, from, to, feed: compared.feed, readAgain: compared.readAgain, found }
}

function coversAll(covered: number, blocks: number): boolean {
  return covered !== 0 && (blocks & ~covered) === 0
}

/** Undefined: its files are damaged. */
async function readLedger(
  { ledger }: ScrubDeps,
  log: string,
  from: number,
  to: number,
): Promise<Pick<ScrubTask, 'entries' | 'proofs'> | undefined> {
  try {
    const proofs: ScrubTask['proofs'][number][] = []
    for (let first = from; first < to; first = (Math.floor(first / TILE_WIDTH) + 1) * TILE_WIDTH) {
      const proof = await ledger.proof(log, first)
      if (proof !== undefined) proofs.push({ index: first, hashes: proof.hashes, note: proof.checkpoint })
    }
    return { entries: await ledger.entries(log, from, to), proofs }
  } catch (error) {
    if (error instanceof AuditError && error.code === 'damaged') return undefined
    throw error
  }
}
