import type { Json } from '../domain/event.ts'
import type { Micros } from '../domain/time.ts'

/** One LogRecord with the resource and the scope that it lies in, whichever of the two encodings it came in. */
export interface OtlpRecord {
  readonly time: Micros | undefined
  readonly observed: Micros | undefined
  readonly severity: number
  readonly severityText: string
  readonly body: Json | undefined
  /** The body as it was sent, where it is a text or bytes: what `body: FORMAT` reads. A text stands for its UTF-8. */
  readonly rawBody: string | Uint8Array | undefined
  readonly attributes: ReadonlyMap<string, Json>
  readonly droppedAttributes: number
  /** Lower case hex; empty where there is none. */
  readonly traceId: string
  readonly spanId: string
  readonly eventName: string
  readonly resource: ReadonlyMap<string, Json>
  readonly scopeName: string
  readonly scopeVersion: string
  readonly scope: ReadonlyMap<string, Json>
}

/** Lists and maps in a body or an attribute may lie this deep in each other. */
export const VALUE_DEPTH_LIMIT = 32

/**
 * Nanoseconds since 1970 as microseconds; 0 says that there is no time, and so does what no clock says.
 *
 * @param nanos Unsigned 64 bits.
 */
export function microsOf(nanos: bigint): Micros | undefined {
  return nanos <= 0n || nanos > MOST_NANOS ? undefined : Number(nanos / 1000n)
}

const MOST_NANOS = 0xffff_ffff_ffff_ffffn
