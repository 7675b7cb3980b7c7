/**
 * MessagePack as somebody else sent it, read in place: where an item ends, and an item as JSON. A library that makes
 * objects of it would not tell where a text lay, so neither could a record be kept with the bytes it had, nor could the
 * end of a message be found in one pass. https://github.com/msgpack/msgpack/blob/master/spec.md
 */

/** Bytes that are no MessagePack, or more of it than is taken. The message holds no contents. */
export class BrokenMessage extends Error {}

type Kind = 'nil' | 'boolean' | 'integer' | 'float' | 'text' | 'bytes' | 'list' | 'map' | 'extension'

export interface Item {
  readonly kind: Kind
  /** Where its payload begins: behind its head. */
  readonly at: number
  /** Bytes of its payload; of a list or a map those of its head only are known, so 0. */
  readonly size: number
  /** Items inside: of a map twice its pairs. */
  readonly inside: number
  /** Of an extension. */
  readonly type: number
}

/** The head that begins at `at`; undefined when it is not all there before `end`. Throws BrokenMessage. */
function headAt(bytes: Uint8Array, at: number, end: number): Item | undefined {
  if (at >= end) return undefined
  const byte = bytes[at] ?? 0
  const next = at + 1
  if (byte < 0x80 || byte >= 0xe0) return item('integer', at, 1)
  if (byte < 0x90) return holder('map', next, (byte & 0x0f) * 2)
  if (byte < 0xa0) return holder('list', next, byte & 0x0f)
  if (byte < 0xc0) return item('text', next, byte & 0x1f)
  if (byte === 0xc0) return item('nil', next, 0)
  if (byte === 0xc1) throw new BrokenMessage('0xc1 begins no item')
  if (byte <= 0xc3) return item('boolean', at, 1)
  if (byte <= 0xc6) return sized('bytes', bytes, next, end, 1 << (byte - 0xc4))
  if (byte <= 0xc9) return extension(bytes, next, end, 1 << (byte - 0xc7))
  if (byte <= 0xcb) return item('float', next, byte === 0xca ? 4 : 8)
  if (byte <= 0xd3) return item('integer', at, 1 + (1 << ((byte - 0xcc) & 3)))
  if (byte <= 0xd8)
    return next < end ? { ...item('extension', next + 1, 1 << (byte - 0xd4)), type: signed(bytes, next) } : undefined
  if (byte <= 0xdb) return sized('text', bytes, next, end, 1 << (byte - 0xd9))
  const width = (byte & 1) === 0 ? 2 : 4
  const count = numberAt(bytes, next, end, width)
  if (count === undefined) return undefined
  return byte <= 0xdd ? holder('list', next + width, count) : holder('map', next + width, count * 2)
}

function item(kind: Kind, at: number, size: number): Item {
  return { kind, at, size, inside: 0, type: 0 }
}

function holder(kind: 'list' | 'map', at: number, inside: number): Item {
  return { kind, at, size: 0, inside, type: 0 }
}

function sized(kind: Kind, bytes: Uint8Array, at: number, end: number, width: number): Item | undefined {
  const size = numberAt(bytes, at, end, width)
  return size === undefined ? undefined : item(kind, at + width, size)
}

function extension(bytes: Uint8Array, at: number, end: number, width: number): Item | undefined {
  const size = numberAt(bytes, at, end, width)
  if (size === undefined || at + width >= end) return undefined
  return { ...item('extension', at + width + 1, size), type: signed(bytes, at + width) }
}

function signed(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) >> 24
}

function numberAt(bytes: Uint8Array, at: number, end: number, width: number): number | undefined {
  if (at + width > end) return undefined
  let value = 0
  for (let n = 0; n < width; n++) value = value * 256 + (bytes[at + n] ?? 0)
  return value
}

export interface ItemLimits {
  readonly bytes: number
  readonly depth: number
}

/**
 * Finds where an item ends, also while its bytes are still coming: it goes on where it was, so a message costs one pass
 * however many pieces it comes in.
 */
