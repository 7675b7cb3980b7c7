import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

import { AuditError } from '../domain/errors.ts'

/** An API server of Kubernetes, and as whom we ask it. */
export interface ApiServer {
  /** `https://HOST:PORT`, without a slash at the end. */
  readonly url: string
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** It is not looked who answers. */
  readonly insecure?: true
  /** Asked for each request: tokens in files are renewed under our feet. */
  readonly token: () => string | undefined
}

/** Where a pod finds what it needs. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

const text = z.string().min(1)
const cluster = z.object({
  name: text,
  cluster: z.object({
    server: z.string().regex(/^https?:\/\/[^\s/]+/),
    'certificate-authority': text.optional(),
    'certificate-authority-data': text.optional(),
    'insecure-skip-tls-verify': z.boolean().optional(),
  }),
})
const user = z.object({
  name: text,
  user: z.object({
    token: text.optional(),
    tokenFile: text.optional(),
    'client-certificate': text.optional(),
    'client-certificate-data': text.optional(),
    'client-key': text.optional(),
    'client-key-data': text.optional(),
    exec: z.unknown().optional(),
    'auth-provider': z.unknown().optional(),
    username: z.unknown().optional(),
  }),
})
const context = z.object({ name: text, context: z.object({ cluster: text, user: text }) })
// Foreign, so read loosely.
const kubeconfig = z.object({
  clusters: z.array(cluster),
  users: z.array(user).default([]),
  contexts: z.array(context),
  'current-context': z.string().optional(),
})

/**
 * Reads the server of a context (left out: the current one) out of a kubeconfig. Programs that make credentials are not
 * run. Throws `invalid_config`.
 */
export function readKubeconfig(file: string, wanted?: string): ApiServer {
  const read = kubeconfig.safeParse(parsed(file))
  if (!read.success) {
    const [issue] = read.error.issues
    throw refusal(file, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not understood'}`)
  }
  const { clusters, users, contexts } = read.data
  const name = wanted ?? read.data['current-context'] ?? ''
  const found = contexts.find((each) => each.name === name)?.context
  if (found === undefined) throw refusal(file, `there is no context ${name === '' ? 'that is the current one' : name}`)
  const at = clusters.find((each) => each.name === found.cluster)?.cluster
  if (at === undefined) throw refusal(file, `there is no cluster ${found.cluster}`)
  const as = users.find((each) => each.name === found.user)?.user ?? {}
  for (const unsupported of ['exec', 'auth-provider', 'username'] as const) {
    if (as[unsupported] === undefined) continue
    throw refusal(file, `user ${found.user} signs in by ${unsupported}, which is not supported`)
  }
  const inFile = (path: string) => textOf(isAbsolute(path) ? path : join(dirname(file), path))
  const pem = (path: string | undefined, data: string | undefined) =>
    data === undefined ? path && inFile(path) : Buffer.from(data, 'base64').toString('utf8')
  const ca = pem(at['certificate-authority'], at['certificate-authority-data'])
  const cert = pem(as['client-certificate'], as['client-certificate-data'])
  const key = pem(as['client-key'], as['client-key-data'])
  return {
    url: at.server.replace(/\/+$/, ''),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(at['insecure-skip-tls-verify'] === true && { insecure: true }),
    token: () => as.token ?? (as.tokenFile === undefined ? undefined : inFile(as.tokenFile).trim()),
  }
}

/** The server of the cluster in which this process is a pod. Throws `invalid_config` where it is none. */
export function inClusterServer(env: NodeJS.ProcessEnv = process.env, folder = ACCOUNT): ApiServer {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env
  if (host === undefined || host === '') {
    const hint = 'name a kubeconfig instead: watch: { kubeconfig: FILE }'
    throw new AuditError('invalid_config', 'this process runs in no pod: KUBERNETES_SERVICE_HOST is not set', { hint })
  }
  const name = host.includes(':') ? `[${host}]` : host
  return {
    url: `https://${name}:${port}`,
    ca: textOf(join(folder, 'ca.crt')),
    token: () => textOf(join(folder, 'token')).trim(),
  }
}

function parsed(file: string): unknown {
  const said = textOf(file)
  try {
    return parse(said, { maxAliasCount: 100 })
  } catch (cause) {
    throw refusal(file, 'it is no YAML', cause)
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw refusal(file, 'it cannot be read', cause)
  }
}

/** The cause may quote the file, which holds secrets: its code alone is told. */
function refusal(file: string, message: string, cause?: unknown): AuditError {
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
  return new AuditError('invalid_config', `kubeconfig ${file}: ${message}${code}`)
}
