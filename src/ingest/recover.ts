import { AuditError } from '../domain/errors.ts'
import type { Frame } from '../journal/frame.ts'
import type { Journal } from '../journal/journal.ts'
import { type Books, SYSTEM_SOURCE } from './books.ts'
import type { DuplicateWindow } from './duplicates.ts'
import type { IdempotencyKeys } from './idempotency.ts'
import type { JournalShares } from './journal-shares.ts'
import type { Logs } from './logs.ts'
import {
  arenaBytesOf,
  CONTENT_BYTES,
  FLAG_NATURAL,
  flagsOf,
  idOfLeaf,
  leafBytesOf,
  type Payload,
  type PayloadHeader,
  parsePayload,
  viewOf,
} from './payload.ts'

/** Which indexes of which log a run of frames holds. There may be frames of other logs among them. */
export interface FramePlace {
  readonly log: string
  /** Index behind its last event. */
  readonly next: number
  /** Of its first frame. */
  readonly firstFeed: number
}

/** What the writer knows in memory, rebuilt from the frames that the journal still holds. */
export interface Recovered {
  readonly books: Books
  readonly logs: Logs
  readonly duplicates: DuplicateWindow
  readonly idempotency: IdempotencyKeys
  readonly shares: JournalShares
}

const WINDOW_MS = 600_000
const PLACE_EVENTS = 10_000

/**
 * Reads the journal once, oldest frame first. Books, logs and windows come out as they were when the last durable frame was
 * written: recovery enters each frame in the same way as the writer did. Tells where the frames are, so that ledger and store
 * need not read again what they have.
 */
export async function recover(
  journal: Pick<Journal, 'readFrom' | 'nextFrame'>,
  into: Recovered,
  now: number,
): Promise<readonly FramePlace[]> {
  refuseShortened(journal.nextFrame, into.books.nextFrame)
  const places = createPlaces()
  for await (const frame of journal.readFrom(0)) {
    const payload = parsePayload(frame.payload, frame.events)
    const { header } = payload
    into.books.enter(frame.frame, header, frame.events)
    if (header.source !== SYSTEM_SOURCE)
      into.shares.enter(header.source, frame.firstFeed + frame.events, frame.payload.length)
    if (header.log !== undefined && header.first !== undefined) {
      const next = header.first + frame.events
      into.logs.restore(header.log, next, header.system === 'log.closed', grownBy(header, frame.events))
      places.add({ log: header.log, next, firstFeed: frame.firstFeed })
    }
    if (header.received < now - WINDOW_MS) continue
    if (header.idempotency !== undefined) into.idempotency.restore(header.idempotency, header.received)
    addToWindow(into.duplicates, payload)
  }
  return places.list
}

/** One place for many frames: after a long outage there are millions of them. */
function createPlaces() {
  const list: FramePlace[] = []
  const newest = new Map<string, { readonly at: number; readonly firstFeed: number }>()
  return {
    list,
    add(place: FramePlace): void {
      const known = newest.get(place.log)
      if (known !== undefined && place.firstFeed - known.firstFeed < PLACE_EVENTS) {
        list[known.at] = { ...place, firstFeed: known.firstFeed }
        return
      }
      newest.set(place.log, { at: list.length, firstFeed: place.firstFeed })
      list.push(place)
    },
  }
}

/**
 * Feed number from which somebody must go on who has so many events of each log: everything before it they have.
 *
 * @param end where to go on when they have all.
 */
export function resumeFeed(places: readonly FramePlace[], has: (log: string) => number, end: number): number {
  return places.find(({ log, next }) => next > has(log))?.firstFeed ?? end
}

/**
 * For the journal's recovery: whether what was signed is all in these frames or in the ledger's files (docs/ledger.md,
 * Journal files).
 */
export async function holdsAllSigned(
  frames: AsyncIterable<Frame>,
  signed: readonly { readonly origin: string; readonly size: number }[],
  ledgerSize: (origin: string) => number,
): Promise<boolean> {
  const held = new Map<string, number>()
  for await (const frame of frames) {
    const { log, first } = parsePayload(frame.payload, frame.events).header
    if (log !== undefined && first !== undefined) held.set(log, first + frame.events)
  }
  return signed.every(({ origin, size }) => Math.max(held.get(origin) ?? 0, ledgerSize(origin)) >= size)
}

/** Books are saved only up to what is durable, so a journal that ends before them lost what was acknowledged. */
function refuseShortened(next: number, booked: number): void {
  if (next >= booked) return
  const hint = 'put the journal’s folder back: newer than this one, of the same data folder'
  throw new AuditError('damaged', `the journal ends before frame ${next}, but frame ${booked - 1} was acknowledged`, {
    hint,
  })
}

function grownBy({ system }: PayloadHeader, events: number): number | 'beaten' {
  if (system === undefined) return events
  return system === 'heartbeat' ? 'beaten' : 0
}

function addToWindow(duplicates: DuplicateWindow, { header, count, arena, contents, ...payload }: Payload): void {
  const { log, first } = header
  if (log === undefined || first === undefined) return
  const table = viewOf(payload.table)
  const id = Buffer.alloc(CONTENT_BYTES)
  for (let row = 0, at = 0; row < count; row++) {
    if ((flagsOf(table, row) & FLAG_NATURAL) !== 0) {
      id.write(idOfLeaf(arena.subarray(at, at + leafBytesOf(table, row))), 'base64url')
      const content = viewOf(contents.subarray(row * CONTENT_BYTES, (row + 1) * CONTENT_BYTES))
      duplicates.add(id, content, 0, { log, index: first + row }, header.received)
    }
    at += arenaBytesOf(table, row)
  }
}
