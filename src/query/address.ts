import ipaddr from 'ipaddr.js'

/** 32 hexadecimal digits of an IPv6 address; an IPv4 address is the mapped one, so both spellings are equal. */
export type AddressDigits = string

/** Reads an IPv4 or IPv6 address. Undefined for anything else: short forms, octal numbers, zones. */
export function parseAddress(text: string): AddressDigits | undefined {
  const dotted = DOTTED.exec(text)
  // Most addresses are such, and rules read one of every event: this is much faster than the library.
  if (dotted !== null) return dottedDigits(dotted)
  const bytes = addressBytes(text)
  return bytes && digits(bytes)
}

const DOTTED = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const MAPPED = '00000000000000000000ffff'

function dottedDigits([, a, b, c, d]: RegExpExecArray): AddressDigits | undefined {
  const [first, second, third, fourth] = [HEX[Number(a)], HEX[Number(b)], HEX[Number(c)], HEX[Number(d)]]
  if (first === undefined || second === undefined || third === undefined || fourth === undefined) return undefined
  return MAPPED + first + second + third + fourth
}

/** First and last address of `10.0.0.0/8` or of a single address. Bits behind the prefix are ignored. */
export function parseAddressRange(text: string): readonly [AddressDigits, AddressDigits] | undefined {
  const [address = '', length, ...more] = text.split('/')
  const bytes = addressBytes(address)
  if (bytes === undefined || more.length > 0) return undefined
  if (length === undefined) return [digits(bytes), digits(bytes)]
  if (!/^\d{1,3}$/.test(length)) return undefined
  const isV4 = !address.includes(':')
  const bits = Number(length) + (isV4 ? 96 : 0)
  if (bits > 128) return undefined
  return [digits(filled(bytes, bits, 0)), digits(filled(bytes, bits, 255))]
}

/**
 * How the store spells an address: IPv4 and mapped IPv4 dotted, IPv6 as RFC 5952 says. Undefined: not an address.
 */
export function canonicalAddress(text: string): string | undefined {
  const bytes = addressBytes(text)
  if (bytes === undefined) return undefined
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  return isMapped ? bytes.slice(12).join('.') : new ipaddr.IPv6([...bytes]).toRFC5952String()
}

function addressBytes(text: string): readonly number[] | undefined {
  // Not the mapped address, for which the library takes it: RFC 4291 section 2.5.5.1, as the store's engine reads it.
  const compatible = /^::(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1]
  if (compatible !== undefined) {
    const mapped = addressBytes(compatible)
    return mapped && [...new Uint8Array(12), ...mapped.slice(12)]
  }
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toIPv4MappedAddress().toByteArray()
  // A zone (`fe80::1%eth0`) names an interface of the machine that wrote it: it is no part of the address.
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined
  return ipaddr.IPv6.parse(text).toByteArray()
}

/** The bits behind the first `bits` replaced. */
function filled(bytes: readonly number[], bits: number, by: 0 | 255): number[] {
  return bytes.map((byte, position) => {
    const kept = Math.min(8, Math.max(0, bits - position * 8))
    const mask = 255 >> kept
    return by === 0 ? byte & ~mask & 255 : byte | mask
  })
}

function digits(bytes: readonly number[]): AddressDigits {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
