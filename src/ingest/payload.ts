import { Buffer } from 'node:buffer'
import type { Accounting } from '../domain/accounting.ts'
import { AuditError } from '../domain/errors.ts'
import type { Blocks, SealedEvent } from '../domain/sealed.ts'
import type { RejectReason } from '../domain/verdict.ts'
import type { RecordOrigin } from '../sources/source.ts'
import type { SystemAction } from './system-leaves.ts'

/**
 * What a journal frame holds: the batch of one source for one log (docs/ledger.md, Journal files; why in
 * docs/decisions/frame-payload.md). Little endian:
 *
 *   u32 bytes of header | header, JSON | per event one table row | per event 16 bytes of content hash | leaves and blocks | rejected records
 *
 * A table row is u32 bytes of the leaf, i32 bytes of each block (-1: absent), f64 actor key id, f64 target key id, u32 flags.
 */
export interface PayloadHeader {
  readonly source: string
  /** Milliseconds since 1970 at which the batch was received: `r` of its leaves. */
  readonly received: number
  /** Absent where nothing was kept. */
  readonly log?: string
  /** Index of the first event in the log. */
  readonly first?: number
  readonly cursor?: string
  /** Which way it came, where several lead into the source: whose account and whose cursor this is. */
  readonly way?: string
  readonly accounting: Accounting
  /** Of records that their source numbers: the highest number of each epoch, whatever became of its record. */
  readonly numbers?: readonly EpochNumber[]
  /** Keyed hash of an HTTP client's Idempotency-Key, and the SHA-256 of what came with it. */
  readonly idempotency?: { readonly key: string; readonly content: string }
  /** Its records were rejected once, and were fed again. */
  readonly replay?: true
  /** What could not become events: their bytes stand at the end of the payload, in this order. */
  readonly rejected?: RejectedHeader
  /** Of the ledger's own leaves: which one. */
  readonly system?: SystemAction
}

/** What rejected records of a frame have in common, and each of them. */
export interface RejectedHeader {
  readonly format: string
  readonly options?: Readonly<Record<string, unknown>>
  readonly origin?: RecordOrigin
  readonly records: readonly RejectedNote[]
}

export interface RejectedNote {
  /** That many of its bytes are kept. */
  readonly bytes: number
  /** How many it had, where that is more. */
  readonly whole?: number
  readonly reason: RejectReason
  readonly message: string
  readonly path?: string
  readonly naturalId?: string
  readonly fallbackId?: string
  readonly sequence?: { readonly epoch: number; readonly n: number }
  readonly collectedMs?: number
}

export type EpochNumber = readonly [epoch: number, n: number]

/** Events as the seal workers make them: one flat table, one arena. Cheap to hand between threads, cheap to write. */
export interface SealedTable {
  readonly count: number
  readonly table: Uint8Array
  readonly contents: Uint8Array
  readonly arena: Uint8Array
}

export interface Payload extends SealedTable {
  readonly header: PayloadHeader
  /** Bytes of the rejected records, one behind the other. */
  readonly rejected: Uint8Array
}

export const ROW_BYTES = 44
export const CONTENT_BYTES = 16
export const FLAG_CONFLICT = 1
/** The id was made from a name that the source gives: the event can come again. */
export const FLAG_NATURAL = 2
const FLAGS_AT = 40
const ACTOR_KEY_AT = 24
const TARGET_KEY_AT = 32
const BLOCKS = 5

export interface TableRow {
  readonly leafBytes: number
  /** -1 where absent. */
  readonly blockBytes: readonly number[]
  readonly actorKey: number
  readonly targetKey: number
  readonly flags: number
}

export function writeRow(table: Buffer, at: number, row: TableRow): void {
  table.writeUInt32LE(row.leafBytes, at)
  for (let block = 0; block < BLOCKS; block++) table.writeInt32LE(row.blockBytes[block] ?? -1, at + 4 + block * 4)
  table.writeDoubleLE(row.actorKey, at + ACTOR_KEY_AT)
  table.writeDoubleLE(row.targetKey, at + TARGET_KEY_AT)
  table.writeUInt32LE(row.flags, at + FLAGS_AT)
}

export function flagsOf(table: Buffer, row: number): number {
  return table.readUInt32LE(row * ROW_BYTES + FLAGS_AT)
}

export function setFlag(table: Buffer, row: number, flag: number): void {
  table.writeUInt32LE(flagsOf(table, row) | flag, row * ROW_BYTES + FLAGS_AT)
}

