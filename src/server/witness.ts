import { readFileSync } from 'node:fs'
import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { VerifyError } from '../../verify/errors.ts'
import { parseVerifierKey, type VerifierKey } from '../../verify/note.ts'
import { AuditError } from '../domain/errors.ts'
import { sha256 } from '../ledger/sha256.ts'
import { createWitnessBook, openWitnessBook } from '../ledger/witness-book.ts'
import { witnessListener } from '../ledger/witness-http.ts'
import { createWitness } from '../ledger/witness-judge.ts'
import { createWitnessKey, readWitnessKey } from '../ledger/witness-key.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { realFiles } from '../lib/real-files.ts'
import { type TlsFiles, tlsServerOptions, watchTls } from '../lib/tls.ts'

/** Makes the folder of a new witness: an empty book first, then its key. Gives the verifier key. */
export async function initWitness(folder: string, name: string): Promise<string> {
  // A crash between the two leaves no key, and the next try goes on.
  await createWitnessBook(realFiles, folder)
  const key = await createWitnessKey(realFiles, keyPath(folder), name)
  return key.vkey
}

export interface WitnessServerOptions {
  readonly folder: string
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen: string
  /** File with a verifier key a line, or a tlog-policy of which the `log` lines are read. */
  readonly logs: string
  /** Requests a second from one address. */
  readonly rate: number
  readonly tls?: TlsFiles
  readonly log: (message: string) => void
  readonly clock?: Clock
}

export interface WitnessServer {
  readonly url: string
  readonly vkey: string
  close(): Promise<void>
}

/** Starts a witness. Throws `damaged` when it has a key but does not know any more what it signed. */
export async function startWitness(options: WitnessServerOptions): Promise<WitnessServer> {
  const { folder, log, rate, clock = systemClock } = options
  const logs = readLogs(options.logs)
  const key = await readWitnessKey(realFiles, keyPath(folder))
  if (key === undefined) {
    const hint = `make it with whodid witness init --data ${folder} --name NAME`
    throw new AuditError('not_found', `there is no witness in ${folder}`, { hint })
  }
  const book = await openWitnessBook(realFiles, folder)
  const ended = new AbortController()
  try {
    const witness = createWitness({ key, book, logs, now: () => Math.floor(clock.now() / 1000) })
    const listener = witnessListener({ witness, clock, rate, log })
    const server = serverOf(listener, options, { clock, log, signal: ended.signal })
    const url = await listening(server, options)
    return {
      url,
      vkey: key.vkey,
      async close() {
        ended.abort()
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
        book.close()
      },
    }
  } catch (error) {
    book.close()
    throw error
  }
}

const REQUEST_MS = 10_000
const MOST_CONNECTIONS = 256
const MOST_LOGS = 10_000

function keyPath(folder: string): string {
  return join(folder, 'witness.skey')
}

function serverOf(
  listener: RequestListener,
  { tls }: WitnessServerOptions,
  deps: { clock: Clock; log: (message: string) => void; signal: AbortSignal },
): Server {
  const limits = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, maxHeaderSize: 8192 }
  if (tls === undefined) return bounded(createHttp(limits, listener))
  const server = createHttps({ ...limits, ...tlsServerOptions(tls) }, listener)
  watchTls(tls, (material) => server.setSecureContext(material), deps)
  return bounded(server)
}

function bounded(server: Server): Server {
  server.maxConnections = MOST_CONNECTIONS
  return server
}

async function listening(server: Server, { listen, tls }: WitnessServerOptions): Promise<string> {
  const at = listen.lastIndexOf(':')
  const host = listen.slice(0, at).replace(/^\[(.*)\]$/, '$1')
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new AuditError('port_in_use', `cannot listen on ${listen}`, { cause })))
    server.listen(Number(listen.slice(at + 1)), host, resolve)
  })
  // It listens on TCP, so its address has a port.
  const { port } = server.address() as AddressInfo
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Throws `invalid_config` with the line that is wrong. */
function readLogs(path: string): readonly VerifierKey[] {
  const text = readText(path)
  const keys = text.split('\n').flatMap((line, n) => keyOf(line, `${path}:${n + 1}`))
  if (keys.length === 0)
    throw new AuditError('invalid_config', `${path} names no log`, { hint: 'a verifier key a line' })
  if (keys.length > MOST_LOGS) throw new AuditError('too_large', `${path} names more than ${MOST_LOGS} logs`)
  return keys
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new AuditError('invalid_config', `cannot read ${path}`, { cause, hint: 'name the file of logs with --logs' })
  }
}

function keyOf(line: string, place: string): readonly VerifierKey[] {
  const [first = '', second = ''] = line.trim().split(/[ \t]+/)
  if (first === '' || first.startsWith('#') || ['witness', 'group', 'quorum'].includes(first)) return []
  try {
    const key = parseVerifierKey(sha256, first === 'log' ? second : first)
    if (key.type === 'ed25519') return [key]
    throw new VerifyError('malformed', 'this is the key of a witness, not of a log')
  } catch (cause) {
    if (!(cause instanceof VerifyError)) throw cause
    throw new AuditError('invalid_config', `${place}: ${cause.message}`, { cause })
  }
}
