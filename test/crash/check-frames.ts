import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Accounting } from '../../src/domain/accounting.ts'
import { addAccounting, imbalance, NOTHING } from '../../src/domain/accounting.ts'
import { eventsOf, leavesOf, parsePayload } from '../../src/ingest/payload.ts'
import type { Payload } from '../../src/ingest/payload.ts'
import type { Frame } from '../../src/journal/frame.ts'
import { FILE_NAME, openJournalFile } from '../../src/journal/journal-file.ts'
import { readFrames } from '../../src/journal/read.ts'
import { realFiles } from '../../src/lib/real-files.ts'

/** What the frames of a journal add up to, worked out apart from the server's own books. */
export interface Totals {
  /** Number of events: feed numbers 1 to this. */
  readonly feed: number
  readonly sources: ReadonlyMap<string, Accounting>
  /** Leaves of each log, in order of their index. */
  readonly leaves: ReadonlyMap<string, readonly Uint8Array[]>
  /** Heartbeats that were compared with the frames before them. */
  readonly heartbeats: number
}

/**
 * Reads all frames of a folder that no server holds. Throws where an account does not tie out, indexes have a gap, or a
 * heartbeat tells another sum than the frames before it.
 */
export async function checkFrames(data: string, install: string): Promise<Totals> {
  const sources = new Map<string, Accounting>()
  const leaves = new Map<string, Uint8Array[]>()
  const inLogs = new Map<string, Map<string, number>>()
  const closed = new Set<string>()
  let feed = 0
  let heartbeats = 0
  for await (const frame of framesOf(data, install)) {
    const payload = parsePayload(frame.payload, frame.events)
    const { header } = payload
    if (frame.firstFeed !== feed + 1) throw new Error(`frame ${frame.frame} begins with feed ${frame.firstFeed}`)
    if (header.system === 'heartbeat') {
      checkHeartbeat(frame, payload, { sources, leaves, inLogs, closed })
      heartbeats++
    }
    feed += frame.events
    enterLeaves(frame, payload, leaves)
    if (header.system === 'log.closed' && header.log !== undefined) closed.add(header.log)
    if (header.source === SYSTEM) continue
    checkAccount(frame, payload)
    sources.set(header.source, addAccounting(sources.get(header.source) ?? NOTHING, header.accounting))
    if (header.log === undefined) continue
    const own = inLogs.get(header.log) ?? new Map<string, number>()
    inLogs.set(header.log, own.set(header.source, (own.get(header.source) ?? 0) + frame.events))
  }
  return { feed, sources, leaves, heartbeats }
}

const SYSTEM = '_log'

interface Sums {
  readonly sources: ReadonlyMap<string, Accounting>
  readonly leaves: ReadonlyMap<string, readonly Uint8Array[]>
  readonly inLogs: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** Logs that take no more. */
  readonly closed: ReadonlySet<string>
}

async function* framesOf(data: string, install: string): AsyncGenerator<Frame> {
  const folder = join(data, 'journal')
  const names = (await realFiles.list(folder)).filter((name) => FILE_NAME.test(name))
  const list = await Promise.all(names.map((name) => openJournalFile(realFiles, join(folder, name), install)))
  const [first] = list
  if (first === undefined || first.firstFrame !== 1) throw new Error(`the journal does not begin with frame 1`)
  yield* readFrames(
    realFiles,
    () => list,
    first,
    () => true,
  )
}

function checkAccount(frame: Frame, { header: { accounting, source } }: Payload): void {
  if (imbalance(accounting) === 0 && accounting.events === frame.events) return
  throw new Error(`frame ${frame.frame} of ${source} does not tie out: ${JSON.stringify(accounting)}`)
}

function enterLeaves(frame: Frame, payload: Payload, leaves: Map<string, Uint8Array[]>): void {
  const { log, first } = payload.header
  if (log === undefined || first === undefined) return
  const own = leaves.get(log) ?? []
  if (first !== own.length)
    throw new Error(`frame ${frame.frame} begins at ${log}:${first}, after ${own.length} leaves`)
  // Copies: a frame is a view of what was read.
  own.push(...leavesOf(payload).map((leaf) => leaf.slice()))
  leaves.set(log, own)
}

/** A heartbeat tells of everything before it, no more and no less (docs/ledger.md, System leaves). */
function checkHeartbeat(frame: Frame, payload: Payload, sums: Sums): void {
  const { log = '' } = payload.header
  const [event] = eventsOf(payload, frame.firstFeed)
  // The server's own words; what differs is what we look for.
  const body = JSON.parse(event?.blocks[3] ?? '{}') as { ledger?: Heartbeat }
  const told: Heartbeat = body.ledger ?? {}
  same(frame, `events in ${log}`, told.sources, Object.fromEntries(sums.inLogs.get(log) ?? []))
  if (told.accounting === undefined) return
  same(frame, 'accounting', told.accounting, Object.fromEntries(sums.sources))
  const open = [...sums.leaves].filter(([origin]) => !sums.closed.has(origin))
  const sizes = open.map(([origin, own]) => [origin, own.length])
  // A log whose first leaf stands behind this one is empty yet.
  const begun = Object.entries(told.logs ?? {}).filter(([, size]) => size > 0)
  same(frame, 'sizes of logs', Object.fromEntries(begun), Object.fromEntries(sizes))
}

interface Heartbeat {
  readonly sources?: Readonly<Record<string, number>>
  readonly accounting?: Readonly<Record<string, Accounting>>
  readonly logs?: Readonly<Record<string, number>>
}

function same(frame: Frame, what: string, told: object | undefined, summed: object): void {
  if (isDeepStrictEqual(told, summed)) return
  const both = `${JSON.stringify(told)}, but the frames before it add up to ${JSON.stringify(summed)}`
  throw new Error(`the heartbeat in frame ${frame.frame} tells ${what} as ${both}`)
}
