import { BlockList, isIP, type Socket } from 'node:net'
import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { authLog } from '../formats/auth-log.ts'
import type { TlsFiles } from '../lib/tls.ts'
import type { FormatConfig, SourceBase } from './config.ts'
import { formatConfig, sourceBase, tls } from './config.ts'
import type { Refusals } from './listener.ts'
import { connectionLimits, isLoopback, listenAddress, listenUntil } from './listener.ts'
import type { Emit, Source, SourceDeps } from './source.ts'
import type { SyslogRoute } from './syslog-connection.ts'
import { plainAddress, serveSyslog } from './syslog-connection.ts'
import { receiveDatagrams } from './syslog-udp.ts'

export interface SyslogConfig extends SourceBase, Partial<FormatConfig> {
  readonly kind: 'syslog'
  /** HOST:PORT; syslog's own are 514, and 6514 with TLS. */
  readonly listen: string
  /** Left out: `tcp`. */
  readonly transport?: 'tcp' | 'udp'
  readonly tls?: TlsFiles
  /** Takes messages without TLS from other machines as well. */
  readonly plain?: true
  /** Addresses and networks (CIDR) that may send; left out: all. */
  readonly allow?: readonly string[]
}

export const syslogConfig: z.ZodType<SyslogConfig> = z
  .strictObject({
    ...sourceBase,
    kind: z.literal('syslog'),
    listen: listenAddress,
    transport: z.enum(['tcp', 'udp']).exactOptional(),
    tls: tls.exactOptional(),
    plain: z.literal(true).exactOptional(),
    allow: z
      .array(z.string().refine((text) => parseNetwork(text) !== undefined, 'an address or a network, like 10.0.0.0/8'))
      .min(1)
      .exactOptional(),
    /** Left out: `auth-log`, which reads every line of syslog. */
    format: formatConfig.format.exactOptional(),
    options: formatConfig.options,
  })
  .refine(({ transport, tls: files }) => transport !== 'udp' || files === undefined, {
    path: ['tls'],
    message: 'UDP has no TLS: leave transport out',
  })
  .refine((config) => config.tls !== undefined || config.plain === true || isLoopback(hostOf(config.listen)), {
    path: ['plain'],
    message: 'without tls, plain: true is needed to listen for other machines',
  })

const MAX_CONNECTIONS = 1000
/** How long a sender may take to close a connection that we have closed. */
const LINGER_MS = 2000

/**
 * Syslog on a port of its own: UDP (RFC 5426), TCP in both framings of RFC 6587, TLS (RFC 5425) with certificates of
 * clients. A record is the whole message as it was sent, from `<PRI>` on.
 */
export function createSyslog(config: SyslogConfig, deps: SourceDeps): Source {
  const allowed = allowedBy(config.allow)
  const route = routeOf(config)
  return {
    async run(emit, signal) {
      if (config.transport !== 'udp') return acceptConnections(config, { allowed, route, emit }, deps, signal)
      const { host, port } = { host: hostOf(config.listen), port: Number(config.listen.split(':').at(-1)) }
      return receiveDatagrams({ host, port, route, isAllowed: allowed }, emit, deps, signal)
    },
  }
}

interface Admission {
  readonly allowed: (address: string) => boolean
  readonly route: SyslogRoute
  readonly emit: Emit
}

async function acceptConnections(
  config: SyslogConfig,
  { allowed, route, emit }: Admission,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<void> {
  const held = { bytes: 0 }
  const served = new Set<Promise<void>>()
  const listener = {
    listen: config.listen,
    ...(config.tls !== undefined && { tls: config.tls }),
    connections: connectionLimits(config.limits, MAX_CONNECTIONS),
    takesPlain: true,
    lingerMs: LINGER_MS,
  }
  await listenUntil(listener, deps, signal, (socket: Socket, refusals: Refusals, welcome) => {
    if (!allowed(plainAddress(socket.remoteAddress ?? ''))) {
      refusals.add('not_allowed')
      socket.destroy()
      return
    }
    const serving = serveSyslog(socket, { emit, signal, clock: deps.clock, route, refusals, held, welcome })
    served.add(serving)
    void serving.finally(() => served.delete(serving))
  })
  await Promise.all(served)
}

/**
 * A certificate that we asked for vouches for its sender, an address in `allow` for one that had to answer (TCP). Nothing
 * vouches for a datagram: anybody can write any address on it.
 */
function routeOf(config: SyslogConfig): SyslogRoute {
  const { format = authLog.name, options, transport, tls: files, allow } = config
  const authenticated = files?.clientCa !== undefined || (transport !== 'udp' && allow !== undefined)
  return { format, ...(options !== undefined && { options }), authenticated }
}

function hostOf(listen: string): string {
  return listen.slice(0, listen.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}

interface Network {
  readonly address: string
  readonly bits: number
  readonly family: 'ipv4' | 'ipv6'
}

function parseNetwork(text: string): Network | undefined {
  const [address = '', said, ...more] = text.split('/')
  const family = isIP(address)
  const most = family === 4 ? 32 : 128
  const bits = said === undefined ? most : /^\d{1,3}$/.test(said) ? Number(said) : Number.NaN
  if (family === 0 || more.length > 0 || !(bits <= most)) return undefined
  return { address, bits, family: family === 4 ? 'ipv4' : 'ipv6' }
}

function allowedBy(allow: readonly string[] | undefined): (address: string) => boolean {
  if (allow === undefined) return () => true
  const list = new BlockList()
  for (const text of allow) {
    const network = parseNetwork(text)
    if (network === undefined) throw new AuditError('invalid_config', `${text} is no network`)
    list.addSubnet(network.address, network.bits, network.family)
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}
