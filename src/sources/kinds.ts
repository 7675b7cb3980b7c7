import type { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { nearest } from '../domain/nearest.ts'
import { ecs } from '../formats/ecs.ts'
import { configuredFormat, formatNamed } from '../formats/formats.ts'
import { parseStrict } from '../lib/strict.ts'
import type { BulkConfig } from './bulk.ts'
import { bulkConfig, createBulk } from './bulk.ts'
import type { CloudWatchLogsConfig } from './cloudwatch-logs.ts'
import { cloudWatchLogsConfig, createCloudWatchLogs } from './cloudwatch-logs.ts'
import type { FileConfig } from './file.ts'
import { createFile, fileConfig } from './file.ts'
import type { FluentForwardConfig } from './fluent-forward.ts'
import { createFluentForward, fluentForwardConfig } from './fluent-forward.ts'
import type { ForwardConfig } from './forward.ts'
import { createForward, forwardConfig } from './forward.ts'
import type { HttpConfig } from './http.ts'
import { createHttp, httpConfig } from './http.ts'
import type { KafkaConfig } from './kafka-config.ts'
import { kafkaConfig } from './kafka-config.ts'
import { createKafka } from './kafka.ts'
import type { KubernetesWebhookConfig } from './kubernetes-webhook.ts'
import { createKubernetesWebhook, kubernetesWebhookConfig } from './kubernetes-webhook.ts'
import type { OtlpGrpcConfig } from './otlp-grpc.ts'
import { createOtlpGrpc, otlpGrpcConfig } from './otlp-grpc.ts'
import type { OtlpConfig } from './otlp.ts'
import { createOtlp, otlpConfig } from './otlp.ts'
import type { Receiver, Source, SourceDeps } from './source.ts'
import type { StdinConfig } from './stdin.ts'
import { createStdin, stdinConfig } from './stdin.ts'
import type { SyslogConfig } from './syslog.ts'
import { createSyslog, syslogConfig } from './syslog.ts'

export type SourceConfig =
  | BulkConfig
  | CloudWatchLogsConfig
  | FileConfig
  | FluentForwardConfig
  | ForwardConfig
  | HttpConfig
  | KafkaConfig
  | KubernetesWebhookConfig
  | OtlpConfig
  | OtlpGrpcConfig
  | SyslogConfig
  | StdinConfig

/** A follower works by itself, also one that listens; a receiver is pushed to at `/in/NAME`. */
export type Started =
  | { readonly role: 'follower'; readonly source: Source }
  | { readonly role: 'receiver'; readonly receiver: Receiver }

interface SourceKind {
  /** The word in the configuration: `kind: file`. */
  readonly kind: SourceConfig['kind']
  readonly config: z.ZodType<SourceConfig>
  /** Where its events go when the configuration names no stream; left out: where those of its format go. */
  readonly defaultStream?: string
  start(config: SourceConfig, deps: SourceDeps): Started
}

/** Every kind of source. To add one: its file, its type above, a row here, a page in docs/sources. */
export const KINDS: readonly SourceKind[] = [
  receiver('bulk', bulkConfig, undefined, createBulk),
  follower('cloudwatch-logs', cloudWatchLogsConfig, undefined, createCloudWatchLogs),
  follower('file', fileConfig, undefined, createFile),
  follower('fluent-forward', fluentForwardConfig, undefined, createFluentForward),
  receiver('forward', forwardConfig, undefined, createForward),
  receiver('http', httpConfig, undefined, createHttp),
  follower('kafka', kafkaConfig, undefined, createKafka),
  receiver('kubernetes-webhook', kubernetesWebhookConfig, 'kubernetes', createKubernetesWebhook),
  receiver('otlp', otlpConfig, undefined, createOtlp),
  follower('otlp-grpc', otlpGrpcConfig, undefined, createOtlpGrpc),
  follower('syslog', syslogConfig, undefined, createSyslog),
  follower('stdin', stdinConfig, undefined, (config, deps) => createStdin(config, deps)),
]

function follower<C extends SourceConfig>(
  kind: C['kind'],
  config: z.ZodType<C>,
  defaultStream: string | undefined,
  create: (config: C, deps: SourceDeps) => Source,
): SourceKind {
  // A row is asked only for what its own schema has read.
  return {
    kind,
    config,
    ...(defaultStream !== undefined && { defaultStream }),
    start: (own, deps) => ({ role: 'follower', source: create(own as C, deps) }),
  }
}

function receiver<C extends SourceConfig>(
  kind: C['kind'],
  config: z.ZodType<C>,
  defaultStream: string | undefined,
  create: (config: C, deps: SourceDeps) => Receiver,
): SourceKind {
  // As above.
  return {
    kind,
    config,
    ...(defaultStream !== undefined && { defaultStream }),
    start: (own, deps) => ({ role: 'receiver', receiver: create(own as C, deps) }),
  }
}

/**
 * One entry of `sources:`, strictly.
 *
 * @throws AuditError `invalid_config` that names source, key and the nearest right word.
 */
export function parseSource(input: unknown): SourceConfig {
  const { name, kind } = labelOf(input)
  const found = KINDS.find((each) => each.kind === kind)
  if (found !== undefined) {
    const config = parseStrict(found.config, input, `source ${name}`)
    refuseWrongOptions(config)
    return config
  }
  const near = typeof kind === 'string' ? nearest(kind, kindNames()) : undefined
  const hint = near === undefined ? `known kinds: ${kindNames().join(', ')}` : `did you mean ${near}?`
  const message = typeof kind === 'string' ? `source ${name} has unknown kind ${kind}` : `source ${name} names no kind`
  throw new AuditError('invalid_config', message, { hint, faults: [{ path: 'kind', message: hint }] })
}

export function streamOf(config: SourceConfig): string {
  const format = ('format' in config ? config.format : undefined) ?? formatOf(config)
  const ofFormat = format === undefined ? undefined : formatNamed(format).stream
  return config.stream ?? rowOf(config).defaultStream ?? ofFormat ?? 'default'
}

/** Format and options that records of a source have. */
export interface RecordFormat {
  readonly format: string
  readonly options?: Readonly<Record<string, unknown>>
}

/**
 * What the configuration says of the records of a source: one pair, the source's own first where a name beside the record
 * (index, tag) may choose another, none where each record brings its own.
 */
export function formatsOf(config: SourceConfig): readonly RecordFormat[] {
  if (config.kind === 'forward') return []
  const format = ('format' in config ? config.format : undefined) ?? formatOf(config) ?? ecs.name
  const options = 'options' in config ? config.options : undefined
  const chosen = [
    ...('indices' in config ? (config.indices ?? []) : []),
    ...('tags' in config ? (config.tags ?? []) : []),
  ]
  return [{ format, ...(options !== undefined && { options }) }, ...chosen]
}

export function startSource(config: SourceConfig, deps: SourceDeps): Started {
  return rowOf(config).start(config, deps)
}

function rowOf(config: SourceConfig): SourceKind {
  const found = KINDS.find((each) => each.kind === config.kind)
  if (found === undefined) throw new AuditError('internal', `kind ${config.kind} has no row`)
  return found
}

/** Options are the format's: it says what is wrong with them, before anything starts. */
function refuseWrongOptions(config: SourceConfig): void {
  if ('options' in config) {
    refuseWrong(
      config.name,
      ('format' in config ? config.format : undefined) ?? formatOf(config),
      config.options,
      'options',
    )
  }
  if ('tags' in config) {
    config.tags?.forEach(({ format, options }, n) => refuseWrong(config.name, format, options, `tags.${n}.options`))
  }
  if (!('indices' in config)) return
  config.indices?.forEach(({ format, options }, n) => refuseWrong(config.name, format, options, `indices.${n}.options`))
}

/** Of kinds whose format the configuration does not name, or need not. */
function formatOf({ kind }: SourceConfig): string | undefined {
  if (kind === 'syslog') return 'auth-log'
  if (kind === 'kubernetes-webhook') return 'kubernetes-audit'
  return kind === 'otlp' || kind === 'otlp-grpc' ? 'otlp' : undefined
}

function refuseWrong(source: string, format: string | undefined, options: unknown, at: string): void {
  if (options === undefined) return
  try {
    configuredFormat(format ?? ecs.name, options)
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    const faults = (error.details.faults ?? [{ path: '', message: error.message }]).map((fault) => {
      return { ...fault, path: [at, fault.path].filter((part) => part !== '').join('.') }
    })
    throw new AuditError(error.code, `source ${source}: ${error.message}`, { ...error.details, faults })
  }
}

function kindNames(): readonly string[] {
  return KINDS.map((each) => each.kind)
}

function labelOf(input: unknown): { readonly name: string; readonly kind: unknown } {
  if (typeof input !== 'object' || input === null) return { name: '?', kind: undefined }
  const name = Object.hasOwn(input, 'name') ? String(Reflect.get(input, 'name')) : '?'
  return { name, kind: Object.hasOwn(input, 'kind') ? Reflect.get(input, 'kind') : undefined }
}
