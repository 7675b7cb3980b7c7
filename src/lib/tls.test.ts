import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import type { ConnectionOptions, Server, TLSSocket } from 'node:tls'
import { connect, createServer } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { type Authority, anAuthority, type Certified, tlsFilesIn } from '../../test/certificates.ts'
import { manualClock } from '../../test/manual-clock.ts'
import { AuditError } from '../domain/errors.ts'
import { readTls, type TlsFiles, tlsServerOptions, watchTls } from './tls.ts'

const authority = anAuthority()

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'whodid-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A server that says back what it is sent. */
async function anEcho(files: TlsFiles, clients?: 'required' | 'optional'): Promise<Server> {
  const server = createServer(tlsServerOptions(files, clients), (socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return server
}

/** Connects, says something and waits for the answer: only then has a server judged the certificate (TLS 1.3). */
async function talk(server: Server, options: ConnectionOptions = {}): Promise<TLSSocket> {
  // A server that listens on a port has such an address.
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.cert, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  await say(socket)
  return socket
}

async function say(socket: TLSSocket): Promise<void> {
  const closed = once(socket, 'close').then(() => Promise.reject(new Error('closed')))
  closed.catch(() => undefined)
  socket.write('hello')
  await Promise.race([once(socket, 'data'), closed])
}

function names(socket: TLSSocket): unknown {
  return socket.getPeerCertificate().subject.CN
}

function fault(work: () => unknown): AuditError {
  try {
    work()
  } catch (error) {
    if (error instanceof AuditError) return error
  }
  throw new Error('it was taken')
}

test('serves with the certificate of its files, from TLS 1.2 on', async () => {
  const server = await anEcho(tlsFilesIn(aFolder(), authority.issue('server')))
  expect(names(await talk(server))).toBe('server')
  expect((await talk(server, { maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2')
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  await expect(talk(server, old)).rejects.toThrow()
})

const clients: readonly (readonly [string, Authority, (from: Authority) => Certified, boolean])[] = [
  ['a right', authority, (from) => from.issue('client'), true],
  ['a wrong', anAuthority('Test CA'), (from) => from.issue('client'), false],
  ['an expired', authority, (from) => from.issue('client', { notAfter: new Date(Date.now() - 1000) }), false],
  ['a not yet valid', authority, (from) => from.issue('client', { notBefore: new Date(Date.now() + 60_000) }), false],
]

test.each(clients)('with clientCa, %s certificate decides', async (_word, from, issue, isTaken) => {
  const files = tlsFilesIn(aFolder(), authority.issue('server'), authority)
  const strict = await anEcho(files)
  const lenient = await anEcho(files, 'optional')
  const seen = once(lenient, 'secureConnection')
  if (isTaken) await talk(strict, issue(from))
  else await expect(talk(strict, issue(from))).rejects.toThrow()
  await talk(lenient, issue(from))
  const [socket] = await seen
  expect(socket.authorized).toBe(isTaken)
})

test('with clientCa, who shows none is turned away', async () => {
  const server = await anEcho(tlsFilesIn(aFolder(), authority.issue('server'), authority))
  await expect(talk(server)).rejects.toThrow()
})

test('names the file that is wrong, and nothing of what is in it', () => {
  const folder = aFolder()
  const files = tlsFilesIn(folder, authority.issue('server'), authority)
  const missing = { ...files, cert: join(folder, 'none.crt') }
  expect(fault(() => readTls(missing)).message).toBe(`cannot read ${missing.cert}: ENOENT`)
  expect(fault(() => readTls({ ...files, cert: files.key })).message).toContain('holds no certificate')
  expect(fault(() => readTls({ ...files, key: files.cert })).message).toContain('holds no private key')
  expect(fault(() => readTls({ ...files, clientCa: files.key })).message).toContain(files.key)
  writeFileSync(files.key, authority.issue('other').key)
  expect(fault(() => readTls(files)).message).toBe(`${files.key} is not the key of the certificate in ${files.cert}`)
})

test('takes renewed files without ending a connection, and leaves half-renewed ones alone', async () => {
  const folder = aFolder()
  const files = tlsFilesIn(folder, authority.issue('first'))
  const server = await anEcho(files)
  const clock = manualClock()
  const lines: string[] = []
  const end = new AbortController()
  const log = (line: string): void => void lines.push(line)
  watchTls(files, (material) => server.setSecureContext(material), { clock, log, signal: end.signal })
  const early = await talk(server)

  const second = authority.issue('second')
  writeFileSync(files.cert, second.cert)
  clock.advance(10_000)
  expect(names(await talk(server))).toBe('first')
  expect(lines).toEqual([])
  clock.advance(10_000)
  clock.advance(10_000)
  expect(lines).toEqual([expect.stringContaining(`${files.key} is not the key`)])

  writeFileSync(files.key, second.key)
  clock.advance(10_000)
  expect(names(await talk(server))).toBe('second')
  expect(lines.at(-1)).toBe(`${files.cert} was read again`)
  await say(early)
  expect(names(early)).toBe('first')

  end.abort()
  expect(clock.waiting()).toBe(0)
})
