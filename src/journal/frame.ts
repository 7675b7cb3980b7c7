import { crc32 } from 'node:zlib'

/** One batch as the journal holds it. What the payload means is its writer's business. */
export interface Frame {
  /** +1 per frame, over all files. */
  readonly frame: number
  /** Feed number of the first event; of the next frame's first when there is none. */
  readonly firstFeed: number
  readonly events: number
  readonly payload: Uint8Array
  /** Where it lies, for messages. */
  readonly file: string
  readonly offset: number
}

export interface FrameHeader {
  readonly payloadBytes: number
  readonly flags: number
  readonly frame: number
  readonly firstFeed: number
  /** How far this file was synced when the frame was written. */
  readonly durable: number
  readonly events: number
}

/**
 * Little endian: `mark u32 | crc32 u32 of all that follows | payload bytes u32 | flags u32 | frame u64 | first feed u64 |
 * durable u64 | events u32 | payload` (docs/decisions/journal-layout.md).
 */
export const FRAME_HEADER_BYTES = 44

export type NewFrame = Omit<FrameHeader, 'payloadBytes' | 'flags'> & { readonly payload: readonly Uint8Array[] }

/** The bytes that stand before the payload. */
export function encodeFrameHeader(mark: number, frame: NewFrame): Uint8Array {
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  header.writeUInt32LE(mark, 0)
  header.writeUInt32LE(sizeOf(frame.payload), 8)
  header.writeBigUInt64LE(BigInt(frame.frame), 16)
  header.writeBigUInt64LE(BigInt(frame.firstFeed), 24)
  header.writeBigUInt64LE(BigInt(frame.durable), 32)
  header.writeUInt32LE(frame.events, 40)
  let crc = crc32(header.subarray(8))
  for (const part of frame.payload) crc = crc32(part, crc)
  header.writeUInt32LE(crc, 4)
  return header
}

/**
 * What stands at `offset`, unchecked but for the mark and numbers that are out of reach. Undefined when it is no frame or
 * the bytes end before its header does.
 */
export function parseFrameHeader(bytes: Uint8Array, offset: number, mark: number): FrameHeader | undefined {
  if (offset + FRAME_HEADER_BYTES > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, FRAME_HEADER_BYTES)
  if (view.getUint32(0, true) !== mark) return undefined
  const header = {
    payloadBytes: view.getUint32(8, true),
    flags: view.getUint32(12, true),
    frame: Number(view.getBigUint64(16, true)),
    firstFeed: Number(view.getBigUint64(24, true)),
    durable: Number(view.getBigUint64(32, true)),
    events: view.getUint32(40, true),
  }
  const isSafe = [header.frame, header.firstFeed, header.durable].every(Number.isSafeInteger)
  return isSafe ? header : undefined
}

/** Whether the whole frame is there and its checksum is right. */
export function isIntact(bytes: Uint8Array, offset: number, header: FrameHeader): boolean {
  const end = offset + FRAME_HEADER_BYTES + header.payloadBytes
  if (end > bytes.length) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, FRAME_HEADER_BYTES)
  return crc32(bytes.subarray(offset + 8, end)) === view.getUint32(4, true)
}

export function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}
