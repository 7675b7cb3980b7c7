import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import { AuditError } from '../domain/errors.ts'
import type { Clock } from './clock.ts'

/** Where the PEM files of a TLS listener lie; absolute paths. */
export interface TlsFiles {
  /** The certificate, then those between it and its root. */
  readonly cert: string
  readonly key: string
  /** Who may sign certificates of clients. Left out: clients are not asked for one. */
  readonly clientCa?: string
}

/** What `tls.createServer` and `Server.setSecureContext` take. */
export interface TlsMaterial extends SecureContextOptions {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca?: Buffer
  readonly minVersion: 'TLSv1.2'
}

/**
 * Reads and checks the files of a listener, so that what is wrong with them is said in words and before a client comes.
 *
 * @throws AuditError `invalid_config` that names the file.
 */
export function readTls(files: TlsFiles): TlsMaterial {
  const cert = read(files.cert)
  const key = read(files.key)
  const privateKey = parseKey(key, files.key)
  const [own] = parseCertificates(cert, files.cert)
  if (own?.checkPrivateKey(privateKey) !== true) {
    const hint = 'cert begins with the certificate of the key; those between it and its root follow'
    throw new AuditError('invalid_config', `${files.key} is not the key of the certificate in ${files.cert}`, { hint })
  }
  const material = { cert, key, minVersion: 'TLSv1.2' } as const
  if (files.clientCa === undefined) return material
  const ca = read(files.clientCa)
  parseCertificates(ca, files.clientCa)
  return { ...material, ca }
}

/**
 * Options of a TLS server, at least TLS 1.2.
 *
 * @param clients With `clientCa`: whether a connection without a right certificate is ended in the handshake, or comes
 *   through and is told apart by `socket.authorized`.
 * @throws AuditError `invalid_config` that names the file.
 */
export function tlsServerOptions(files: TlsFiles, clients: 'required' | 'optional' = 'required'): TlsOptions {
  const isAsked = files.clientCa !== undefined
  return { ...readTls(files), requestCert: isAsked, rejectUnauthorized: isAsked && clients === 'required' }
}

export interface TlsWatchDeps {
  readonly clock: Clock
  readonly log: (message: string) => void
  readonly signal: AbortSignal
}

const LOOK_MS = 10_000

/**
 * Looks at the files every ten seconds until `signal` aborts and applies what changed: new connections get it, old ones
 * go on. Files that do not fit each other are left alone, and said once they are still so at the next look: whoever
 * renews certificates replaces one file after the other.
 *
 * @param apply For a server of Node: `(material) => server.setSecureContext(material)`.
 */
export function watchTls(
  files: TlsFiles,
  apply: (material: TlsMaterial) => void,
  { clock, log, signal }: TlsWatchDeps,
): void {
  let inUse = contentOf(files)
  let failedLooks = 0
  let timer = clock.later(LOOK_MS, look)
  signal.addEventListener('abort', () => timer.cancel(), { once: true })

  function look(): void {
    if (signal.aborted) return
    timer = clock.later(LOOK_MS, look)
    const now = contentOf(files)
    if (now !== inUse) renew(now)
    else failedLooks = 0
  }

  function renew(content: string): void {
    try {
      apply(readTls(files))
      inUse = content
      failedLooks = 0
      log(`${files.cert} was read again`)
    } catch (error) {
      failedLooks++
      const said = error instanceof Error ? error.message : String(error)
      if (failedLooks === 2) log(`${said}; the certificate from before stays in use`)
    }
  }
}

/** What lies there, to be compared; a file that cannot be read is a change as well. */
function contentOf(files: TlsFiles): string {
  const paths = [files.cert, files.key, ...(files.clientCa === undefined ? [] : [files.clientCa])]
  return paths.map((path) => attempt(() => readFileSync(path, 'latin1')) ?? '').join('\0')
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    const hint = 'tls names PEM files that the user of the server may read'
    throw new AuditError('invalid_config', `cannot read ${path}: ${code}`, { hint, cause })
  }
}

function parseKey(pem: Buffer, path: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    // The cause may quote what it read: it is not handed on.
    const isLocked = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MISSING_PASSPHRASE'
    const hint = isLocked ? 'the key needs a passphrase: store it without one, readable by the server only' : PEM_HINT
    throw new AuditError('invalid_config', `${path} holds no private key that can be read`, { hint })
  }
}

const PEM_HINT = 'it must be PEM text, beginning with -----BEGIN'

function parseCertificates(pem: Buffer, path: string): readonly X509Certificate[] {
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  const found = attempt(() => blocks?.map((block) => new X509Certificate(block)))
  if (found === undefined || found.length === 0) {
    throw new AuditError('invalid_config', `${path} holds no certificate that can be read`, { hint: PEM_HINT })
  }
  return found
}
