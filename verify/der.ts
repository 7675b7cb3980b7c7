import { toHex } from './base64.ts'
import { VerifyError } from './errors.ts'

/** One value in DER (X.690): a view into what was read, no copy. */
export interface Der {
  readonly tag: number
  readonly content: Uint8Array
  /** With tag and length: what is hashed and signed. */
  readonly whole: Uint8Array
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

const MOST_VALUES = 1000

/** The one value that these bytes are. Throws VerifyError `malformed` for what is no DER, or has something behind it. */
export function readDer(bytes: Uint8Array): Der {
  const value = valueAt(bytes, 0)
  if (value.whole.length !== bytes.length) throw bad('bytes behind its end')
  return value
}

/** The values in a constructed one. Throws VerifyError `malformed`. */
export function inside(value: Der, tag: number, what: string): readonly Der[] {
  if (value.tag !== tag) throw bad(`${what} is no ${tag === TAG.set ? 'set' : 'sequence'}`)
  return valuesIn(value.content)
}

/** As `inside`, where the caller has looked at the tag. */
export function valuesIn(content: Uint8Array): readonly Der[] {
  const values: Der[] = []
  for (let at = 0; at < content.length;) {
    if (values.length === MOST_VALUES) throw bad(`more than ${MOST_VALUES} values in one`)
    const value = valueAt(content, at)
    values.push(value)
    at += value.whole.length
  }
  return values
}

/** `1.2.840.113549.1.7.2` */
export function oidText(value: Der | undefined): string {
  if (value?.tag !== TAG.oid || value.content.length === 0 || value.content.length > 32)
    throw bad('no object identifier')
  const arcs: number[] = []
  let arc = 0
  for (const byte of value.content) {
    // Ones as large as UUIDs are not asked for here.
    if (arc > 2 ** 40) throw bad('an object identifier with a number too large')
    arc = arc * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  if ((value.content.at(-1) ?? 0) >= 0x80) throw bad('an object identifier that is cut short')
  const first = arcs[0] ?? 0
  const root = Math.min(2, Math.floor(first / 40))
  return [root, first - 40 * root, ...arcs.slice(1)].join('.')
}

/** Of an INTEGER that is not negative, hex without leading zeroes: serial numbers and nonces are larger than numbers. */
export function integerHex(value: Der | undefined): string {
  if (value?.tag !== TAG.integer || value.content.length === 0 || value.content.length > 64) throw bad('no number')
  return toHex(value.content).replace(/^(?:00)+(?=..)/, '')
}

export function smallInteger(value: Der | undefined, tag: number = TAG.integer): number {
  if (value?.tag !== tag || value.content.length === 0 || value.content.length > 5) throw bad('no small number')
  return value.content.reduce((sum, byte) => sum * 256 + byte, 0)
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z$/

/** Milliseconds since 1970. UTCTime is 1950 to 2049 (RFC 5280 section 4.1.2.5). */
export function timeOf(value: Der | undefined): number {
  const text = String.fromCharCode(...(value?.content ?? []).slice(0, 40))
  const match =
    value?.tag === TAG.utcTime
      ? UTC_TIME.exec(text)
      : value?.tag === TAG.generalizedTime
        ? GENERALIZED_TIME.exec(text)
        : null
  if (match === null) throw bad('no time')
  const [, year = '', month, day, hour, minute, second, fraction = ''] = match
  const century = year.length === 4 ? '' : Number(year) < 50 ? '20' : '19'
  const time = Date.parse(
    `${century}${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`,
  )
  if (Number.isNaN(time)) throw bad('no time')
  return time
}

function valueAt(bytes: Uint8Array, at: number): Der {
  const [tag, length] = [bytes[at], bytes[at + 1]]
  // Tags of several bytes occur in nothing that is read here.
  if (tag === undefined || length === undefined || (tag & 0x1f) === 0x1f) throw bad('a value that is cut short')
  const more = length < 0x80 ? 0 : length & 0x7f
  // 0x80: of unknown length, which is BER and not DER.
  if (length === 0x80 || more > 3) throw bad('a length that is none')
  let size = length
  if (more > 0) {
    size = 0
    for (let n = 0; n < more; n++) size = size * 256 + (bytes[at + 2 + n] ?? 0)
    if (size < 0x80 || size < 256 ** (more - 1)) throw bad('a length that is written too long')
  }
  const from = at + 2 + more
  if (from + size > bytes.length) throw bad('a value that is cut short')
  return { tag, content: bytes.subarray(from, from + size), whole: bytes.subarray(at, from + size) }
}

function bad(why: string): VerifyError {
  return new VerifyError('malformed', `it is no DER of its kind: ${why}`)
}
