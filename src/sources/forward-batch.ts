import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { name, sourceBase } from './config.ts'
import type { SourceRecord } from './source.ts'

/**
 * What `whodid forward` keeps in its journal and sends to a writer. A frame is what one of its sources emitted at once:
 *
 *   u32 bytes of header, little endian | header, JSON | the records' bytes, one behind the other
 *
 * A batch is the same with a header that says whose it is, and frames in the place of the records (docs/sources/forward.md).
 */
export interface ForwardedFrame {
  /** Name of the source in the forwarder's configuration. */
  readonly source: string
  /** Milliseconds since 1970 at which the forwarder took it. */
  readonly received: number
  readonly cluster?: string
  readonly timezone?: string
  readonly records: readonly ForwardedRecord[]
}

export interface ForwardedRecord extends Pick<
  SourceRecord,
  'bytes' | 'format' | 'options' | 'naturalId' | 'fallbackId'
> {
  /** Nobody vouches for what it says. */
  readonly authenticated?: false
  /** How it came to the forwarder's source, where that says so: the peer of a listener. */
  readonly way?: string
}

export interface BatchHeader {
  readonly v: 1
  /** What the forwarder calls its machine. */
  readonly host: string
  readonly epoch: number
  /** Number of the first record. */
  readonly from: number
  /** The forwarder's clock when it was sent, milliseconds since 1970. */
  readonly sent: number
  /** How many records before the first one nobody has any more. */
  readonly lost?: number
}

export interface ForwardedBatch {
  readonly header: BatchHeader
  readonly frames: readonly ForwardedFrame[]
}

export const BATCH_TYPE = 'application/x-whodid-forward'
/** What a writer takes in one batch. */
export const BATCH_RECORDS = 10_000

const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/

export const hostName = z.string().regex(HOST, 'a host is called by 1 to 253 letters, digits, dots, - and _')

const count = z.int().nonnegative()

const batchHeader: z.ZodType<BatchHeader> = z.strictObject({
  v: z.literal(1),
  host: hostName,
  epoch: z.int().positive(),
  from: z.int().positive(),
  sent: count,
  lost: z.int().positive().exactOptional(),
})

/** Records that follow each other and share what is said of them. */
interface Run {
  readonly format: string
  readonly options?: Readonly<Record<string, unknown>>
  readonly authenticated?: false
  readonly way?: string
  readonly records: readonly {
    readonly bytes: number
    readonly naturalId?: string
    readonly fallbackId?: string
  }[]
}

const id = z.string().max(4096)

const run: z.ZodType<Run> = z.strictObject({
  format: z.string(),
  options: z.record(z.string(), z.unknown()).exactOptional(),
  authenticated: z.literal(false).exactOptional(),
  way: z.string().max(512).exactOptional(),
  records: z.array(z.strictObject({ bytes: count, naturalId: id.exactOptional(), fallbackId: id.exactOptional() })),
})

type FrameHeader = Omit<ForwardedFrame, 'records'> & { readonly runs: readonly Run[] }

const frameHeader: z.ZodType<FrameHeader> = z.strictObject({
  source: name,
  received: count,
  cluster: sourceBase.cluster,
  timezone: sourceBase.timezone,
  runs: z.array(run),
})

/** The parts of a frame, in order, without copying the records. */
export function frameParts({ records, ...rest }: ForwardedFrame): Uint8Array[] {
  const header: FrameHeader = { ...rest, runs: runsOf(records) }
  return [...section(header), ...records.map(({ bytes }) => bytes)]
}

export function batchParts({ header, frames }: ForwardedBatch): Uint8Array[] {
  return [...section(header), ...frames.flatMap(frameParts)]
}

/** Throws AuditError `bad_request` for what is no frame; records are views of the bytes. */
export function parseFrame(bytes: Uint8Array): ForwardedFrame {
  const [frame, ...more] = framesAt(viewOf(bytes), 0)
  if (frame === undefined || more.length > 0) throw broken('it is no frame')
  return frame
}

/** Throws AuditError `bad_request` for what no forwarder sends, `too_large` for too many records. */
export function parseBatch(bytes: Uint8Array): ForwardedBatch {
  const view = viewOf(bytes)
  const { json, end } = sectionAt(view, 0)
  const header = checked(batchHeader, json)
  const frames = framesAt(view, end)
  const records = frames.reduce((sum, frame) => sum + frame.records.length, 0)
  if (records > BATCH_RECORDS) {
    throw new AuditError('too_large', `a forwarder sent ${records} records at once`, {
      hint: `a batch has ${BATCH_RECORDS} records at most`,
    })
  }
  if (!Number.isSafeInteger(header.from + records)) throw broken('its numbers are too large')
  return { header, frames }
}

function runsOf(records: readonly ForwardedRecord[]): readonly Run[] {
  const runs: (Omit<Run, 'records'> & { readonly records: Run['records'][number][] })[] = []
  for (const { bytes, naturalId, fallbackId, ...shared } of records) {
    const known = {
      bytes: bytes.length,
      ...(naturalId !== undefined && { naturalId }),
      ...(fallbackId !== undefined && { fallbackId }),
    }
    const last = runs.at(-1)
    if (last !== undefined && isAlike(last, shared)) last.records.push(known)
    else runs.push({ ...shared, records: [known] })
  }
  return runs
}

function isAlike(a: SharedByRun, b: SharedByRun): boolean {
  return a.format === b.format && a.options === b.options && a.authenticated === b.authenticated && a.way === b.way
}

type SharedByRun = Omit<Run, 'records'>

function section(header: object): [Uint8Array, Uint8Array] {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  return [length, json]
}

function framesAt(view: Buffer, from: number): readonly ForwardedFrame[] {
  const frames: ForwardedFrame[] = []
  for (let at = from; at < view.length;) {
    const { json, end } = sectionAt(view, at)
    const { runs, ...frame } = checked(frameHeader, json)
    at = end
    const records: ForwardedRecord[] = []
    for (const { records: known, ...shared } of runs) {
      for (const { bytes, ...names } of known) {
        if (at + bytes > view.length) throw broken('it ends inside a record')
        records.push({ bytes: view.subarray(at, at + bytes), ...shared, ...names })
        at += bytes
      }
    }
    frames.push({ ...frame, records })
  }
  return frames
}

function sectionAt(view: Buffer, at: number): { readonly json: string; readonly end: number } {
  const begin = at + 4
  const end = begin > view.length ? Infinity : begin + view.readUInt32LE(at)
  if (end > view.length) throw broken('it ends inside a header')
  return { json: view.toString('utf8', begin, end), end }
}

function checked<T>(schema: z.ZodType<T>, json: string): T {
  try {
    return schema.parse(JSON.parse(json))
  } catch (cause) {
    throw broken('a header of it is not understood', cause)
  }
}

function broken(why: string, cause?: unknown): AuditError {
  const hint = 'this is where whodid forward sends to; other senders use a source of kind http'
  return new AuditError('bad_request', `this is no batch of a forwarder: ${why}`, { hint, cause })
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
