import type { Visibility } from '../query/visibility.ts'
import type { LogLeaf, LogMatches, Reads, Run } from '../store/reads.ts'

/** Leaves from..to of a log, end exclusive. */
export interface LeafRange {
  readonly from: number
  readonly to: number
}

/** What a pack takes from one log. */
export interface PackedLog {
  readonly origin: string
  readonly ranges: readonly LeafRange[]
  /** Events in it that match. */
  readonly events: number
}

/**
 * A stretch of each log that has a match, and of the trail's, whose heartbeats hold the accounts: from the last
 * heartbeat before the range to the first one after it, by the time of receiving, and as far as matches go. So what is
 * counted between two heartbeats is there in full.
 */
export async function wholeRanges(
  reads: Pick<Reads, 'ownLeaves'>,
  run: Run,
  found: readonly LogMatches[],
  logs: readonly { readonly origin: string; readonly stream: string; readonly size: number }[],
  visibility: Visibility,
  signal: AbortSignal,
): Promise<readonly PackedLog[]> {
  const packed: PackedLog[] = []
  for (const { origin, stream, size } of logs) {
    const match = found.find(({ log }) => log === origin)
    if (match === undefined && stream !== TRAIL_STREAM) continue
    const own = await reads.ownLeaves(origin, visibility, signal)
    if (match === undefined && !touches(own, run)) continue
    packed.push({ origin, ranges: [rangeIn(own, run, match, size)], events: match?.events ?? 0 })
  }
  return packed
}

const TRAIL_STREAM = 'whodid'

/** A log without a match is only taken where something was received in it within the range. */
function touches(own: readonly LogLeaf[], { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY }: Run): boolean {
  const [first, last] = [own[0], own.at(-1)]
  return first !== undefined && last !== undefined && first.receivedMs < untilMs && last.receivedMs >= sinceMs
}

function rangeIn(own: readonly LogLeaf[], run: Run, match: LogMatches | undefined, size: number): LeafRange {
  const { sinceMs, untilMs } = run
  const lowest = match?.first ?? Number.POSITIVE_INFINITY
  const before = own.findLast(
    ({ action, receivedMs, index }) =>
      isEdge(action) && sinceMs !== undefined && receivedMs < sinceMs && index <= lowest,
  )
  const highest = match?.last ?? -1
  const after = own.find(
    ({ action, receivedMs, index }) =>
      isEdge(action) && untilMs !== undefined && receivedMs >= untilMs && index >= highest && index < size,
  )
  return { from: before?.index ?? 0, to: after === undefined ? size : after.index + 1 }
}

function isEdge(action: string): boolean {
  return action === 'heartbeat' || action === 'log.closed'
}

/**
 * The same logs with the leaves that record erasures, each alone where it lies outside of what is taken: also of logs
 * that have nothing else in the pack.
 */
export function withRecords(
  logs: readonly PackedLog[],
  records: readonly { readonly log: string; readonly index: number }[],
): readonly PackedLog[] {
  const all = new Map(logs.map((log) => [log.origin, log]))
  for (const { log, index } of records) {
    const { ranges, events } = all.get(log) ?? { ranges: [], events: 0 }
    all.set(log, { origin: log, ranges: joined([...ranges, { from: index, to: index + 1 }]), events })
  }
  return [...all.values()]
}

/** In order, and those that touch as one. */
function joined(ranges: readonly LeafRange[]): readonly LeafRange[] {
  const made: { from: number; to: number }[] = []
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = made.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else made.push({ from, to })
  }
  return made
}

/** Runs of neighbours among leaves that stand alone. */
export function runsOf(indexes: readonly number[]): readonly LeafRange[] {
  const runs: { from: number; to: number }[] = []
  for (const index of indexes) {
    const last = runs.at(-1)
    if (last?.to === index) last.to += 1
    else runs.push({ from: index, to: index + 1 })
  }
  return runs
}
