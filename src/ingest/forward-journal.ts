import { hash } from 'node:crypto'
import type { Receipt } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { PARSE_LIMIT_BYTES } from '../formats/limits.ts'
import type { Journal } from '../journal/journal.ts'
import type { Clock } from '../lib/clock.ts'
import { type ForwardedFrame, type ForwardedRecord, frameParts, parseFrame } from '../sources/forward-batch.ts'
import type { Emit, SourceRecord } from '../sources/source.ts'
import type { SourceInfo } from './writer.ts'

/** What a forwarder has of its journal in memory, saved now and then, and made whole from the frames behind that at start. */
export interface ForwardSnapshot {
  /** The next frame whose cursor is not in here. */
  readonly frame: number
  readonly cursors: Readonly<Record<string, string>>
}

/** The newest cursor of each source, of durable frames alone. */
export class ForwardCursors {
  #frame: number
  readonly #cursors: Map<string, string>

  constructor(saved?: ForwardSnapshot) {
    this.#frame = saved?.frame ?? 0
    this.#cursors = new Map(Object.entries(saved?.cursors ?? {}))
  }

  /** Frames are entered in order; one that is known already is passed over. */
  enter(frame: number, { way, cursor }: FrameTag): void {
    if (frame < this.#frame) return
    this.#frame = frame + 1
    if (cursor !== undefined) this.#cursors.set(way, cursor)
  }

  cursor(way: string): string | undefined {
    return this.#cursors.get(way)
  }

  snapshot(): ForwardSnapshot {
    return { frame: this.#frame, cursors: Object.fromEntries(this.#cursors) }
  }
}

/** Stands before each frame in the journal, and is for the forwarder alone. */
interface FrameTag {
  /** Whose cursor it is. */
  readonly way: string
  readonly cursor?: string
}

export interface ForwardJournalDeps {
  readonly journal: Pick<Journal, 'append' | 'waitingBytes' | 'nextFeed'>
  readonly cursors: ForwardCursors
  readonly clock: Clock
  /** Why nothing can be taken now, if so. */
  readonly refusal: () => AuditError | undefined
}

const WAITING_BYTES = 64 << 20

/**
 * The way in for a forwarder's source: records go into the journal as they are. A batch is one frame, so it is there whole
 * or not at all, with the cursor that stands for it.
 */
export function forwardEmit(source: SourceInfo, deps: ForwardJournalDeps): Emit {
  const { journal, clock, cursors } = deps
  return async (batch, options = {}) => {
    const refusal = deps.refusal() ?? (journal.waitingBytes > WAITING_BYTES ? slowDisk() : undefined)
    if (refusal !== undefined) throw refusal
    const tag = { way: source.way ?? source.name, ...(options.cursor !== undefined && { cursor: options.cursor }) }
    const records = batch.map((record, n) => forwardedOf(record, source, options.idempotencyKey, n))
    const first = journal.nextFeed
    const parts = [...tagParts(tag), ...frameParts(frameOf(source, clock.now(), records))]
    const { frame, durable } = journal.append(parts, records.length)
    await durable
    // A crash before this line loses nothing: the cursor is in the frame.
    cursors.enter(frame, tag)
    return receiptOf(records.length, first)
  }
}

/** The tag of a payload. Throws `damaged`: the frame's checksum was right, so we wrote it wrong. */
export function tagOf(payload: Uint8Array): FrameTag {
  const view = viewOf(payload)
  // The journal's checksum covers it and tagParts wrote it.
  return JSON.parse(view.toString('utf8', 4, tagEnd(view))) as FrameTag
}

export function frameIn(payload: Uint8Array): ForwardedFrame {
  return parseFrame(payload.subarray(tagEnd(viewOf(payload))))
}

function tagParts(tag: FrameTag): Uint8Array[] {
  const json = Buffer.from(JSON.stringify(tag))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  return [length, json]
}

function tagEnd(view: Buffer): number {
  const end = 4 + view.readUInt32LE(0)
  if (end > view.length) throw new AuditError('damaged', 'a frame of the journal is shorter than its header')
  return end
}

/** One byte more than decoders read: they know it as too large, and the rest would only be carried. */
const KEPT_BYTES = PARSE_LIMIT_BYTES + 1
const LONGEST_WAY = 512
/** A batch takes 4096. */
const LONGEST_NAME = 512

function forwardedOf(
  { bytes, format, options, naturalId, fallbackId, origin }: SourceRecord,
  source: SourceInfo,
  idempotencyKey: string | undefined,
  n: number,
): ForwardedRecord {
  const name = idempotencyKey === undefined ? naturalId : `idem:${idempotencyKey}:${n}`
  return {
    bytes: bytes.length > KEPT_BYTES ? bytes.subarray(0, KEPT_BYTES) : bytes,
    format,
    ...(options !== undefined && { options }),
    ...((origin?.authenticated === false || !source.authenticated) && { authenticated: false }),
    ...(origin?.way !== undefined && { way: origin.way.slice(0, LONGEST_WAY) }),
    ...(name !== undefined && { naturalId: bounded(name) }),
    ...(fallbackId !== undefined && { fallbackId: bounded(fallbackId) }),
  }
}

/** Senders choose names too (an Idempotency-Key, a document's id): a long one names no less by its hash. */
function bounded(name: string): string {
  return name.length <= LONGEST_NAME ? name : `sha256:${hash('sha256', name, 'base64url')}`
}

function frameOf(
  { name, cluster, timezone }: SourceInfo,
  received: number,
  records: readonly ForwardedRecord[],
): ForwardedFrame {
  return {
    source: name,
    received,
    ...(cluster !== undefined && { cluster }),
    ...(timezone !== undefined && { timezone }),
    records,
  }
}

/** Whether they become events is decided by the writer: here they are kept, under the place in this journal. */
function receiptOf(count: number, first: number): Receipt {
  const results = Array.from({ length: count }, (_, n) => ({ id: String(first + n), log: 'forward', index: first + n }))
  return { received: count, kept: count, dropped: 0, duplicate: 0, rejected: 0, shed: 0, results }
}

function slowDisk(): AuditError {
  const hint = 'send again after the time in Retry-After; the disk writes more slowly than records arrive'
  return new AuditError('busy', 'more is waiting to be written than memory allows', { retryAfterMs: 1000, hint })
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
