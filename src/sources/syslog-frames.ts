import { PARSE_LIMIT_BYTES } from '../formats/limits.ts'

const LF = 0x0a
const CR = 0x0d
const NUL = 0
const SPACE = 0x20
const ZERO = 0x30
const NINE = 0x39
/** One byte more than is parsed, which is how decoders know a frame as too large. */
const KEPT_BYTES = PARSE_LIMIT_BYTES + 1
/** A count beyond this is no count of a message. */
const MOST_DIGITS = 8

/**
 * Cuts the stream of one TCP connection into messages, bytes untouched, in both framings of RFC 6587: octet counting
 * (`LENGTH MESSAGE`) and messages that each end in LF (or NUL). The first byte of a connection decides for all of it, so
 * that what a message holds cannot begin another one. Memory is bounded by the longest message that is parsed.
 */
export class SyslogFrames {
  #framing: 'counted' | 'lines' | undefined
  /** What came and is not a whole frame yet. */
  #rest: Buffer = Buffer.alloc(0)
  /** Where `#rest` lies once it was put together, with room behind it: a message in many parts is not copied for each. */
  #room: Buffer = Buffer.alloc(0)
  /** Up to where `#rest` is known to hold no end of a line. */
  #searched = 0
  /** Bytes of a frame that is too long which are still to be passed over: a count, or all up to the next end. */
  #passOver = 0

  #isBroken = false

  /** A count stood nowhere where one should be: what comes behind the frames that were given is lost. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Bytes that wait for the rest of their frame. */
  get heldBytes(): number {
    return this.#rest.length
  }

  /** Takes what came and gives the frames that are whole; empty ones are left out. */
  push(part: Buffer): readonly Uint8Array[] {
    this.#rest = this.#rest.length === 0 ? part : this.#joined(part)
    this.#framing ??= framingOf(this.#rest)
    const frames = this.#framing === 'counted' ? this.#counted() : this.#lines()
    this.#giveRoomBack()
    return frames
  }

  /** The last line of a connection that ended without one. Undefined: there is none, or it is no whole message. */
  last(): Uint8Array | undefined {
    return this.#framing === 'lines' && this.#passOver === 0 && this.#rest.length > 0 ? this.#rest : undefined
  }

  /** What was given out before lies in front of `#rest` and is never written over. */
  #joined(part: Buffer): Buffer {
    const rest = this.#rest
    const begin = rest.buffer === this.#room.buffer ? rest.byteOffset - this.#room.byteOffset : this.#room.length
    const end = begin + rest.length
    if (end + part.length <= this.#room.length) {
      this.#room.set(part, end)
      return this.#room.subarray(begin, end + part.length)
    }
    this.#room = Buffer.alloc(2 * (rest.length + part.length))
    this.#room.set(rest)
    this.#room.set(part, rest.length)
    return this.#room.subarray(0, rest.length + part.length)
  }

  /** A connection that once sent a large message does not hold its room for ever. */
  #giveRoomBack(): void {
    if (this.#rest.length * 4 >= this.#room.length) return
    this.#rest = Buffer.from(this.#rest)
    this.#room = Buffer.alloc(0)
  }

  #lines(): readonly Uint8Array[] {
    const frames: Uint8Array[] = []
    const bytes = this.#rest
    let begin = 0
    let from = this.#searched
    let line = bytes.indexOf(LF, from)
    for (;;) {
      // Looked for once however many NULs stand before it.
      if (line >= 0 && line < from) line = bytes.indexOf(LF, from)
      const end = endOfLine(bytes, from, line)
      if (end < 0) break
      if (this.#passOver === 0 && !isBlank(bytes, begin, end)) frames.push(bytes.subarray(begin, end))
      this.#passOver = 0
      begin = end + 1
      from = begin
    }
    this.#rest = bytes.subarray(begin)
    if (this.#rest.length > KEPT_BYTES) {
      if (this.#passOver === 0) frames.push(Buffer.from(this.#rest.subarray(0, KEPT_BYTES)))
      this.#passOver = 1
      this.#rest = Buffer.alloc(0)
    }
    this.#searched = this.#rest.length
    return frames
  }

  #counted(): readonly Uint8Array[] {
    const frames: Uint8Array[] = []
    for (;;) {
      if (this.#passOver > 0) this.#pass()
      this.#rest = this.#rest.subarray(startOfFrame(this.#rest))
      const head = countAt(this.#rest)
      this.#isBroken = head === 'broken'
      if (head === undefined || head === 'broken') return frames
      const available = this.#rest.length - head.digits - 1
      if (available < Math.min(head.count, KEPT_BYTES)) return frames
      const begin = head.digits + 1
      const end = begin + Math.min(head.count, KEPT_BYTES)
      frames.push(this.#rest.subarray(begin, end))
      this.#passOver = begin + head.count - end
      this.#rest = this.#rest.subarray(end)
    }
  }

  #pass(): void {
    const passed = Math.min(this.#passOver, this.#rest.length)
    this.#passOver -= passed
    this.#rest = this.#rest.subarray(passed)
  }
}

function framingOf(bytes: Buffer): 'counted' | 'lines' | undefined {
  const first = bytes[startOfFrame(bytes)]
  if (first === undefined) return undefined
  return first > ZERO && first <= NINE ? 'counted' : 'lines'
}

/** Some senders count and end their frames in LF as well. */
function startOfFrame(bytes: Buffer): number {
  let at = 0
  while (bytes[at] === LF || bytes[at] === CR || bytes[at] === NUL) at++
  return at
}

type Count = { readonly count: number; readonly digits: number }

/** Undefined: more of it has to come. */
function countAt(bytes: Buffer): Count | 'broken' | undefined {
  let digits = 0
  let count = 0
  for (;;) {
    const byte = bytes[digits]
    if (byte === undefined && digits <= MOST_DIGITS) return undefined
    if (byte === SPACE && count > 0) return { count, digits }
    if (byte === undefined || byte < ZERO || byte > NINE || digits === MOST_DIGITS) return 'broken'
    count = count * 10 + byte - ZERO
    digits++
  }
}

/** @param line Where the next line feed is, -1 for nowhere. A NUL counts only before it. */
function endOfLine(bytes: Buffer, from: number, line: number): number {
  const nul = (line < 0 ? bytes : bytes.subarray(0, line)).indexOf(NUL, from)
  return nul < 0 ? line : nul
}

function isBlank(bytes: Buffer, begin: number, end: number): boolean {
  for (let at = begin; at < end; at++) if (bytes[at] !== SPACE && bytes[at] !== CR) return false
  return true
}
