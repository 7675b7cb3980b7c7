import { VerifyError } from './errors.ts'

// Our own, since `Uint8Array.fromBase64` is missing below Node 25 and `atob` forgives what a verifier must refuse:
// white space, missing padding, and bits left over in the last character.
const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const URL_SAFE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const standardPairs = pairsOf(STANDARD)
const urlPairs = pairsOf(URL_SAFE)
const standardValues = valuesOf(STANDARD)
const urlValues = valuesOf(URL_SAFE)

/** RFC 4648 section 4, padded. */
export function toBase64(bytes: Uint8Array): string {
  const text = encode(bytes, standardPairs, STANDARD)
  return text + '='.repeat((4 - (text.length % 4)) % 4)
}

/** RFC 4648 section 4, padded; throws VerifyError `malformed` for anything that is not the one right encoding. */
export function fromBase64(text: string): Uint8Array {
  const bare = text.endsWith('==') ? text.slice(0, -2) : text.endsWith('=') ? text.slice(0, -1) : text
  if (text.length % 4 !== 0) throw new VerifyError('malformed', 'base64 without its padding')
  return decode(bare, standardValues)
}

/** RFC 4648 section 5, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return encode(bytes, urlPairs, URL_SAFE)
}

/** RFC 4648 section 5, without padding; throws VerifyError `malformed` for anything that is not the one right encoding. */
export function fromBase64Url(text: string): Uint8Array {
  return decode(text, urlValues)
}

/** Lower case. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

function encode(bytes: Uint8Array, pairs: readonly string[], alphabet: string): string {
  let text = ''
  let at = 0
  for (; at + 3 <= bytes.length; at += 3) {
    const group = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    text += pairs[group >> 12]! + pairs[group & 0xfff]!
  }
  const left = bytes.length - at
  if (left === 1) return text + pairs[bytes[at]! << 4]!
  if (left === 0) return text
  const group = (bytes[at]! << 8) | bytes[at + 1]!
  return text + pairs[group >> 4]! + alphabet[(group & 15) << 2]!
}

function decode(text: string, values: Int8Array): Uint8Array {
  const size = Math.floor((text.length * 3) / 4)
  if (text.length % 4 === 1) throw new VerifyError('malformed', 'base64 of an impossible length')
  const bytes = new Uint8Array(size)
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const value = values[text.charCodeAt(i)] ?? -1
    if (value < 0) throw new VerifyError('malformed', `base64 with a foreign character at ${i}`)
    bits = ((bits << 6) | value) & 0xfff
    held += 6
    if (held < 8) continue
    held -= 8
    bytes[at++] = bits >> held
  }
  if ((bits & ((1 << held) - 1)) !== 0) throw new VerifyError('malformed', 'base64 with bits left over')
  return bytes
}

function pairsOf(alphabet: string): readonly string[] {
  return Array.from({ length: 4096 }, (_, i) => alphabet[i >> 6]! + alphabet[i & 63]!)
}

function valuesOf(alphabet: string): Int8Array {
  const values = new Int8Array(128).fill(-1)
  for (let i = 0; i < 64; i++) values[alphabet.charCodeAt(i)] = i
  return values
}
