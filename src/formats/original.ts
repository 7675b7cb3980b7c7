import type { EventFields } from '../domain/event.ts'
import type { DecodedEvent } from './format.ts'
import { RECORD_LIMIT_BYTES } from './limits.ts'

/** A record of a text format: what to read, and what its events keep of the bytes. */
export interface RecordText {
  /** At most 1 MiB of it; a byte that is no UTF-8 reads as U+FFFD. */
  readonly text: string
  /** Goes into `event` of every event made of it: the record verbatim, where its bytes are UTF-8. */
  readonly original: Pick<EventFields, 'original'>
  /** Goes into the DecodedEvent: the bytes where they are not UTF-8, and that they were cut. */
  readonly kept: Pick<DecodedEvent, 'originalBase64' | 'truncated'>
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const LENIENT = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Reads a record that is text. It refuses nothing: whoever is audited chooses many of its bytes, so neither one wrong
 * byte nor a megabyte of them may keep the record out.
 */
export function recordText(bytes: Uint8Array): RecordText {
  const isLong = bytes.length > RECORD_LIMIT_BYTES
  const taken = isLong ? bytes.subarray(0, characterStart(bytes, RECORD_LIMIT_BYTES)) : bytes
  const cut = isLong ? { truncated: [{ path: 'event.original', bytes: bytes.length, reason: 'record_limit' }] } : {}
  try {
    const text = STRICT.decode(taken)
    return { text, original: { original: text }, kept: cut }
  } catch {
    const originalBase64 = Buffer.from(taken.buffer, taken.byteOffset, taken.length).toString('base64')
    return { text: LENIENT.decode(taken), original: {}, kept: { originalBase64, ...cut } }
  }
}

/** Where the character begins that byte `at` is part of. */
function characterStart(bytes: Uint8Array, at: number): number {
  let start = at
  while (start > at - 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--
  return start
}
