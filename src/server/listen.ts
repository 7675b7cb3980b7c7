import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { AuditError } from '../domain/errors.ts'
import { type TlsFiles, type TlsWatchDeps, watchTls } from '../lib/tls.ts'

/**
 * Opens the socket of HOST:PORT and gives its address as a URL. With `tls` the app must have been made for it; renewed
 * files are taken while it listens. Throws `port_in_use` or `io_failed`, naming the address.
 */
export async function listen(
  app: FastifyInstance,
  address: string,
  tls: TlsFiles | undefined,
  watch: TlsWatchDeps,
): Promise<string> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  const port = Number(address.slice(colon + 1))
  if (tls === undefined) refuseOpenNetwork(host)
  try {
    const url = await app.listen({ host, port })
    // Typed as plain HTTP whatever it is.
    const server: unknown = app.server
    if (tls !== undefined && server instanceof TlsServer) watchTls(tls, (next) => server.setSecureContext(next), watch)
    return url
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
  const hint = 'give the server a certificate (tls in whodid.yaml), or listen on 127.0.0.1 behind a proxy with TLS'
  throw new AuditError('unsupported', `plain HTTP is served on loopback only, not on ${host}`, { hint })
}
