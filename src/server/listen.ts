import type { FastifyInstance } from 'fastify'
import { AuditError } from '../domain/errors.ts'

/** Opens the socket of HOST:PORT and gives its address as a URL. Throws `port_in_use` or `io_failed`, naming it. */
export async function listen(app: FastifyInstance, address: string): Promise<string> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  const port = Number(address.slice(colon + 1))
  refuseOpenNetwork(host)
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EADDRINUSE') {
      const hint = `another server listens there: end it, or choose another port with --listen ${host}:PORT (0 takes a free one)`
      throw new AuditError('port_in_use', `${address} is in use`, { hint, cause })
    }
    throw new AuditError('io_failed', `cannot listen on ${address}`, {
      cause,
      hint: 'HOST must be an address of this machine',
    })
  }
}

/** Without TLS, credentials would cross the network in the clear. */
function refuseOpenNetwork(host: string): void {
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return
  const hint = 'listen on 127.0.0.1 and put a proxy with TLS in front of it'
  throw new AuditError('unsupported', `plain HTTP is served on loopback only, not on ${host}`, { hint })
}
