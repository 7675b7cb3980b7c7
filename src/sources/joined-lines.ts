import type { LineJoiner } from '../formats/format.ts'
import { RECORD_LIMIT_BYTES } from '../formats/limits.ts'
import type { FileLines, Line, Lines } from './file-lines.ts'
import { isBlank } from './file-lines.ts'

/** How long nothing may have been written before a record that could go on is taken as whole. */
const QUIET_MS = 1000
/** The same while the file ends in the middle of a line, which is likely to be part of it. */
const UNFINISHED_MS = 10_000
const LF = Buffer.from('\n')

/**
 * The records of a file whose records may span lines. One is given out when the next line begins another, or when the
 * file has been quiet; its bytes are those of the file. So it always ends, and reading always goes on, where a record
 * begins. Without a joiner every line is a record.
 */
export class JoinedLines {
  readonly #lines: FileLines
  readonly #joining: Joining | undefined
  #position: number
  #grownAt = 0

  /** @param lines Exact ones where there is a joiner. */
  constructor(lines: FileLines, joiner: LineJoiner | undefined) {
    this.#lines = lines
    this.#joining = joiner === undefined ? undefined : new Joining(joiner)
    this.#position = lines.position
  }

  get position(): number {
    return this.#lines.position
  }

  get isDrained(): boolean {
    return this.#lines.isDrained
  }

  /** Whether a record waits for what may follow it. */
  get isHolding(): boolean {
    return this.#joining?.isHolding === true
  }

  /** Whole records, until there are that many or that much; `now` in milliseconds. */
  async next(maxRecords: number, maxBytes: number, now: number): Promise<Lines> {
    const read = await this.#lines.next(maxRecords, maxBytes)
    if (this.#joining === undefined) return read
    const records: Line[] = []
    for (const line of read.lines) {
      const record = this.#joining.push(line)
      if (record !== undefined) records.push(record)
    }
    const quiet = read.atEnd ? this.whenQuiet(now) : []
    return { lines: [...records, ...quiet], atEnd: read.atEnd }
  }

  /** The record that is held back, once the file has been quiet long enough. */
  whenQuiet(now: number): readonly Line[] {
    if (this.#joining === undefined) return []
    if (this.position !== this.#position) this.#grownAt = now
    this.#position = this.position
    const waitMs = this.#lines.isUnfinished ? UNFINISHED_MS : QUIET_MS
    return now - this.#grownAt >= waitMs ? this.held() : []
  }

  /** The record that is held back, as if nothing followed it. */
  held(): readonly Line[] {
    return listOf(this.#joining?.end())
  }

  /** All that is left of a file that nobody writes to any more. */
  rest(): readonly Line[] {
    const last = this.#lines.last()
    if (this.#joining === undefined) return listOf(last)
    const before = last === undefined ? undefined : this.#joining.push(last)
    return [...listOf(before), ...this.held()]
  }
}

/** Puts lines together to records. What a record has beyond 1 MiB is passed over, which is how decoders know it is cut. */
export class Joining {
  readonly #joiner: LineJoiner
  #parts: Uint8Array[] = []
  #bytes = 0
  #start = 0
  #end = 0

  constructor(joiner: LineJoiner) {
    this.#joiner = joiner
  }

  get isHolding(): boolean {
    return this.#parts.length > 0
  }

  /** Takes a line as it is in the file, without its line feed. Gives the record before it, if it begins a new one. */
  push(line: Line): Line | undefined {
    const goesOn = this.#joiner.continues(line.bytes)
    const whole = goesOn ? undefined : this.end()
    if (this.#parts.length === 0) this.#start = line.start
    if (this.#bytes <= RECORD_LIMIT_BYTES) {
      this.#parts.push(line.bytes)
      this.#bytes += line.bytes.length + LF.length
    }
    this.#end = line.end
    return whole
  }

  /** The record that was begun, as if nothing followed it. */
  end(): Line | undefined {
    const parts = this.#parts
    if (parts.length === 0) return undefined
    const first = parts[0] ?? LF
    const all =
      parts.length === 1 ? first : Buffer.concat(parts.flatMap((part, nth) => (nth === 0 ? [part] : [LF, part])))
    this.#parts = []
    this.#bytes = 0
    const bytes = all.at(-1) === 0x0d ? all.subarray(0, -1) : all
    return isBlank(bytes) ? undefined : { bytes, start: this.#start, end: this.#end }
  }
}

function listOf(line: Line | undefined): readonly Line[] {
  return line === undefined ? [] : [line]
}
