import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

import { AuditError } from '../domain/errors.ts'
import type { ApiServer } from './kubeconfig.ts'

/** What an API server answered that is no success. */
export class StatusError extends Error {
  readonly status: number

  constructor(status: number, what: string) {
    super(`${what} was answered ${status}`)
    this.name = 'StatusError'
    this.status = status
  }
}

const LARGEST_ANSWER = 16 * 1024 * 1024
const LARGEST_LINE = 4 * 1024 * 1024
const CONNECT_MS = 30_000

/** A JSON object that the server answers to a GET. Throws what keeps it from that, StatusError for its refusals. */
export async function getJson(server: ApiServer, path: string, signal: AbortSignal): Promise<unknown> {
  const response = await get(server, path, CONNECT_MS, signal)
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response) {
    // A response without an encoding gives bytes.
    const bytes = part as Buffer
    size += bytes.length
    if (size > LARGEST_ANSWER) throw tooLarge(path)
    parts.push(bytes)
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'))
}

/**
 * The lines of JSON that a watch gives, those that came together as one list, until the server ends it. The first list
 * is empty: the watch stands.
 *
 * @param idleMs without a byte for so long the connection is taken for dead.
 */
export async function* getLines(
  server: ApiServer,
  path: string,
  idleMs: number,
  signal: AbortSignal,
): AsyncGenerator<readonly unknown[]> {
  const response = await get(server, path, idleMs, signal)
  const decoder = new TextDecoder()
  let rest = ''
  yield []
  for await (const part of response) {
    // A response without an encoding gives bytes.
    const lines = (rest + decoder.decode(part as Buffer, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LARGEST_LINE) throw tooLarge(path)
    const values = lines.filter((line) => line.trim() !== '').map((line): unknown => JSON.parse(line))
    if (values.length > 0) yield values
  }
}

function get(server: ApiServer, path: string, idleMs: number, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, ca, cert, key, insecure } = server
  const token = server.token()
  const headers = { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) }
  const tls = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(insecure === true && { rejectUnauthorized: false }),
  }
  const ask = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    // A connection of its own each time: another may go to another server behind the same address.
    const sent = ask(`${url}${path}`, { headers, signal, timeout: idleMs, agent: false, ...tls })
    sent.once('timeout', () => sent.destroy(new Error(`nothing came for ${Math.round(idleMs / 1000)} s`)))
    sent.once('error', reject)
    sent.once('response', (response) => {
      const status = response.statusCode ?? 0
      if (status === 200) return resolve(response)
      response.resume()
      sent.destroy()
      reject(new StatusError(status, `GET ${path.split('?')[0]}`))
    })
    sent.end()
  })
}

function tooLarge(path: string): AuditError {
  return new AuditError('too_large', `what ${path.split('?')[0]} holds is larger than is taken`)
}
