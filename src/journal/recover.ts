import type { Files } from '../lib/files.ts'
import { FRAME_HEADER_BYTES, isIntact, parseFrameHeader } from './frame.ts'
import type { FrameHeader } from './frame.ts'
import type { JournalFile } from './journal-file.ts'
import { damaged, refuseFlags } from './read.ts'

/** How far the last file is good. */
export interface Tail {
  readonly bytes: Uint8Array
  readonly goodBytes: number
  readonly nextFrame: number
  readonly nextFeed: number
}

/**
 * Reads the last file after whatever happened (docs/ledger.md, Journal files). Frames that are whole stay, acknowledged
 * or not. A bad one is where a crash tore the file, unless a good frame behind it says that the file was synced beyond
 * it: then it was once durable, and this throws `damaged`.
 */
export async function inspectTail(files: Files, file: JournalFile): Promise<Tail> {
  const bytes = (await files.read(file.path)) ?? new Uint8Array()
  let nextFrame = file.firstFrame
  let nextFeed = file.firstFeed
  let offset = file.headerBytes
  while (offset < bytes.length) {
    const header = intactHeader(bytes, offset, file)
    if (!header) break
    refuseFlags(file.path, offset, header.flags)
    if (header.frame !== nextFrame || header.firstFeed !== nextFeed) {
      throw damaged(file.path, offset, `frame ${header.frame} stands where frame ${nextFrame} belongs`)
    }
    nextFrame = header.frame + 1
    nextFeed = header.firstFeed + header.events
    offset += FRAME_HEADER_BYTES + header.payloadBytes
  }
  if (isSyncedBeyond(bytes, offset, file)) throw damaged(file.path, offset)
  return { bytes, goodBytes: offset, nextFrame, nextFeed }
}

/**
 * Puts the good part of the last file in its place again. The file itself is never appended to: after a failed fsync the
 * page cache shows what the disk lacks, and only a copy that is synced is known to be there.
 */
export async function rewriteTail(files: Files, file: JournalFile, tail: Tail): Promise<void> {
  await files.replace(file.path, tail.bytes.subarray(0, tail.goodBytes))
  file.durableBytes = tail.goodBytes
}

function intactHeader(bytes: Uint8Array, offset: number, file: JournalFile): FrameHeader | undefined {
  const header = parseFrameHeader(bytes, offset, file.mark)
  return header && isIntact(bytes, offset, header) ? header : undefined
}

function isSyncedBeyond(bytes: Uint8Array, bad: number, file: JournalFile): boolean {
  const mark = Buffer.alloc(4)
  mark.writeUInt32LE(file.mark)
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = haystack.indexOf(mark, bad); at >= 0; at = haystack.indexOf(mark, at + 1)) {
    const header = intactHeader(bytes, at, file)
    if (header && header.durable > bad) return true
  }
  return false
}
