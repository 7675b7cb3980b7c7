import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import type { Encoding } from '../formats/otlp-envelope.ts'
import type { SourceBase } from './config.ts'
import { formatConfig, secret, sourceBase } from './config.ts'
import { CODE, exportResponse, statusMessage } from './otlp-answers.ts'
import type { Exported } from './otlp-export.ts'
import { exportLogs } from './otlp-export.ts'
import { refused } from './refused.ts'
import type { Receiver, ReceiverRequest, ReceiverResponse, SourceRecord } from './source.ts'

export interface OtlpConfig extends SourceBase {
  readonly kind: 'otlp'
  /** Of format otlp. */
  readonly options?: SourceRecord['options']
}

export const otlpConfig: z.ZodType<OtlpConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('otlp'),
  options: formatConfig.options,
  token: secret.exactOptional(),
})

/**
 * OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/, OTLP/HTTP) in both encodings, at `/in/NAME` and any path
 * below it, as exporters append `/v1/logs` themselves. Log records that cannot become events are told as partial success.
 */
export function createOtlp(config: Pick<OtlpConfig, 'options'>): Receiver {
  return {
    takesOtlp: true,
    async handle(request, emit, signal) {
      if (request.method !== 'POST') return refused(405, 'bad_request', 'logs are sent by POST', HINT)
      const encoding = encodingOf(request)
      try {
        const how = { emit, signal, ...(config.options !== undefined && { options: config.options }) }
        return taken(encoding, await exportLogs(request.body, encoding, how))
      } catch (error) {
        if (!(error instanceof AuditError)) throw error
        const refusal = refusalOf(encoding, error)
        if (refusal === undefined) throw error
        return refusal
      }
    },
  }
}

/** For `POST /v1/logs`: a source that is no configured OTLP receiver, which only a token names, is taken without options. */
export function otlpReceiver(configured: Receiver | undefined): Receiver {
  return configured?.takesOtlp === true ? configured : WITHOUT_OPTIONS
}

const HINT = 'an exporter of OTLP sends an ExportLogsServiceRequest by POST'
const TYPES = { json: 'application/json', protobuf: 'application/x-protobuf' } as const

function encodingOf({ headers }: ReceiverRequest): Encoding {
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === TYPES.json) return 'json'
  if (type === TYPES.protobuf) return 'protobuf'
  const hint = `send content-type ${TYPES.protobuf} or ${TYPES.json}`
  throw new AuditError('unsupported', 'content-type is none that OTLP has', { hint })
}

function taken(encoding: Encoding, exported: Exported): ReceiverResponse {
  const { rejected, message: errorMessage } = exported
  const partial = rejected === 0 ? {} : { partialSuccess: { rejectedLogRecords: String(rejected), errorMessage } }
  return answer(200, encoding, encoding === 'json' ? Buffer.from(JSON.stringify(partial)) : exportResponse(exported))
}

/** Undefined: for the API to answer and to log, as all of its errors. 429 and 503 are what senders come again for. */
function refusalOf(encoding: Encoding, error: AuditError): ReceiverResponse | undefined {
  const http = STATUS.get(error.code)
  if (http === undefined) return undefined
  const code = error.code === 'busy' ? CODE.resourceExhausted : CODE.invalidArgument
  const { retryAfterMs, hint } = error.details
  const message = hint === undefined ? error.message : `${error.message}: ${hint}`
  const body =
    encoding === 'json' ? Buffer.from(JSON.stringify({ code, message })) : statusMessage(code, message, retryAfterMs)
  const seconds = retryAfterMs === undefined ? undefined : String(Math.max(1, Math.ceil(retryAfterMs / 1000)))
  return answer(http, encoding, body, seconds === undefined ? {} : { 'retry-after': seconds })
}

const STATUS: ReadonlyMap<string, number> = new Map([
  ['bad_request', 400],
  ['too_large', 413],
  ['busy', 429],
])

function answer(
  httpStatus: number,
  encoding: Encoding,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): ReceiverResponse {
  return { status: httpStatus, headers: { ...headers, 'content-type': TYPES[encoding] }, body }
}

const WITHOUT_OPTIONS = createOtlp({})
