import { Writer } from 'protobufjs/minimal.js'
import type { Exported } from './otlp-export.ts'

/** Messages that a server of OTLP answers with, in protobuf. */

/** `ExportLogsServiceResponse`: empty when everything was taken. */
export function exportResponse({ rejected, message }: Exported): Uint8Array {
  if (rejected === 0) return new Uint8Array()
  const partial = Writer.create().uint32(8).int64(rejected).uint32(18).string(message).finish()
  return Writer.create().uint32(10).bytes(partial).finish()
}

/** Of google.rpc.Code, those that we answer with. */
export const CODE = { invalidArgument: 3, resourceExhausted: 8, unavailable: 14 } as const

/** `google.rpc.Status`; with a delay, a `google.rpc.RetryInfo` lies in its details: without it a sender may give up. */
export function statusMessage(code: number, message: string, retryAfterMs?: number): Uint8Array {
  const writer = Writer.create().uint32(8).int32(code).uint32(18).string(message)
  if (retryAfterMs !== undefined) writer.uint32(26).bytes(retryInfo(retryAfterMs))
  return writer.finish()
}

/** In a `google.protobuf.Any`. */
function retryInfo(retryAfterMs: number): Uint8Array {
  const delay = Writer.create()
    .uint32(8)
    .int64(Math.floor(retryAfterMs / 1000))
  delay.uint32(16).int32((retryAfterMs % 1000) * 1_000_000)
  const info = Writer.create().uint32(10).bytes(delay.finish()).finish()
  return Writer.create().uint32(10).string('type.googleapis.com/google.rpc.RetryInfo').uint32(18).bytes(info).finish()
}
