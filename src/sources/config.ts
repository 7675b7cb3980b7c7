import { z } from 'zod'
import { FORMAT_NAMES, formatHint } from '../formats/formats.ts'
import { RECORD_LIMIT_BYTES } from '../formats/limits.ts'
import { type ClientCertificate, isFingerprint, isSubject } from '../lib/client-certificate.ts'
import type { TlsFiles } from '../lib/tls.ts'

/** `{ env: NAME }` or `{ file: PATH }`: where a secret is, never the secret. */
export type SecretRef = { readonly env: string } | { readonly file: string }

/** What every source in `whodid.yaml` has. */
export interface SourceBase {
  /** Appears in accounting, metrics and events. */
  readonly name: string
  /** Left out: the kind's own. */
  readonly stream?: string
  /** `orchestrator.cluster.name` of its events. */
  readonly cluster?: string
  /** IANA zone of times that carry none. */
  readonly timezone?: string
  /** For receivers: the bearer token of its sender. */
  readonly token?: SecretRef
  /** For receivers: the certificate that its sender shows, signed by an authority of `tls.clientCa`. */
  readonly clientCertificate?: ClientCertificate
  readonly limits?: SourceLimits
  /**
   * The source whose records these are too, where two ways lead from one system (webhook and file of one cluster): what
   * comes by both is stored once. Name, stream, cluster and accounting are then that source's.
   */
  readonly feeds?: string
  /** The audit policy of Kubernetes by which its events are kept: a name, or a file of one. Left out: none. */
  readonly policy?: string
  /** Families of rules that are only asked about sources that say so. */
  readonly rules?: readonly 'access-audit'[]
}

/** Of one source, so that it does not take the room of others. */
export interface SourceLimits {
  readonly recordsPerSecond?: number
  readonly bytesPerSecond?: number
  /** Batches that wait for their answer at a time; for a listener of its own: open connections. */
  readonly connections?: number
  /** For a listener of its own: open connections of one address. Left out: half of `connections`, and at least 16. */
  readonly connectionsPerAddress?: number
  /** For a listener of its own: what a connection may take to its first whole message or authentication. Left out: 60. */
  readonly firstMessageSeconds?: number
  /** Beyond them, and while nothing can be taken: the sender is told to wait, or records are given up and counted. */
  readonly overflow?: 'wait' | 'shed'
  /** Part of the journal's bound that may wait of it: above 0, at most 1. */
  readonly journalShare?: number
  /** A longer record is rejected. Left out: it loses its bodies, the largest first. */
  readonly recordBytes?: number
}

/** For sources that say what their records are. */
export interface FormatConfig {
  readonly format: string
  /** Of the format; each has its own (docs/formats). */
  readonly options?: Readonly<Record<string, unknown>>
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/

/** Name of a source or stream. */
export const name = z.string().regex(NAME, 'a name has 1 to 63 of a-z, 0-9 and -, and does not begin with -')

export const secret: z.ZodType<SecretRef> = z.union(
  [z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })],
  'a secret is { env: NAME } or { file: PATH }',
)

/** Of a listener: PEM files, relative to the configuration's file. */
export const tls: z.ZodType<TlsFiles> = z.strictObject({
  cert: z.string().min(1),
  key: z.string().min(1),
  clientCa: z.string().min(1).exactOptional(),
})

const formatName = z.string().superRefine((word, context) => {
  if (FORMAT_NAMES.includes(word)) return
  context.addIssue({ code: 'custom', message: `there is no format ${word}: ${formatHint(word)}` })
})

const clientCertificate: z.ZodType<ClientCertificate> = z.union(
  [
    z.strictObject({ fingerprint: z.string().refine(isFingerprint) }),
    z.strictObject({ subject: z.string().refine(isSubject) }),
  ],
  'a certificate is { fingerprint: SHA256:HEX } or { subject: CN=NAME }',
)

const limits: z.ZodType<SourceLimits> = z.strictObject({
  recordsPerSecond: z.int().positive().exactOptional(),
  bytesPerSecond: z.int().positive().exactOptional(),
  connections: z.int().positive().exactOptional(),
  connectionsPerAddress: z.int().positive().exactOptional(),
  firstMessageSeconds: z.int().positive().max(86_400).exactOptional(),
  overflow: z.enum(['wait', 'shed']).exactOptional(),
  journalShare: z.number().positive().max(1).exactOptional(),
  recordBytes: z.int().positive().max(RECORD_LIMIT_BYTES).exactOptional(),
})

const zone = z.string().refine(isZone, 'an IANA time zone, like Europe/Stockholm')

export const sourceBase = {
  name,
  stream: name.exactOptional(),
  cluster: z.string().min(1).exactOptional(),
  timezone: zone.exactOptional(),
  feeds: name.exactOptional(),
  clientCertificate: clientCertificate.exactOptional(),
  limits: limits.exactOptional(),
  policy: z.string().min(1).max(1024).exactOptional(),
  rules: z.array(z.enum(['access-audit'], 'the one word here is access-audit')).exactOptional(),
}

export const formatConfig = {
  format: formatName,
  options: z.record(z.string(), z.unknown()).exactOptional(),
}

function isZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
