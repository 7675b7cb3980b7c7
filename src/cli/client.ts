import { readFileSync } from 'node:fs'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { buffer, json } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'

import { AuditError, type ErrorCode } from '../domain/errors.ts'
import { readRun } from '../state/run-file.ts'
import type { Io } from './io.ts'

/** Where a command's server is. */
export type ServerAddress =
  | { readonly kind: 'socket'; readonly path: string; readonly url: string | undefined; readonly data: string }
  | {
      readonly kind: 'url'
      readonly url: string
      readonly token: string | undefined
      /** PEM of who signs its certificate; undefined: those that Node knows. */
      readonly ca: Buffer | undefined
    }

export interface FindOptions {
  readonly url?: string
  readonly ca?: string
  readonly data: string
}

/**
 * Finds the server (docs/cli.md): the one of `--url` or `WHODID_URL`, else the one whose control socket
 * `run.json` of the data folder names. A URL without a token that is this very server is reached by its socket.
 */
export function findServer(options: FindOptions, io: Io): ServerAddress {
  const url = (options.url ?? io.env['WHODID_URL'])?.replace(/\/+$/, '')
  const token = io.env['WHODID_TOKEN']
  const run = readRun(options.data)
  if (url !== undefined && (token !== undefined || run?.url !== url)) {
    return { kind: 'url', url: checked(url), token, ca: authorityOf(options.ca ?? io.env['WHODID_CA']) }
  }
  if (run === undefined) throw noServer(options.data)
  return { kind: 'socket', path: run.socket, url: run.url, data: options.data }
}

export interface Call {
  readonly method?: string
  readonly path: string
  readonly params?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** Calls the server; throws AuditError with the code, message and hint of its refusal, or `not_found` when none answers. */
export async function call(server: ServerAddress, what: Call): Promise<IncomingMessage> {
  const response = await send(server, what)
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return response
  throw await refusal(response, server)
}

export async function callJson<T>(server: ServerAddress, what: Call): Promise<T> {
  const response = await call(server, what)
  try {
    // The API's own contract: a server of the same version wrote it.
    return (await json(response)) as T
  } catch (cause) {
    const hint = 'check --url or WHODID_URL'
    if (!(cause instanceof SyntaxError))
      throw new AuditError('io_failed', `the answer of ${nameOf(server)} broke off`, { cause })
    throw new AuditError('unsupported', `${nameOf(server)} does not answer as whodid does`, { cause, hint })
  }
}

/** Bytes of a path, inflated: paths of a log may come as gzip without being asked for. */
export async function callBytes(server: ServerAddress, what: Call): Promise<Uint8Array> {
  const response = await call(server, what)
  const bytes = await buffer(response)
  return response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes, { maxOutputLength: MAX_BYTES }) : bytes
}

const MAX_BYTES = 64 * 1024 * 1024
/** Without a byte for so long a connection is dead; a tail sends a sign of life each 15 s. */
const IDLE_MS = 60_000

export function noServer(data: string): AuditError {
  const shown = data.startsWith('/') || data.startsWith('.') ? data : `./${data}`
  return new AuditError('not_found', `no server runs on ${shown}; start it with whodid serve`)
}

function send(server: ServerAddress, what: Call): Promise<IncomingMessage> {
  const url = new URL(what.path, server.kind === 'url' ? `${server.url}/` : 'http://localhost')
  for (const [name, value] of Object.entries(what.params ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value)
  }
  const body = what.body === undefined ? undefined : JSON.stringify(what.body)
  const options = {
    method: what.method ?? 'GET',
    timeout: IDLE_MS,
    headers: { ...headersOf(server, body), ...what.headers },
    ...(what.signal !== undefined && { signal: what.signal }),
    ...(server.kind === 'socket' && { socketPath: server.path }),
    ...(server.kind === 'url' && server.ca !== undefined && { ca: server.ca }),
  }
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHttps(url, options, resolve) : requestHttp(url, options, resolve)
    request.on('timeout', () =>
      request.destroy(new AuditError('timeout', `no answer from ${nameOf(server)} for a minute`)),
    )
    request.on('error', (cause) => reject(cause instanceof AuditError ? cause : unreached(server, cause)))
    request.end(body)
  })
}

function headersOf(server: ServerAddress, body: string | undefined): Record<string, string> {
  return {
    'user-agent': 'whodid-cli',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(server.kind === 'url' && server.token !== undefined && { authorization: `Bearer ${server.token}` }),
  }
}

function unreached(server: ServerAddress, cause: Error): AuditError {
  // The file was left over: nobody listens on the socket that it names.
  if (server.kind === 'socket') return noServer(server.data)
  const code = 'code' in cause ? String(cause.code) : ''
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME/.test(code)) {
    const hint = 'name who signs it with --ca FILE or WHODID_CA, and the server as its certificate does'
    return new AuditError('unauthenticated', `the certificate of ${server.url} is not trusted: ${code}`, {
      cause,
      hint,
    })
  }
  const hint = 'check --url or WHODID_URL, and that the server runs'
  return new AuditError('not_found', `${server.url} does not answer`, { cause, hint })
}

function nameOf(server: ServerAddress): string {
  return server.kind === 'url' ? server.url : `the server on ${server.data}`
}

async function refusal(response: IncomingMessage, server: ServerAddress): Promise<AuditError> {
  const fields = await problemFields(response)
  const text = (name: string): string | undefined => {
    const value = fields.get(name)
    return typeof value === 'string' ? value : undefined
  }
  const number = (name: string): number | undefined => {
    const value = fields.get(name)
    return typeof value === 'number' ? value : undefined
  }
  const [hint, suggestion, start, end] = [text('hint'), text('suggestion'), number('start'), number('end')]
  const retryAfter = Number(response.headers['retry-after'] ?? Number.NaN)
  const message = text('detail') ?? `${nameOf(server)} answered ${response.statusCode}`
  // An unknown word can only come from a newer server; it is shown as it is.
  const code = (text('code') ?? 'internal') as ErrorCode
  return new AuditError(code, message, {
    ...(hint !== undefined && { hint }),
    ...(suggestion !== undefined && { suggestion }),
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    ...(Number.isFinite(retryAfter) && { retryAfterMs: retryAfter * 1000 }),
  })
}

async function problemFields(response: IncomingMessage): Promise<ReadonlyMap<string, unknown>> {
  try {
    const problem: unknown = await json(response)
    return new Map(typeof problem === 'object' && problem !== null ? Object.entries(problem) : [])
  } catch {
    // A proxy may have answered: the status is all that it says.
    return new Map()
  }
}

function authorityOf(path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new AuditError('bad_request', `cannot read ${path}`, { cause, hint: '--ca and WHODID_CA name a PEM file' })
  }
}

function checked(url: string): string {
  if (URL.canParse(url) && /^https?:/.test(url)) return url
  throw new AuditError('bad_request', `${url} is no address of a server`, {
    hint: 'write it like http://127.0.0.1:7421',
  })
}
