/**
 * ClickHouse's Native format, columns of one block: https://clickhouse.com/docs/interfaces/formats/Native. Only the types
 * that our table has. LowCardinality dictionaries are built here: the engine then copies instead of hashing.
 */
export interface NativeColumn {
  /** As the engine spells it. */
  readonly type: string
  write(to: NativeWriter): void
}

/** One block: every column has the same number of rows. */
export function encodeBlock(rows: number, columns: readonly (readonly [string, NativeColumn])[]): Uint8Array {
  const writer = new NativeWriter()
  writer.varint(columns.length)
  writer.varint(rows)
  for (const [name, column] of columns) {
    writer.text(name)
    writer.text(column.type)
    column.write(writer)
  }
  return writer.taken()
}

/** Bytes that grow. */
export class NativeWriter {
  private bytes = Buffer.allocUnsafe(64 * 1024)
  private at = 0

  varint(value: number): void {
    this.room(10)
    let rest = value
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.bytes[this.at++] = rest
  }

  /** Its length in bytes, then UTF-8. */
  text(text: string): void {
    // Three bytes a code unit at most.
    this.room(text.length * 3 + 5)
    if (text.length < 43) {
      // Fewer than 128 bytes whatever they are: the length is one byte, written afterwards.
      const length = this.bytes.write(text, this.at + 1, 'utf8')
      this.bytes[this.at] = length
      this.at += length + 1
      return
    }
    this.varint(Buffer.byteLength(text))
    this.at += this.bytes.write(text, this.at, 'utf8')
  }

  uint64(value: number): void {
    this.room(8)
    this.at = this.bytes.writeUInt32LE(value % 0x1_0000_0000, this.at)
    this.at = this.bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), this.at)
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  /** A copy of its own, so that it can be handed to another thread. */
  taken(): Uint8Array {
    return new Uint8Array(this.bytes.subarray(0, this.at))
  }

  private room(sizeBytes: number): void {
    if (this.at + sizeBytes <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + sizeBytes))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }
}

/** UInt64, Int64 and DateTime64: eight bytes each. Whole numbers within 2^53. */
export class LongColumn implements NativeColumn {
  readonly type: string
  private readonly values: DataView
  private at = 0

  constructor(type: string, rows: number) {
    this.type = type
    this.values = new DataView(new ArrayBuffer(rows * 8))
  }

  add(value: number): void {
    const high = Math.floor(value / 0x1_0000_0000)
    this.values.setUint32(this.at, value - high * 0x1_0000_0000, true)
    this.values.setInt32(this.at + 4, high, true)
    this.at += 8
  }

  write(to: NativeWriter): void {
    to.raw(new Uint8Array(this.values.buffer))
  }
}

/** UInt8 and Enum8. */
export class ByteColumn implements NativeColumn {
  readonly type: string
  private readonly values: Uint8Array
  private rows = 0

  constructor(type: string, rows: number) {
    this.type = type
    this.values = new Uint8Array(rows)
  }

  add(value: number): void {
    this.values[this.rows++] = value
  }

  write(to: NativeWriter): void {
    to.raw(this.values)
  }
}

/** FixedString(n), given as base64url. */
export class FixedColumn implements NativeColumn {
  readonly type: string
  private readonly width: number
  private readonly values: Buffer
  private at = 0

  constructor(width: number, rows: number) {
    this.type = `FixedString(${width})`
    this.width = width
    this.values = Buffer.alloc(width * rows)
  }

  add(base64url: string): void {
    this.values.write(base64url, this.at, this.width, 'base64url')
    this.at += this.width
  }

  write(to: NativeWriter): void {
    to.raw(this.values)
  }
}

export class TextColumn implements NativeColumn {
  readonly type = 'String'
  private readonly values: string[] = []

  add(value: string): void {
    this.values.push(value)
  }

  write(to: NativeWriter): void {
    for (const value of this.values) to.text(value)
  }
}

/** LowCardinality(String): every distinct text once, and a number for each row. */
export class WordColumn implements NativeColumn {
  readonly type = 'LowCardinality(String)'
  private readonly words = new Words()

  add(value: string): void {
    this.words.add(value)
  }

  write(to: NativeWriter): void {
    to.uint64(SHARED_DICTIONARIES)
    this.words.write(to)
  }
}

/** Array(LowCardinality(String)). */
export class WordsColumn implements NativeColumn {
  readonly type = 'Array(LowCardinality(String))'
  private readonly words = new Words()
  private readonly ends: number[] = []

  add(values: readonly string[]): void {
    for (const value of values) this.words.add(value)
    this.ends.push(this.words.rows)
  }

  write(to: NativeWriter): void {
    to.uint64(SHARED_DICTIONARIES)
    for (const end of this.ends) to.uint64(end)
    this.words.write(to)
  }
}

/** Array(String). */
export class TextsColumn implements NativeColumn {
  readonly type = 'Array(String)'
  private readonly values: string[] = []
  private readonly ends: number[] = []

  add(values: readonly string[]): void {
    for (const value of values) this.values.push(value)
    this.ends.push(this.values.length)
  }

  write(to: NativeWriter): void {
    for (const end of this.ends) to.uint64(end)
    for (const value of this.values) to.text(value)
  }
}

/** Map(LowCardinality(String), String). */
export class LabelsColumn implements NativeColumn {
  readonly type = 'Map(LowCardinality(String), String)'
  private readonly names = new Words()
  private readonly values: string[] = []
  private readonly ends: number[] = []

  add(labels: readonly (readonly [string, string])[]): void {
    for (const [name, value] of labels) {
      this.names.add(name)
      this.values.push(value)
    }
    this.ends.push(this.values.length)
  }

  write(to: NativeWriter): void {
    to.uint64(SHARED_DICTIONARIES)
    for (const end of this.ends) to.uint64(end)
    this.names.write(to)
    for (const value of this.values) to.text(value)
  }
}

// SerializationLowCardinality.cpp: the version of the keys, and the flags of a block that brings its own dictionary.
const SHARED_DICTIONARIES = 1
const OWN_KEYS_NEW_DICTIONARY = 0x600

class Words {
  private readonly numbers = new Map<string, number>()
  private readonly indexes: number[] = []

  get rows(): number {
    return this.indexes.length
  }

  add(word: string): void {
    let number = this.numbers.get(word)
    if (number === undefined) {
      number = this.numbers.size
      this.numbers.set(word, number)
    }
    this.indexes.push(number)
  }

  write(to: NativeWriter): void {
    // Nothing at all is written for no rows.
    if (this.indexes.length === 0) return
    const size = this.numbers.size
    const width = size <= 0x100 ? 0 : size <= 0x1_0000 ? 1 : 2
    to.uint64(OWN_KEYS_NEW_DICTIONARY + width)
    to.uint64(size)
    for (const word of this.numbers.keys()) to.text(word)
    to.uint64(this.indexes.length)
    const indexes = [Uint8Array, Uint16Array, Uint32Array][width]?.from(this.indexes)
    if (indexes) to.raw(new Uint8Array(indexes.buffer))
  }
}
