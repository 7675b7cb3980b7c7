import { z } from 'zod'
import type { Receipt } from '../domain/answers.ts'
import { ecs } from '../formats/ecs.ts'
import { emitOrWait, refusalOf, refused } from './answers.ts'
import { recordsOf } from './body.ts'
import type { SourceBase } from './config.ts'
import { formatName, secret, sourceBase } from './config.ts'
import type { EmitOptions, Receiver, ReceiverRequest, ReceiverResponse, SourceRecord } from './source.ts'

export interface HttpConfig extends SourceBase {
  readonly kind: 'http'
  /** Left out: `ecs`. */
  readonly format?: string
}

export const httpConfig: z.ZodType<HttpConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('http'),
  format: formatName.exactOptional(),
  token: secret.exactOptional(),
})

const MAX_RECORDS = 10_000

/** Records by POST in the shapes that `/v1/events` takes: one object, an array, or NDJSON, in any known format. */
export function createHttp(config: HttpConfig): Receiver {
  return {
    async handle(request, emit, signal) {
      if (request.method !== 'POST') return refused(405, 'bad_request', 'records are sent by POST')
      const records = recordsOrRefusal(request, config.format ?? ecs.name)
      if (!Array.isArray(records)) return records
      const key = request.headers.get('idempotency-key')
      const options: EmitOptions = key === undefined ? { signal } : { signal, idempotencyKey: key }
      return emitOrWait(emit, records, options, answerOf)
    },
  }
}

function recordsOrRefusal(request: ReceiverRequest, format: string): SourceRecord[] | ReceiverResponse {
  try {
    return [...recordsOf(request.body, request.headers.get('content-type'), format, MAX_RECORDS)]
  } catch (error) {
    return refusalOf(error)
  }
}

/** 422 only when nothing of the batch could be taken: a sender that then sends it again is told the same. */
function answerOf(receipt: Receipt): ReceiverResponse {
  const allRejected = receipt.received > 0 && receipt.rejected === receipt.received
  return { status: allRejected ? 422 : 200, body: receipt }
}
