import { PARSE_LIMIT_BYTES } from '../formats/limits.ts'
import type { OpenFile } from './gzip-file.ts'

export interface Line {
  /** Without its end. A line beyond the limit is cut one byte behind it, which is how decoders know it as too large. */
  readonly bytes: Uint8Array
  readonly start: number
  /** Where the next line begins. */
  readonly end: number
}

export interface Lines {
  readonly lines: readonly Line[]
  /** Nothing more can be read now; what follows the last line is not a whole line yet. */
  readonly atEnd: boolean
}

const CHUNK_BYTES = 256 * 1024
const KEPT_BYTES = PARSE_LIMIT_BYTES + 1
const LF = 0x0a
const CR = 0x0d

/** Reads a file line by line from an offset, as far as it has been written, with bounded memory. */
export class FileLines {
  readonly #handle: Pick<OpenFile, 'read'>
  readonly #isExact: boolean
  /** What was read and not yet given out. */
  #rest: Buffer = Buffer.alloc(0)
  /** Where the line at the beginning of `#rest` begins in the file. */
  #lineStart: number
  /** Where the next chunk is read. */
  #readAt: number
  /** Up to where `#rest` is known to have no line end. */
  #searched = 0
  #isDrained = false
  /** Beginning of a line that is too long; the rest of it is passed over. */
  #cut: Uint8Array | undefined

  /** @param isExact Gives out blank lines too, and lines with their carriage return: what is between line feeds. */
  constructor(handle: Pick<OpenFile, 'read'>, offset: number, isExact = false) {
    this.#handle = handle
    this.#isExact = isExact
    this.#lineStart = offset
    this.#readAt = offset
  }

  /** Where reading goes on: a file that is shorter than this was cut. */
  get position(): number {
    return this.#readAt
  }

  /** Whether the last `next` came to the end: until the file grows there is nothing to get. */
  get isDrained(): boolean {
    return this.#isDrained
  }

  /** Whether the file goes on behind the last line end. */
  get isUnfinished(): boolean {
    return this.#rest.length > 0 || this.#cut !== undefined
  }

  /** Whole lines, blank ones left out, until there are that many or that much. */
  async next(maxLines: number, maxBytes: number): Promise<Lines> {
    const lines: Line[] = []
    let bytes = 0
    this.#isDrained = false
    while (lines.length < maxLines && bytes < maxBytes) {
      const newline = this.#rest.indexOf(LF, this.#searched)
      if (newline >= 0) {
        const line = this.#take(newline, newline + 1)
        if (this.#isExact || !isBlank(line.bytes)) lines.push(line)
        bytes += line.bytes.length
      } else if (!(await this.#readOn())) {
        this.#isDrained = true
        return { lines, atEnd: true }
      }
    }
    return { lines, atEnd: false }
  }

  /** What stands behind the last line end: the last line of a file that nobody writes to any more. */
  last(): Line | undefined {
    if (!this.isUnfinished) return undefined
    const line = this.#take(this.#rest.length, this.#rest.length)
    return isBlank(line.bytes) && !this.#isExact ? undefined : line
  }

  #take(textEnd: number, lineEnd: number): Line {
    const text = this.#rest.subarray(0, textEnd)
    const bytes = this.#cut ?? (this.#isExact ? text : withoutReturn(text))
    const start = this.#lineStart
    const end = this.#readAt - this.#rest.length + lineEnd
    this.#rest = this.#rest.subarray(lineEnd)
    this.#lineStart = end
    this.#searched = 0
    this.#cut = undefined
    return { bytes, start, end }
  }

  /** False at the end of what is written. */
  async #readOn(): Promise<boolean> {
    if (this.#cut === undefined && this.#rest.length >= KEPT_BYTES) {
      this.#cut = Buffer.from(this.#rest.subarray(0, KEPT_BYTES))
    }
    if (this.#cut !== undefined) this.#rest = Buffer.alloc(0)
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const { bytesRead } = await this.#handle.read(chunk, 0, CHUNK_BYTES, this.#readAt)
    if (bytesRead === 0) return false
    this.#searched = this.#rest.length
    const read = chunk.subarray(0, bytesRead)
    this.#rest = this.#rest.length === 0 ? read : Buffer.concat([this.#rest, read])
    this.#readAt += bytesRead
    return true
  }
}

function withoutReturn(text: Buffer): Buffer {
  return text.at(-1) === CR ? text.subarray(0, -1) : text
}

export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === CR)
}
