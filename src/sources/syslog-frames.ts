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
    this.#rest = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part])
    this.#framing ??= framingOf(this.#rest)
    return this.#framing === 'counted' ? this.#counted() : this.#lines()
  }

  /** The last line of a connection that ended without one. Undefined: there is none, or it is no whole message. */
  last(): Uint8Array | undefined {
    return this.#framing === 'lines' && this.#passOver === 0 && this.#rest.length > 0 ? this.#rest : undefined
  }

  #lines(): readonly Uint8Array[] {
    const frames: Uint8Array[] = []
    for (;;) {
      const end = endOfLine(this.#rest, this.#searched)
      if (end < 0) break
      if (this.#passOver === 0 && !isBlank(this.#rest, end)) frames.push(this.#rest.subarray(0, end))
      this.#passOver = 0
      this.#rest = this.#rest.subarray(end + 1)
      this.#searched = 0
    }
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

function endOfLine(bytes: Buffer, from: number): number {
  const line = bytes.indexOf(LF, from)
  // Only up to the line's end: a search behind it would be made again for every line.
  const nul = (line < 0 ? bytes : bytes.subarray(0, line)).indexOf(NUL, from)
  return nul < 0 ? line : nul
}

function isBlank(bytes: Buffer, end: number): boolean {
  for (let at = 0; at < end; at++) if (bytes[at] !== SPACE && bytes[at] !== CR) return false
  return true
}
