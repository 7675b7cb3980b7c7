import { hostname as hostnameOfMachine } from 'node:os'
import type { Socket } from 'node:net'
import { z } from 'zod'
import { ecs } from '../formats/ecs.ts'
import type { TlsFiles } from '../lib/tls.ts'
import type { FormatConfig, SecretRef, SourceBase } from './config.ts'
import { formatConfig, secret, sourceBase, tls } from './config.ts'
import { serveConnection } from './fluent-forward-connection.ts'
import type { HandshakeConfig } from './fluent-forward-handshake.ts'
import type { Routes } from './fluent-forward-records.ts'
import { createBudget } from './fluent-forward-buffer.ts'
import { connectionLimits, isLoopback, listenAddress, listenUntil } from './listener.ts'
import type { Source, SourceDeps } from './source.ts'

export interface FluentForwardConfig extends SourceBase, Partial<FormatConfig> {
  readonly kind: 'fluent-forward'
  /** HOST:PORT; the protocol's own is port 24224. */
  readonly listen: string
  readonly tls?: TlsFiles
  readonly sharedKey?: SecretRef
  /** What we call ourselves in the handshake; left out: the machine's name. */
  readonly hostname?: string
  readonly users?: readonly { readonly name: string; readonly password: SecretRef }[]
  /** The key whose text is the record; left out: the whole record as JSON. */
  readonly text?: string
  readonly timeKey?: string
  readonly tagKey?: string
  /** By tag; what none matches is what stands beside them. */
  readonly tags?: readonly TagRoute[]
}

interface TagRoute extends FormatConfig {
  readonly match: string
  readonly text?: string
}

const key = z.string().min(1).max(200)

export const fluentForwardConfig: z.ZodType<FluentForwardConfig> = z
  .strictObject({
    ...sourceBase,
    kind: z.literal('fluent-forward'),
    listen: listenAddress,
    tls: tls.exactOptional(),
    sharedKey: secret.exactOptional(),
    hostname: z.string().min(1).max(200).exactOptional(),
    users: z.array(z.strictObject({ name: z.string().min(1), password: secret })).exactOptional(),
    /** Left out: `ecs`. */
    format: formatConfig.format.exactOptional(),
    options: formatConfig.options,
    text: key.exactOptional(),
    timeKey: key.exactOptional(),
    tagKey: key.exactOptional(),
    tags: z.array(z.strictObject({ match: key, ...formatConfig, text: key.exactOptional() })).exactOptional(),
  })
  .refine((config) => config.users === undefined || config.sharedKey !== undefined, {
    path: ['users'],
    message: 'users sign in behind a sharedKey',
  })
  .refine(isKnown, { path: ['sharedKey'], message: 'say how senders are known: sharedKey, or clientCa in tls' })

/** Another machine's senders must be known; on this one there are those that can do neither (Docker's log driver). */
function isKnown({ listen, sharedKey, tls: files }: FluentForwardConfig): boolean {
  const host = listen.slice(0, listen.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  return sharedKey !== undefined || files?.clientCa !== undefined || isLoopback(host)
}

const MAX_CONNECTIONS = 256
/** Of messages that are still coming, over all connections. */
const BUFFER_BYTES = 128 << 20

/**
 * The forward protocol of Fluentd and Fluent Bit, version 1, on a port of its own: all event modes, acknowledgements,
 * shared key and users. A message is acknowledged when its records are durable. While they cannot be taken nothing more
 * is read from the connection: its sender waits, and in the end sends what was not acknowledged again.
 */
export function createFluentForward(config: FluentForwardConfig, deps: SourceDeps): Source {
  const routes = routesOf(config)
  const handshake = handshakeOf(config, deps)
  return {
    async run(emit, signal) {
      const budget = createBudget(BUFFER_BYTES)
      const listener = { ...config, connections: connectionLimits(config.limits, MAX_CONNECTIONS) }
      const served = new Set<Promise<void>>()
      await listenUntil(listener, deps, signal, (socket: Socket, refusals, welcome) => {
        const connection = { emit, signal, clock: deps.clock, routes, handshake, budget, refusals, welcome }
        const serving = serveConnection(socket, connection).finally(() => served.delete(serving))
        served.add(serving)
      })
      await Promise.all(served)
    },
  }
}

function routesOf(config: FluentForwardConfig): Routes {
  const { tags = [], format = ecs.name, options, text } = config
  const isKnownSender = config.sharedKey !== undefined || config.tls?.clientCa !== undefined
  return {
    tags,
    rest: { format, ...(options !== undefined && { options }), ...(text !== undefined && { text }) },
    timeKey: config.timeKey ?? '@timestamp',
    tagKey: config.tagKey,
    origin: isKnownSender ? undefined : { authenticated: false },
  }
}

function handshakeOf(config: FluentForwardConfig, deps: SourceDeps): HandshakeConfig | undefined {
  if (config.sharedKey === undefined) return undefined
  const users = (config.users ?? []).map(({ name, password }) => [name, deps.secret(password)] as const)
  const hostname = config.hostname ?? hostnameOfMachine()
  return { sharedKey: deps.secret(config.sharedKey), hostname, users: new Map(users) }
}
