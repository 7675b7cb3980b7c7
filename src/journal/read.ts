import { AuditError } from '../domain/errors.ts'
import type { Files } from '../lib/files.ts'
import { FRAME_HEADER_BYTES, isIntact, parseFrameHeader } from './frame.ts'
import type { Frame, FrameHeader } from './frame.ts'
import type { JournalFile } from './journal-file.ts'

/**
 * Frames in order up to the durable end at the time it gets there, from the first one that `isWanted` (which must not say
 * no again later). Holds one frame or a chunk of small ones in memory. `list` is asked again at the end of each file.
 * Throws `damaged`, naming file and offset, for what does not follow from what stood before; `not_found` when trimming
 * overtook it.
 */
export async function* readFrames(
  files: Files,
  list: () => readonly JournalFile[],
  first: JournalFile,
  isWanted: (header: FrameHeader) => boolean,
): AsyncGenerator<Frame> {
  let next = { frame: first.firstFrame, firstFeed: first.firstFeed }
  for (let file: JournalFile | undefined = first; file; file = successor(list(), file)) {
    if (file.firstFrame !== next.frame || file.firstFeed !== next.firstFeed) {
      const begins = list()[0]?.firstFrame ?? 0
      throw begins > next.frame ? trimmed(next.frame) : misfit(file, next.frame)
    }
    const bytesAt = chunks(files, file, list)
    for (let offset = file.headerBytes; ;) {
      // Asked before the end of the file is: a file that has a successor does not grow any more.
      const isLast = successor(list(), file) === undefined
      if (offset >= file.durableBytes) {
        if (isLast) return
        break
      }
      const header = parseFrameHeader(await bytesAt(offset, FRAME_HEADER_BYTES), 0, file.mark)
      if (header?.frame !== next.frame || header.firstFeed !== next.firstFeed) throw damaged(file.path, offset)
      const size = FRAME_HEADER_BYTES + header.payloadBytes
      if (isWanted(header)) yield checked(await bytesAt(offset, size), header, file, offset)
      next = { frame: header.frame + 1, firstFeed: header.firstFeed + header.events }
      offset += size
    }
  }
}

/** The answer for a frame that is not as it was written and not a torn tail either. */
export function damaged(path: string, offset: number, why = 'the frame there is broken'): AuditError {
  const hint = 'do not delete it: keep a copy, and restore it from a backup'
  return new AuditError('damaged', `journal file ${path} is damaged at byte ${offset}: ${why}`, { hint })
}

export function refuseFlags(path: string, offset: number, flags: number): void {
  if (flags === 0) return
  const hint = 'start the whodid that wrote it, or a newer one'
  throw new AuditError('unsupported_version', `journal file ${path} has unknown flags ${flags} at byte ${offset}`, {
    hint,
  })
}

const CHUNK_BYTES = 1 << 20

function successor(list: readonly JournalFile[], file: JournalFile): JournalFile | undefined {
  return list.find((each) => each.firstFrame > file.firstFrame)
}

/** Reads at least a chunk at a time; what it hands out stays as it is. */
function chunks(files: Files, file: JournalFile, list: () => readonly JournalFile[]) {
  let chunk: Uint8Array = new Uint8Array()
  let chunkStart = 0
  return async (offset: number, length: number): Promise<Uint8Array> => {
    if (offset + length > file.durableBytes) throw damaged(file.path, offset, 'it ends inside a frame')
    if (offset < chunkStart || offset + length > chunkStart + chunk.length) {
      const wanted = Math.min(Math.max(length, CHUNK_BYTES), file.durableBytes - offset)
      try {
        chunk = await files.readRange(file.path, offset, wanted)
      } catch (cause) {
        throw list().includes(file) ? cause : trimmed(file.firstFrame, cause)
      }
      chunkStart = offset
      if (chunk.length < wanted) throw damaged(file.path, offset, 'the file is shorter than it was')
    }
    return chunk.subarray(offset - chunkStart, offset - chunkStart + length)
  }
}

function checked(bytes: Uint8Array, header: FrameHeader, file: JournalFile, offset: number): Frame {
  if (!isIntact(bytes, 0, header)) throw damaged(file.path, offset)
  refuseFlags(file.path, offset, header.flags)
  const { frame, firstFeed, events } = header
  return { frame, firstFeed, events, payload: bytes.subarray(FRAME_HEADER_BYTES), file: file.path, offset }
}

function trimmed(frame: number, cause?: unknown): AuditError {
  const hint = 'whoever reads must be known to whoever trims'
  return new AuditError('not_found', `frame ${frame} of the journal was trimmed before it was read`, { hint, cause })
}

function misfit(file: JournalFile, expected: number): AuditError {
  return damaged(file.path, 0, `it begins with frame ${file.firstFrame}, but frame ${expected} is missing`)
}
