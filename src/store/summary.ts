import type { Bucket } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { State } from '../domain/event.ts'
import type { Visibility } from '../query/visibility.ts'
import { bucketEdges } from './buckets.ts'
import { clamped, runCondition } from './condition.ts'
import type { Condition } from './condition.ts'
import type { Connection } from './connection.ts'
import { countFacets } from './facets.ts'
import type { Newest } from './facets.ts'
import type { SummaryAnswer, SummaryRequest } from './reads.ts'
import { sees } from './veil.ts'

/** Total, states over time and facets of a run. */
export async function summarize(
  connection: Connection,
  request: SummaryRequest,
  visibility: Visibility,
  signal: AbortSignal | undefined,
): Promise<SummaryAnswer> {
  const condition = runCondition(request, visibility)
  const range = await rangeOf(connection, request, condition, signal)
  const edges = edgesOf(range, request)
  const times = await countStates(connection, condition, edges, visibility, signal)
  const histogram = edges.slice(0, -1).map((edge, at): Bucket => {
    const from = Math.max(edge, range.sinceMs)
    const to = Math.min(edges[at + 1] ?? range.untilMs, range.untilMs)
    return { from: written(from), to: written(to), counts: times.byEdge.get(edge) ?? NONE }
  })
  const counts = histogram.reduce((sum, bucket) => added(sum, bucket.counts), NONE)
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const facets = await countFacets(
    connection,
    { condition, matches: total, wanted: request.facets, ...newestOf(histogram, total) },
    visibility,
    signal,
  )
  return {
    total,
    counts,
    histogram,
    facets: facets.facets,
    since: written(range.sinceMs),
    until: written(range.untilMs),
    rowsRead: range.rowsRead + times.rowsRead + facets.rowsRead,
  }
}

/** Above it, facets with many values are counted over the newest events: in about the same time however many there are. */
const ALL_COUNTED = 200_000
const NEWEST_COUNTED = 100_000

function newestOf(histogram: readonly Bucket[], total: number): { readonly newest?: Newest } {
  if (total <= ALL_COUNTED) return {}
  let events = 0
  for (const { from, counts } of histogram.toReversed()) {
    events += Object.values(counts).reduce((sum, count) => sum + count, 0)
    if (events >= NEWEST_COUNTED) return { newest: { events, sinceMs: Date.parse(from) } }
  }
  return {}
}

interface Range {
  readonly sinceMs: number
  readonly untilMs: number
  readonly rowsRead: number
}

/** The range asked for; where an end is open, what the matching events span. */
async function rangeOf(
  connection: Connection,
  request: SummaryRequest,
  { sql, values }: Condition,
  signal: AbortSignal | undefined,
): Promise<Range> {
  const sinceMs = request.sinceMs === undefined ? undefined : heldMs(request.sinceMs)
  const untilMs = request.untilMs === undefined ? undefined : heldMs(request.untilMs)
  if (sinceMs !== undefined && untilMs !== undefined)
    return { sinceMs, untilMs: Math.max(untilMs, sinceMs), rowsRead: 0 }
  const select = `SELECT toUnixTimestamp64Milli(min(t)) AS first_ms, toUnixTimestamp64Milli(max(t)) AS last_ms, count() AS matches
    FROM ${connection.database}.events WHERE ${sql}`
  type Span = { first_ms: number; last_ms: number; matches: number }
  const { rows, rowsRead } = await connection.select<Span>(select, values, signal)
  const [span] = rows
  const empty = span === undefined || span.matches === 0
  const since = sinceMs ?? (empty ? (untilMs ?? 0) : span.first_ms)
  const until = untilMs ?? (empty ? since : span.last_ms + 1)
  return { sinceMs: since, untilMs: Math.max(until, since), rowsRead }
}

/** Thousands of years in which nothing can be would be thousands of buckets. */
function heldMs(ms: number): number {
  return clamped(ms * 1000) / 1000
}

function edgesOf(range: Range, { zone = 'UTC', bucket }: SummaryRequest): readonly number[] {
  if (range.sinceMs === range.untilMs) return []
  try {
    return bucketEdges(range.sinceMs, range.untilMs, zone, bucket)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    const hint = 'give a zone of the IANA data base, as Europe/Stockholm'
    throw new AuditError('bad_request', 'the zone is not known', { hint, cause })
  }
}

type Counts = Readonly<Record<State, number>>

const NONE: Counts = { denied: 0, failed: 0, staged: 0, success: 0, unknown: 0 }

async function countStates(
  connection: Connection,
  { sql, values }: Condition,
  edges: readonly number[],
  visibility: Visibility,
  signal: AbortSignal | undefined,
): Promise<{ readonly byEdge: ReadonlyMap<number, Counts>; readonly rowsRead: number }> {
  if (edges.length === 0) return { byEdge: new Map(), rowsRead: 0 }
  const edge = 'roundDown(intDiv(toUnixTimestamp64Micro(t), 1000000), {edges:Array(Int64)})'
  const select = `SELECT ${edge} AS edge, ${stateColumn(visibility)} AS seen_state, count() AS events
    FROM ${connection.database}.events WHERE ${sql} GROUP BY edge, seen_state`
  const seconds = { ...values, edges: edges.map((each) => each / 1000) }
  type Cell = { edge: number; seen_state: State; events: number }
  const { rows, rowsRead } = await connection.select<Cell>(select, seconds, signal)
  const byEdge = new Map<number, Counts>()
  for (const row of rows) {
    const at = row.edge * 1000
    byEdge.set(at, { ...(byEdge.get(at) ?? NONE), [row.seen_state]: row.events })
  }
  return { byEdge, rowsRead }
}

const STATE_PATHS = ['event.type', 'audit.authz.decision', 'event.outcome']

/** `stateOf` of domain/event.ts, of what this reader may see. */
function stateColumn(visibility: Visibility): string {
  if (STATE_PATHS.every((path) => sees(visibility, path))) return 'state'
  const cases: string[] = []
  if (sees(visibility, 'event.type')) cases.push(`has(type, 'denied'), 'denied'`)
  if (sees(visibility, 'audit.authz.decision')) cases.push(`decision = 'staged', 'staged'`)
  if (sees(visibility, 'event.outcome')) {
    cases.push(`outcome = 'failure', 'failed'`, `outcome = 'success', 'success'`)
  }
  return cases.length === 0 ? `'unknown'` : `multiIf(${cases.join(', ')}, 'unknown')`
}

function added(a: Counts, b: Counts): Counts {
  return {
    denied: a.denied + b.denied,
    failed: a.failed + b.failed,
    staged: a.staged + b.staged,
    success: a.success + b.success,
    unknown: a.unknown + b.unknown,
  }
}

function written(ms: number): string {
  return new Date(ms).toISOString()
}