export function leafBytesOf(table: Buffer, row: number): number {
  return table.readUInt32LE(row * ROW_BYTES)
}

/** Bytes of an event in the arena: its leaf and its blocks. */
export function arenaBytesOf(table: Buffer, row: number): number {
  let bytes = leafBytesOf(table, row)
  for (let block = 0; block < BLOCKS; block++) bytes += Math.max(0, blockBytesOf(table, row, block))
  return bytes
}

/**
 * The parts of a frame's payload, in order, without copying the events.
 *
 * @param rejected The bytes that `header.rejected` tells of.
 */
export function payloadParts(
  header: PayloadHeader,
  events: readonly SealedTable[],
  rejected: readonly Uint8Array[] = [],
): Uint8Array[] {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  const used = events.filter((each) => each.count > 0)
  return [
    length,
    json,
    ...used.map((each) => each.table),
    ...used.map((each) => each.contents),
    ...used.map((each) => each.arena),
    ...rejected,
  ]
}

/** Takes a payload apart again, as views of its bytes. Throws `damaged`: the frame's checksum was right, so we wrote it wrong. */
export function parsePayload(bytes: Uint8Array, events: number): Payload {
  const buffer = viewOf(bytes)
  const headerEnd = 4 + buffer.readUInt32LE(0)
  const tableEnd = headerEnd + events * ROW_BYTES
  const contentsEnd = tableEnd + events * CONTENT_BYTES
  if (contentsEnd > buffer.length) throw new AuditError('damaged', 'a journal frame is shorter than its table')
  // The journal's checksum covers it and payloadParts wrote it.
  const header = JSON.parse(buffer.toString('utf8', 4, headerEnd)) as PayloadHeader
  const arenaEnd = buffer.length - (header.rejected?.records ?? []).reduce((sum, note) => sum + note.bytes, 0)
  if (contentsEnd > arenaEnd) throw new AuditError('damaged', 'a journal frame is shorter than its rejected records')
  return {
    header,
    count: events,
    table: buffer.subarray(headerEnd, tableEnd),
    contents: buffer.subarray(tableEnd, contentsEnd),
    arena: buffer.subarray(contentsEnd, arenaEnd),
    rejected: buffer.subarray(arenaEnd),
  }
}

/** The leaf lines of a payload, as bytes. */
export function leavesOf(payload: Payload): Uint8Array[] {
  const table = viewOf(payload.table)
  const leaves: Uint8Array[] = []
  for (let row = 0, at = 0; row < payload.count; row++) {
    leaves.push(payload.arena.subarray(at, at + leafBytesOf(table, row)))
    at += arenaBytesOf(table, row)
  }
  return leaves
}

/** The events of a payload whose first one has that feed number. */
export function eventsOf(payload: Payload, firstFeed: number): SealedEvent[] {
  const { log, first = 0 } = payload.header
  if (log === undefined) return []
  const table = viewOf(payload.table)
  const arena = viewOf(payload.arena)
  const events: SealedEvent[] = []
  for (let row = 0, at = 0; row < payload.count; row++) {
    const leafEnd = at + leafBytesOf(table, row)
    const { blocks, end } = blocksAt(arena, table, row, leafEnd)
    events.push({
      feed: firstFeed + row,
      log,
      index: first + row,
      leaf: arena.toString('utf8', at, leafEnd),
      blocks,
      actorKey: table.readDoubleLE(row * ROW_BYTES + ACTOR_KEY_AT),
      targetKey: table.readDoubleLE(row * ROW_BYTES + TARGET_KEY_AT),
      conflict: (flagsOf(table, row) & FLAG_CONFLICT) !== 0,
    })
    at = end
  }
  return events
}

/** The 22 characters of the id stand at the same place before the end of every leaf: `"id":"…","c":"…43…"}`. */
export function idOfLeaf(leaf: Uint8Array): string {
  const end = leaf.length - '","c":"'.length - 43 - '"}'.length
  return viewOf(leaf).toString('latin1', end - 22, end)
}

export function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function blockBytesOf(table: Buffer, row: number, block: number): number {
  return table.readInt32LE(row * ROW_BYTES + 4 + block * 4)
}

function blocksAt(arena: Buffer, table: Buffer, row: number, from: number): { blocks: Blocks; end: number } {
  let at = from
  const next = (block: number): string | undefined => {
    const bytes = blockBytesOf(table, row, block)
    if (bytes < 0) return undefined
    at += bytes
    return arena.toString('utf8', at - bytes, at)
  }
  return { blocks: [next(0), next(1), next(2), next(3), next(4)], end: at }
}
