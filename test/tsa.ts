import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { aFolder } from './a-server.ts'

const run = promisify(execFile)

/** A time stamp authority: `openssl ts`, with a certificate authority above it, and HTTP before it. */
export interface Tsa {
  readonly url: string
  readonly folder: string
  /** PEM file of the authority that its certificate leads to. */
  readonly ca: string
  /** Answers a request by a real `openssl ts -reply`. */
  reply(request: Uint8Array): Promise<Buffer>
  /** From here on it answers so instead; undefined: as it should. */
  lie: ((request: Buffer, honest: () => Promise<Buffer>) => Promise<Buffer | { readonly status: number }>) | undefined
  /** Requests so far. */
  asked: number
}

export const TSA_POLICY = '1.3.6.1.4.1.99999.1'

export async function aTsa(keys: 'rsa' | 'ec' = 'ec'): Promise<Tsa> {
  const folder = join(aFolder(), 'tsa')
  mkdirSync(folder)
  const at = (name: string) => join(folder, name)
  const key = keys === 'rsa' ? ['-newkey', 'rsa:2048'] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const openssl = (...args: readonly string[]) => run('openssl', args, { cwd: folder })
  writeFileSync(at('tsa.ext'), 'extendedKeyUsage=critical,timeStamping\nbasicConstraints=CA:FALSE\n')
  writeFileSync(at('ts.cnf'), CONFIG)
  writeFileSync(at('serial'), '01\n')
  await openssl(
    'req',
    '-x509',
    ...key,
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=Test CA',
    '-days',
    '3650',
  )
  await openssl('req', ...key, '-nodes', '-keyout', 'tsa.key', '-out', 'tsa.csr', '-subj', '/CN=Test TSA')
  const sign = [
    'x509',
    '-req',
    '-in',
    'tsa.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '3650',
  ]
  await openssl(...sign, '-extfile', 'tsa.ext', '-out', 'tsa.pem')

  let last: Promise<unknown> = Promise.resolve()
  const reply = (request: Uint8Array): Promise<Buffer> => {
    // One after the other: the serial number is a file.
    const turn = last.then(async () => {
      writeFileSync(at('request.tsq'), request)
      await openssl('ts', '-reply', '-config', 'ts.cnf', '-queryfile', 'request.tsq', '-out', 'reply.tsr')
      return readFileSync(at('reply.tsr'))
    })
    last = turn.catch(() => undefined)
    return turn
  }
  const answer = async (request: IncomingMessage) => {
    const body = await buffer(request)
    if (request.method !== 'POST' || request.headers['content-type'] !== 'application/timestamp-query')
      return { status: 415 }
    return tsa.lie === undefined ? reply(body) : tsa.lie(body, () => reply(body))
  }
  const server = createServer((request, response) => {
    tsa.asked += 1
    answer(request).then(
      (said) => {
        if ('status' in said) return response.writeHead(said.status).end()
        return response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(said)
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  // It listens on TCP, so its address has a port.
  const { port } = server.address() as AddressInfo
  const tsa: Tsa = { url: `http://127.0.0.1:${port}/`, folder, ca: at('ca.pem'), reply, lie: undefined, asked: 0 }
  return tsa
}

/** What openssl says of a time stamp: undefined where it is right, else why it is not. */
export async function opensslRefuses(tsa: Tsa, data: string, tsr: string): Promise<string | undefined> {
  try {
    await run('openssl', ['ts', '-verify', '-data', data, '-in', tsr, '-CAfile', tsa.ca])
    return undefined
  } catch (error) {
    return String(error)
  }
}

const CONFIG = `
[tsa]
default_tsa = own
[own]
serial = ./serial
signer_cert = ./tsa.pem
certs = ./ca.pem
signer_key = ./tsa.key
signer_digest = sha256
default_policy = ${TSA_POLICY}
other_policies = 1.3.6.1.4.1.99999.2
digests = sha256, sha512
accuracy = secs:1, millisecs:500
ess_cert_id_chain = no
`
