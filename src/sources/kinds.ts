import type { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { nearest } from '../domain/nearest.ts'
import { authLog } from '../formats/auth-log.ts'
import { ecs } from '../formats/ecs.ts'
import { flexAudit } from '../formats/flex-audit.ts'
import type { Format } from '../formats/format.ts'
import { configuredFormat, formatNamed } from '../formats/formats.ts'
import { kubernetesAudit } from '../formats/kubernetes-audit.ts'
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
  /** What its records are where the configuration does not say; undefined where each record brings its own. */
  readonly format: string | undefined
  start(config: SourceConfig, deps: SourceDeps): Started
}

/** Every kind of source. To add one: its file, its type above, a row here, a page in docs/sources. */
export const KINDS: readonly SourceKind[] = [
  receiver('bulk', bulkConfig, ecs, createBulk),
  follower('cloudwatch-logs', cloudWatchLogsConfig, ecs, createCloudWatchLogs),
  follower('file', fileConfig, ecs, createFile),
  follower('fluent-forward', fluentForwardConfig, ecs, createFluentForward),
  receiver('forward', forwardConfig, undefined, createForward),
  receiver('http', httpConfig, ecs, createHttp),
  follower('kafka', kafkaConfig, flexAudit, createKafka),
  receiver('kubernetes-webhook', kubernetesWebhookConfig, kubernetesAudit, createKubernetesWebhook),
  receiver('otlp', otlpConfig, formatNamed('otlp'), createOtlp),
  follower('otlp-grpc', otlpGrpcConfig, formatNamed('otlp'), createOtlpGrpc),
  follower('stdin', stdinConfig, ecs, (config, deps) => createStdin(config, deps)),
  follower('syslog', syslogConfig, authLog, createSyslog),
]

function follower<C extends SourceConfig>(
  kind: C['kind'],
  config: z.ZodType<C>,
  format: Format | undefined,
  create: (config: C, deps: SourceDeps) => Source,
): SourceKind {
  return row(kind, config, format, (own, deps) => ({ role: 'follower', source: create(own, deps) }))
}

function receiver<C extends SourceConfig>(
  kind: C['kind'],
  config: z.ZodType<C>,
  format: Format | undefined,
  create: (config: C, deps: SourceDeps) => Receiver,
): SourceKind {
  return row(kind, config, format, (own, deps) => ({ role: 'receiver', receiver: create(own, deps) }))
}

function row<C extends SourceConfig>(
  kind: C['kind'],
  config: z.ZodType<C>,
  format: Format | undefined,
  start: (config: C, deps: SourceDeps) => Started,
): SourceKind {
  // A row is asked only for what its own schema has read.
  return { kind, config, format: format?.name, start: (own, deps) => start(own as C, deps) }
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
    refuseFilteringTwice(config)
    refuseConnectionLimits(config)
    return config
  }
  const near = typeof kind === 'string' ? nearest(kind, kindNames()) : undefined
  const hint = near === undefined ? `known kinds: ${kindNames().join(', ')}` : `did you mean ${near}?`
  const message = typeof kind === 'string' ? `source ${name} has unknown kind ${kind}` : `source ${name} names no kind`
  throw new AuditError('invalid_config', message, { hint, faults: [{ path: 'kind', message: hint }] })
}

export function streamOf(config: SourceConfig): string {
  const format = formatOf(config)
  return config.stream ?? (format === undefined ? undefined : formatNamed(format).stream) ?? 'default'
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
  const format = formatOf(config)
  if (format === undefined) return []
  const options = 'options' in config ? config.options : undefined
  return [{ format, ...(options !== undefined && { options }) }, ...chosenBy(config).map(([, chosen]) => chosen)]
}

function formatOf(config: SourceConfig): string | undefined {
  return ('format' in config ? config.format : undefined) ?? rowOf(config).format
}

/** What a name beside the record chooses, each with where it stands in the configuration. */
function chosenBy(config: SourceConfig): readonly (readonly [at: string, RecordFormat])[] {
  const indices = 'indices' in config ? (config.indices ?? []) : []
  const tags = 'tags' in config ? (config.tags ?? []) : []
  return [
    ...indices.map((each, n) => [`indices.${n}.`, each] as const),
    ...tags.map((each, n) => [`tags.${n}.`, each] as const),
  ]
}

export function startSource(config: SourceConfig, deps: SourceDeps): Started {
  return rowOf(config).start(config, deps)
}

function rowOf(config: SourceConfig): SourceKind {
  const found = KINDS.find((each) => each.kind === config.kind)
  if (found === undefined) throw new AuditError('internal', `kind ${config.kind} has no row`)
  return found
}

/** Kong Mesh has chosen by its own AccessAudits what its files hold. */
function refuseFilteringTwice(config: SourceConfig): void {
  const formats = formatsOf(config)
  if (config.rules?.includes('access-audit') !== true || formats.length === 0) return
  if (formats.some(({ format }) => format !== 'kong-mesh')) return
  const message = 'access-audit is not for records of format kong-mesh, which Kong Mesh has filtered itself'
  const hint = 'leave rules out; they are for what producers of your own report'
  throw new AuditError('invalid_config', `source ${config.name}: rules: ${message}`, {
    hint,
    faults: [{ path: 'rules', message }],
  })
}

const LISTENERS: readonly SourceConfig['kind'][] = ['fluent-forward', 'otlp-grpc', 'syslog']

/** Connections of all others are those of the server. */
function refuseConnectionLimits({ name: source, kind, limits = {} }: SourceConfig): void {
  if (LISTENERS.includes(kind)) return
  for (const key of ['connectionsPerAddress', 'firstMessageSeconds'] as const) {
    if (limits[key] === undefined) continue
    const message = `${key} is for listeners of their own: ${LISTENERS.join(', ')}`
    throw new AuditError('invalid_config', `source ${source}: limits: ${message}`, {
      faults: [{ path: `limits.${key}`, message }],
    })
  }
}

/** Options are the format's: it says what is wrong with them, before anything starts. */
function refuseWrongOptions(config: SourceConfig): void {
  const [own] = formatsOf(config)
  if (own !== undefined) refuseWrong(config.name, own, '')
  for (const [at, chosen] of chosenBy(config)) refuseWrong(config.name, chosen, at)
}

function refuseWrong(source: string, { format, options }: RecordFormat, at: string): void {
  if (options === undefined) return
  try {
    configuredFormat(format, options)
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    const faults = (error.details.faults ?? [{ path: '', message: error.message }]).map((fault) => {
      return { ...fault, path: [`${at}options`, fault.path].filter((part) => part !== '').join('.') }
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