export class ItemEnd {
  readonly #from: number
  readonly #limits: ItemLimits
  /** Of each list and map that is open, how many items are still to come. */
  readonly #open: number[] = [1]
  #at: number

  constructor(from: number, limits: ItemLimits) {
    this.#from = from
    this.#at = from
    this.#limits = limits
  }

  /**
   * The end, or undefined while it is not there.
   *
   * @param bytes The same bytes as before, and more of them; they are there up to `end`.
   * @throws BrokenMessage also for what is larger or deeper than the limits, as soon as that is known.
   */
  find(bytes: Uint8Array, end: number): number | undefined {
    while (this.#open.length > 0) {
      const head = headAt(bytes, this.#at, end)
      if (head === undefined) return undefined
      this.#at = head.at + head.size
      // Each item inside has a byte at least.
      if (this.#at + head.inside - this.#from > this.#limits.bytes) {
        throw new BrokenMessage(`it has more than ${this.#limits.bytes} bytes`)
      }
      this.#open[this.#open.length - 1] = (this.#open.at(-1) ?? 0) - 1
      if (head.inside > 0) this.#open.push(head.inside)
      if (this.#open.length > this.#limits.depth) throw new BrokenMessage(`it is more than ${this.#limits.depth} deep`)
      while (this.#open.at(-1) === 0) this.#open.pop()
    }
    return this.#at <= end ? this.#at : undefined
  }
}

/**
 * Where each item of a list or map begins, and where the last one ends. What is inside was looked at by `ItemEnd`.
 *
 * @param most So many of the first ones: an item may hold millions.
 */
export function placesInside(bytes: Uint8Array, at: number, most = Infinity): readonly number[] {
  const head = headAt(bytes, at, bytes.length)
  const places: number[] = []
  if (head === undefined) return places
  let next = head.at
  for (let n = 0; n < Math.min(head.inside, most); n++) {
    places.push(next)
    next = endOf(bytes, next)
  }
  places.push(next)
  return places
}

function endOf(bytes: Uint8Array, at: number): number {
  let next = at
  for (let left = 1; left > 0; left--) {
    const head = wholeHead(bytes, next)
    next = head.at + head.size
    left += head.inside
  }
  return next
}

export function wholeHead(bytes: Uint8Array, at: number): Item {
  const head = headAt(bytes, at, bytes.length)
  if (head === undefined || head.at + head.size > bytes.length) throw new BrokenMessage('it ends too early')
  return head
}

/** The bytes of a text or of bytes; undefined for anything else. */
export function bytesAt(bytes: Uint8Array, at: number): Uint8Array | undefined {
  const { kind, at: from, size } = wholeHead(bytes, at)
  return kind === 'text' || kind === 'bytes' ? bytes.subarray(from, from + size) : undefined
}

export function textAt(bytes: Uint8Array, at: number): string | undefined {
  const found = bytesAt(bytes, at)
  return found && bufferOf(found).toString('utf8')
}

function integerAt(bytes: Uint8Array, at: number): bigint | undefined {
  const head = wholeHead(bytes, at)
  return head.kind === 'integer' ? integerOf(viewOf(bytes, head)) : undefined
}

function floatAt(bytes: Uint8Array, at: number): number | undefined {
  const head = wholeHead(bytes, at)
  if (head.kind !== 'float') return undefined
  const view = viewOf(bytes, head)
  return head.size === 4 ? view.getFloat32(0) : view.getFloat64(0)
}

function viewOf(bytes: Uint8Array, { at, size }: Item): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + at, size)
}

/** Its payload includes its first byte, which says how long and of which sign it is, or is the number itself. */
function integerOf(view: DataView): bigint {
  switch (view.getUint8(0)) {
    case 0xcc:
      return BigInt(view.getUint8(1))
    case 0xcd:
      return BigInt(view.getUint16(1))
    case 0xce:
      return BigInt(view.getUint32(1))
    case 0xcf:
      return view.getBigUint64(1)
    case 0xd0:
      return BigInt(view.getInt8(1))
    case 0xd1:
      return BigInt(view.getInt16(1))
    case 0xd2:
      return BigInt(view.getInt32(1))
    case 0xd3:
      return view.getBigInt64(1)
    default:
      return BigInt(view.getInt8(0))
  }
}

/**
 * The item as JSON, which says all that MessagePack can say but for its types: whole numbers are written out in full;
 * bytes are a text where they are UTF-8, else base64; a time is RFC 3339; a key that is no text is its JSON.
 *
 * @param bytes Looked at by `ItemEnd`, so no deeper than its limit.
 */
export function jsonAt(bytes: Uint8Array, at: number): string {
  return new JsonWriter(bytes, at).value()
}

class JsonWriter {
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  value(): string {
    const head = wholeHead(this.#bytes, this.#at)
    this.#at = head.at + head.size
    switch (head.kind) {
      case 'nil':
        return 'null'
      case 'boolean':
        return this.#bytes[head.at] === 0xc3 ? 'true' : 'false'
      case 'integer':
        return integerOf(viewOf(this.#bytes, head)).toString()
      case 'float':
        return floatText(viewOf(this.#bytes, head))
      case 'text':
        return JSON.stringify(this.#buffer(head).toString('utf8'))
      case 'bytes':
        return JSON.stringify(textOrBase64(this.#buffer(head)))
      case 'extension':
        return JSON.stringify(timeOf(head, this.#bytes) ?? this.#buffer(head).toString('base64'))
      case 'list':
        return `[${Array.from({ length: head.inside }, () => this.value()).join(',')}]`
      case 'map':
        return `{${Array.from({ length: head.inside / 2 }, () => `${this.#key()}:${this.value()}`).join(',')}}`
    }
  }

  #key(): string {
    const json = this.value()
    return json.startsWith('"') ? json : JSON.stringify(json)
  }

  #buffer({ at, size }: Item): Buffer {
    return bufferOf(this.#bytes.subarray(at, at + size))
  }
}

function floatText(view: DataView): string {
  const number = view.byteLength === 4 ? view.getFloat32(0) : view.getFloat64(0)
  return Number.isFinite(number) ? String(number) : JSON.stringify(String(number))
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOrBase64(bytes: Buffer): string {
  try {
    return UTF_8.decode(bytes)
  } catch {
    return bytes.toString('base64')
  }
}

/** Fluent's EventTime (type 0): seconds and nanoseconds, 32 bits each. */
function timeOf({ type, at, size }: Item, bytes: Uint8Array): string | undefined {
  if (type !== 0 || size !== 8) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, size)
  return timeText(view.getUint32(0), view.getUint32(4))
}

/** RFC 3339 in UTC with as many digits as it takes. */
function timeText(seconds: number, nanos: number): string | undefined {
  const date = new Date(seconds * 1000)
  if (!(seconds >= 0 && seconds <= LAST_SECOND) || nanos > 999_999_999) return undefined
  const fraction = String(nanos).padStart(9, '0')
  const digits = fraction.endsWith('000000') ? 3 : fraction.endsWith('000') ? 6 : 9
  return `${date.toISOString().slice(0, 19)}.${fraction.slice(0, digits)}Z`
}

/** The end of the year 9999. */
const LAST_SECOND = 253_402_300_799

/** What an entry's time is: an EventTime, or seconds; undefined where it is neither. */
export function entryTime(bytes: Uint8Array, at: number): string | undefined {
  const head = wholeHead(bytes, at)
  if (head.kind === 'extension') return timeOf(head, bytes)
  const seconds = integerAt(bytes, at)
  if (seconds !== undefined) return timeText(Number(seconds), 0)
  const float = floatAt(bytes, at)
  if (float === undefined || !Number.isFinite(float)) return undefined
  const whole = Math.floor(float)
  return timeText(whole, Math.round((float - whole) * 1e6) * 1000)
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
