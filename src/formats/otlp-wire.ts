import type { Reader } from 'protobufjs/minimal.js'
import { BufferReader } from 'protobufjs/minimal.js'

/** What is no protobuf, or not the message that was expected. The message holds no contents. */
export class BrokenProtobuf extends Error {}

export interface WireField {
  readonly field: number
  /** Of a field with a length: text, bytes, a message. */
  readonly payload: Uint8Array | undefined
  /** Of a number: its 64 bits, unsigned. */
  readonly bits: bigint
}

/**
 * The fields of a protobuf message in the order they came, as the wire has them: what they mean is the reader's. So a
 * part of a message can be kept with the bytes it had, which a decoder of whole messages does not allow.
 *
 * @throws BrokenProtobuf
 */
export function* fieldsOf(bytes: Uint8Array): Generator<WireField> {
  const reader = readerOf(bytes)
  while (reader.pos < reader.len) yield nextField(reader)
}

const VARINT = 0
const FIXED_64 = 1
const LENGTH = 2
const FIXED_32 = 5

function readerOf(bytes: Uint8Array): Reader {
  return Buffer.isBuffer(bytes)
    ? new BufferReader(bytes)
    : new BufferReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
}

function nextField(reader: Reader): WireField {
  try {
    const tag = reader.uint32()
    const field = tag >>> 3
    if (field === 0) throw new BrokenProtobuf(`a field has number 0 at byte ${reader.pos}`)
    switch (tag & 7) {
      case VARINT:
        return { field, payload: undefined, bits: bitsOf(reader.uint64()) }
      case FIXED_64:
        return { field, payload: undefined, bits: bitsOf(reader.fixed64()) }
      case FIXED_32:
        return { field, payload: undefined, bits: BigInt(reader.fixed32()) }
      case LENGTH:
        return { field, payload: reader.bytes(), bits: 0n }
      default:
        throw new BrokenProtobuf(`a field has an unknown wire type at byte ${reader.pos}`)
    }
  } catch (cause) {
    if (cause instanceof BrokenProtobuf) throw cause
    throw new BrokenProtobuf(`it cannot be read at byte ${reader.pos}`, { cause })
  }
}

/** A `Long`, or a number where that library is not there. */
function bitsOf(value: { readonly low: number; readonly high: number } | number): bigint {
  if (typeof value === 'number') return BigInt(value)
  return (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0)
}
