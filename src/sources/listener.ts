import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { createServer as createTlsServer, TLSSocket } from 'node:tls'
import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import type { TlsFiles } from '../lib/tls.ts'
import { tlsServerOptions, watchTls } from '../lib/tls.ts'
import type { SourceLimits } from './config.ts'
import type { SourceDeps } from './source.ts'

export interface ListenerConfig {
  /** HOST:PORT. */
  readonly listen: string
  readonly tls?: TlsFiles
  readonly connections: ConnectionLimits
  /** By ALPN, where the protocol has a name there. */
  readonly alpn?: string
  /** Listens for other machines without TLS too: where the source's configuration has asked for that. */
  readonly takesPlain?: boolean
  /** Says goodbye at the end and hears out what is still on its way, that long: for protocols that acknowledge nothing. */
  readonly lingerMs?: number
}

export interface ConnectionLimits {
  readonly atOnce: number
  readonly ofOneAddress: number
  /** Who has neither authenticated nor sent a whole message by then is turned away. */
  readonly firstMessageMs: number
}

const LEAST_OF_ONE_ADDRESS = 16
const FIRST_MESSAGE_SECONDS = 60

/** What `limits` of a listener says. @param most Connections at once, where it says nothing of them. */
export function connectionLimits(limits: SourceLimits | undefined, most: number): ConnectionLimits {
  const atOnce = limits?.connections ?? most
  return {
    atOnce,
    ofOneAddress: limits?.connectionsPerAddress ?? Math.max(LEAST_OF_ONE_ADDRESS, Math.ceil(atOnce / 2)),
    firstMessageMs: 1000 * (limits?.firstMessageSeconds ?? FIRST_MESSAGE_SECONDS),
  }
}

export const listenAddress = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/, 'HOST:PORT, like 127.0.0.1:24224')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'a port is at most 65535')

/** What a listener of its own tells of itself; the source adds why it turned something away. */
export interface Refusals {
  add(reason: string): void
}

/**
 * Listens on a socket of its own until `signal` aborts, and ends its connections then. Without TLS on loopback only.
 * `serve` gets every connection whose handshake is done; a certificate is required where `clientCa` says whose. A sender
 * without one stays a stranger until `serve` calls `welcome`, as often as it likes.
 *
 * @throws AuditError `port_in_use`, `io_failed` or `invalid_config`, naming the address or the file.
 */
export async function listenUntil(
  config: ListenerConfig,
  deps: SourceDeps,
  signal: AbortSignal,
  serve: (socket: Socket, refusals: Refusals, welcome: () => void) => void,
): Promise<void> {
  if (signal.aborted) return
  const { host, port } = addressOf(config)
  const server = serverOf(config)
  const open = new Set<Socket>()
  const byAddress = new Map<string, number>()
  const refused = new Map<string, number>()
  const report = (): void => {
    deps.report({ connections: open.size, listens: shown(server), refused: Object.fromEntries(refused) })
  }
  const refusals: Refusals = {
    add(reason) {
      const before = refused.get(reason) ?? 0
      refused.set(reason, before + 1)
      // Once: whoever is not let in must not fill the log.
      if (before === 0) deps.log(`${deps.name}: a connection was turned away: ${reason}`)
      report()
    },
  }
  const { atOnce, ofOneAddress, firstMessageMs } = config.connections
  server.maxConnections = atOnce
  server.on('drop', () => refusals.add('connections'))
  server.on('tlsClientError', () => refusals.add('tls'))
  server.on('connection', (socket: Socket) => {
    // In a TLS server this is the connection below, which must not throw either when it breaks off.
    socket.on('error', () => socket.destroy())
    const address = socket.remoteAddress ?? ''
    const others = byAddress.get(address) ?? 0
    if (others >= ofOneAddress) {
      refusals.add('address_connections')
      socket.destroy()
      return
    }
    byAddress.set(address, others + 1)
    open.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      const left = (byAddress.get(address) ?? 1) - 1
      if (left > 0) byAddress.set(address, left)
      else byAddress.delete(address)
      if (!signal.aborted) report()
    })
    report()
  })
  server.on(config.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    if (socket instanceof TLSSocket) socket.on('error', () => socket.destroy())
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    // Without TLS it may have been turned away above.
    if (socket.destroyed) return
    serve(socket, refusals, strangerOn(socket))
  })
  const strangerOn = (socket: Socket): (() => void) => {
    if (socket instanceof TLSSocket && socket.authorized) return () => undefined
    const late = deps.clock.later(firstMessageMs, () => {
      refusals.add('idle')
      socket.destroy()
    })
    socket.once('close', () => late.cancel())
    return () => late.cancel()
  }
  await listening(server, host, port, config.listen)
  // One connection that cannot be accepted is no reason to end.
  server.on('error', () => refusals.add('accept'))
  report()
  if (config.tls !== undefined && 'setSecureContext' in server) {
    watchTls(config.tls, (material) => (server as TlsListener).setSecureContext(material), { ...deps, signal })
  }
  await aborted(signal)
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  if (config.lingerMs === undefined) for (const socket of open) socket.destroy()
  else linger(open, config.lingerMs, deps)
  await closed
}

/** Most senders close once we have; the others are cut off. */
function linger(open: ReadonlySet<Socket>, ms: number, { clock }: SourceDeps): void {
  for (const socket of open) socket.end()
  clock.later(ms, () => {
    for (const socket of open) socket.destroy()
  })
}

type TlsListener = ReturnType<typeof createTlsServer>

const KEEP_ALIVE_MS = 60_000
const HANDSHAKE_MS = 10_000

function serverOf({ tls, alpn }: ListenerConfig): Server {
  if (tls === undefined) return createServer()
  const protocols = alpn === undefined ? {} : { ALPNProtocols: [alpn] }
  return createTlsServer({ ...tlsServerOptions(tls), ...protocols, handshakeTimeout: HANDSHAKE_MS })
}

function addressOf({ listen, tls, takesPlain }: ListenerConfig): { readonly host: string; readonly port: number } {
  const colon = listen.lastIndexOf(':')
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, '')
  const port = Number(listen.slice(colon + 1))
  if (tls !== undefined || takesPlain === true || isLoopback(host)) return { host, port }
  const hint = 'give it tls: { cert, key }, or listen on 127.0.0.1'
  throw new AuditError('invalid_config', `without TLS it listens on loopback only, not on ${host}`, { hint })
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function listening(server: Server, host: string, port: number, listen: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE') {
        const hint = 'another program listens there: choose another port'
        reject(new AuditError('port_in_use', `${listen} is in use`, { hint, cause }))
        return
      }
      const hint = 'HOST must be an address of this machine'
      reject(new AuditError('io_failed', `cannot listen on ${listen}`, { hint, cause }))
    })
    server.listen({ host, port }, () => resolve())
  })
}

function shown(server: Server): string {
  const address = server.address()
  // A listener on HOST:PORT has an address of this shape once it listens.
  const { address: host, port, family } = (address ?? { address: '', port: 0, family: '' }) as AddressInfo
  return family === 'IPv6' ? `[${host}]:${port}` : `${host}:${port}`
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
