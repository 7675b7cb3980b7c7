import type { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { nearest } from '../domain/nearest.ts'
import { parseStrict } from '../lib/strict.ts'
import type { FileConfig } from './file.ts'
import { createFile, fileConfig } from './file.ts'
import type { HttpConfig } from './http.ts'
import { createHttp, httpConfig } from './http.ts'
import type { KubernetesWebhookConfig } from './kubernetes-webhook.ts'
import { createKubernetesWebhook, kubernetesWebhookConfig } from './kubernetes-webhook.ts'
import type { Receiver, Source, SourceDeps } from './source.ts'

export type SourceConfig = FileConfig | HttpConfig | KubernetesWebhookConfig

/** A follower works by itself; a receiver is pushed to at `/in/NAME`. */
export type Started =
  | { readonly role: 'follower'; readonly source: Source }
  | { readonly role: 'receiver'; readonly receiver: Receiver }

interface SourceKind {
  /** The word in the configuration: `kind: file`. */
  readonly kind: SourceConfig['kind']
  readonly config: z.ZodType<SourceConfig>
  /** Where its events go when the configuration names no stream. */
  readonly defaultStream: string
}

/** Every kind of source. To add one: its file, a row here, a line in startSource, a page in docs/sources. */
export const KINDS: readonly SourceKind[] = [
  { kind: 'file', config: fileConfig, defaultStream: 'default' },
  { kind: 'http', config: httpConfig, defaultStream: 'default' },
  { kind: 'kubernetes-webhook', config: kubernetesWebhookConfig, defaultStream: 'kubernetes' },
]

/**
 * One entry of `sources:`, strictly.
 *
 * @throws AuditError `invalid_config` that names source, key and the nearest right word.
 */
export function parseSource(input: unknown): SourceConfig {
  const { name, kind } = labelOf(input)
  const found = KINDS.find((each) => each.kind === kind)
  if (found !== undefined) return parseStrict(found.config, input, `source ${name}`)
  const near = typeof kind === 'string' ? nearest(kind, kindNames()) : undefined
  const hint = near === undefined ? `known kinds: ${kindNames().join(', ')}` : `did you mean ${near}?`
  const message = typeof kind === 'string' ? `source ${name} has unknown kind ${kind}` : `source ${name} names no kind`
  throw new AuditError('invalid_config', message, { hint, faults: [{ path: 'kind', message: hint }] })
}

export function streamOf(config: SourceConfig): string {
  return config.stream ?? KINDS.find((each) => each.kind === config.kind)?.defaultStream ?? 'default'
}

export function startSource(config: SourceConfig, deps: SourceDeps): Started {
  if (config.kind === 'file') return { role: 'follower', source: createFile(config, deps) }
  return { role: 'receiver', receiver: config.kind === 'http' ? createHttp(config) : createKubernetesWebhook() }
}

function kindNames(): readonly string[] {
  return KINDS.map((each) => each.kind)
}

function labelOf(input: unknown): { readonly name: string; readonly kind: unknown } {
  if (typeof input !== 'object' || input === null) return { name: '?', kind: undefined }
  const name = Object.hasOwn(input, 'name') ? String(Reflect.get(input, 'name')) : '?'
  return { name, kind: Object.hasOwn(input, 'kind') ? Reflect.get(input, 'kind') : undefined }
}
