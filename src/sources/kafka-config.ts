import { z } from 'zod'
import { flexAudit } from '../formats/flex-audit.ts'
import type { FormatConfig, SecretRef, SourceBase } from './config.ts'
import { formatConfig, secret, sourceBase } from './config.ts'

export interface KafkaConfig extends SourceBase, FormatConfig {
  readonly kind: 'kafka'
  /** HOST:PORT of some brokers: they name the others. */
  readonly brokers: readonly string[]
  readonly topics: readonly string[]
  /** Consumer group; left out: `whodid-NAME`. It belongs to this source alone. */
  readonly group?: string
  /** Where a topic begins that the group has never read. */
  readonly from: KafkaStart
  readonly tls?: KafkaTls
  readonly sasl?: KafkaSasl
}

export type KafkaStart = 'earliest' | 'latest' | { readonly timestamp: string }

/** PEM files, absolute paths. Empty: TLS with the authorities that Node knows. */
export interface KafkaTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: SecretRef
}

const broker = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^:\s[\]]+):\d{1,5}$/, 'HOST:PORT, like kafka-1:9092')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'a port is at most 65535')

/** Kafka's own rule for names. */
const topic = z
  .string()
  .regex(/^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/, 'a topic has 1 to 249 of a-z, A-Z, 0-9, ., _ and -')

const tls: z.ZodType<KafkaTls> = z
  .strictObject({
    ca: z.string().min(1).exactOptional(),
    cert: z.string().min(1).exactOptional(),
    key: z.string().min(1).exactOptional(),
  })
  .refine((files) => (files.cert === undefined) === (files.key === undefined), 'cert and key go together')

const sasl: z.ZodType<KafkaSasl> = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
  username: z.string().min(1),
  password: secret,
})

const start: z.ZodType<KafkaStart> = z.union(
  [
    z.enum(['earliest', 'latest']),
    z.strictObject({ timestamp: z.iso.datetime({ offset: true, error: 'a time like 2026-11-01T00:00:00Z' }) }),
  ],
  'from is earliest, latest or { timestamp: 2026-11-01T00:00:00Z }',
)

export const kafkaConfig: z.ZodType<KafkaConfig> = z.strictObject({
  ...sourceBase,
  kind: z.literal('kafka'),
  brokers: z.array(broker).min(1, 'names at least one broker').max(100),
  topics: z.array(topic).min(1, 'names at least one topic').max(100),
  group: z.string().min(1).max(249).exactOptional(),
  from: start.default('earliest'),
  tls: tls.exactOptional(),
  sasl: sasl.exactOptional(),
  format: formatConfig.format.default(flexAudit.name),
  options: formatConfig.options,
})
