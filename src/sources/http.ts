import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { ecs } from '../formats/ecs.ts'
import { recordsOf } from './body.ts'
import { structuredEvent } from './cloudevents-binary.ts'
import type { FormatConfig, SourceBase } from './config.ts'
import { formatConfig, secret, sourceBase } from './config.ts'
import { refused } from './refused.ts'
import type { Emit, EmitOptions, Receiver, ReceiverResponse, SourceRecord } from './source.ts'

export interface HttpConfig extends SourceBase, Partial<FormatConfig> {
  readonly kind: 'http'
}

export const httpConfig: z.ZodType<HttpConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('http'),
  /** Left out: `ecs`. */
  format: formatConfig.format.exactOptional(),
  options: formatConfig.options,
  token: secret.exactOptional(),
})

const MAX_RECORDS = 10_000
const CLOUD_EVENTS = 'cloudevents'

const HINT = 'send a JSON object, a JSON array or NDJSON by POST'

/** Records by POST in the shapes that `/v1/events` takes: one object, an array, or NDJSON, in any known format. */
export function createHttp(config: HttpConfig): Receiver {
  return {
    async handle({ method, headers, body }, emit, signal) {
      if (method !== 'POST') return refused(405, 'bad_request', 'records are sent by POST', HINT)
      const records = withOptions(recordsIn(config.format ?? ecs.name, headers, body), config.options)
      const key = headers.get('idempotency-key')
      return take(records, emit, key === undefined ? { signal } : { signal, idempotencyKey: key })
    },
  }
}

function recordsIn(format: string, headers: ReadonlyMap<string, string>, body: Uint8Array): readonly SourceRecord[] {
  const event = format === CLOUD_EVENTS ? structuredEvent(headers, body) : undefined
  return event === undefined
    ? recordsOf(body, headers.get('content-type'), format, MAX_RECORDS)
    : [{ bytes: event, format }]
}

async function take(records: readonly SourceRecord[], emit: Emit, options: EmitOptions): Promise<ReceiverResponse> {
  try {
    const receipt = await emit(records, options)
    // Only when nothing of the batch could be taken: a sender that then sends it again is told the same.
    const isAllRejected = receipt.received > 0 && receipt.rejected === receipt.received
    return { status: isAllRejected ? 422 : 200, body: receipt }
  } catch (error) {
    if (!(error instanceof AuditError) || error.code !== 'conflict') throw error
    return refused(422, error.code, error.message, error.hint ?? HINT)
  }
}

function withOptions(records: readonly SourceRecord[], options: SourceRecord['options']): readonly SourceRecord[] {
  return options === undefined ? records : records.map((record) => ({ ...record, options }))
}
