import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { kubernetesAudit } from '../formats/kubernetes-audit.ts'
import { itemSpans, memberSpan } from '../lib/json-scan.ts'
import type { FormatConfig, SourceBase } from './config.ts'
import { formatConfig, secret, sourceBase } from './config.ts'
import { refused } from './refused.ts'
import type { Receiver } from './source.ts'

export interface KubernetesWebhookConfig extends SourceBase, Pick<FormatConfig, 'options'> {
  readonly kind: 'kubernetes-webhook'
}

export const kubernetesWebhookConfig: z.ZodType<KubernetesWebhookConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('kubernetes-webhook'),
  /** Of format `kubernetes-audit`. */
  options: formatConfig.options,
  token: secret.exactOptional(),
})

const MAX_RECORDS = 10_000
const HINT = 'a Kubernetes API server sends {"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[…]}'

/**
 * What `--audit-webhook-config-file` of a Kubernetes API server points at. Its items are cut out verbatim by byte span.
 * The API server tries any answer but 2xx five times within about 90 s and then forgets the batch; 429 with Retry-After
 * stretches that to some minutes. So records that cannot become events are no reason for a refusal: they are counted
 * as rejected.
 */
export function createKubernetesWebhook({ options }: Pick<KubernetesWebhookConfig, 'options'> = {}): Receiver {
  const format = { format: kubernetesAudit.name, ...(options !== undefined && { options }) }
  return {
    async handle({ method, body }, emit, signal) {
      if (method !== 'POST') return refused(405, 'bad_request', 'audit events are sent by POST', HINT)
      if (!isEventList(body)) return refused(422, 'bad_request', 'the body is JSON, but no EventList', HINT)
      const spans = itemSpans(body, 'items', MAX_RECORDS) ?? []
      const items = spans.map(({ start, end }) => body.subarray(start, end))
      await emit(
        items.map((bytes) => ({ bytes, ...format })),
        { signal },
      )
      return { status: 200 }
    },
  }
}

function isEventList(body: Uint8Array): boolean {
  const kind = memberSpan(body, 'kind')
  if (kind === undefined) return false
  return textAt(body, kind.start, kind.end) === 'EventList' && memberSpan(body, 'items') !== undefined
}

function textAt(body: Uint8Array, start: number, end: number): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset + start, end - start).toString('utf8'))
  } catch (cause) {
    throw new AuditError('bad_request', `JSON is broken at byte ${start}: the value of kind`, { cause })
  }
}
