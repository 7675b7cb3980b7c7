import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TlsFiles } from '../src/lib/tls.ts'

/** A certificate with its key, in PEM. */
export interface Certified {
  readonly cert: string
  readonly key: string
}

/** Signs certificates as a test wants them. */
export interface Authority extends Certified {
  issue(name: string, options?: { readonly notBefore?: Date; readonly notAfter?: Date }): Certified
}

const DAY_MS = 86_400_000

/** A certificate authority that nobody knows yet. What it issues is good for localhost and 127.0.0.1, for a day. */
export function anAuthority(name = 'Test CA'): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const own = certificate({
    subject: name,
    issuer: name,
    publicKey: keys.publicKey,
    signer: keys.privateKey,
    isCa: true,
  })
  return {
    cert: own,
    key: pemOf(keys.privateKey),
    issue(subject, options = {}) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const cert = certificate({ subject, issuer: name, publicKey, signer: keys.privateKey, isCa: false, ...options })
      return { cert, key: pemOf(privateKey) }
    },
  }
}

/** Writes a server's certificate into a folder; with `clients`, those whom that authority signed may come. */
export function tlsFilesIn(folder: string, server: Certified, clients?: Authority): TlsFiles {
  const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') }
  writeFileSync(files.cert, server.cert)
  writeFileSync(files.key, server.key, { mode: 0o600 })
  if (clients === undefined) return files
  const clientCa = join(folder, 'client-ca.crt')
  writeFileSync(clientCa, clients.cert)
  return { ...files, clientCa }
}

interface Request {
  readonly subject: string
  readonly issuer: string
  readonly publicKey: KeyObject
  readonly signer: KeyObject
  readonly isCa: boolean
  readonly notBefore?: Date
  readonly notAfter?: Date
}

/** RFC 5280, as little of it as TLS asks for. */
function certificate(request: Request): string {
  const { notBefore = new Date(Date.now() - DAY_MS), notAfter = new Date(Date.now() + DAY_MS) } = request
  const names = [der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1]))]
  const extensions = [
    extension('551d13', sequence(...(request.isCa ? [der(0x01, Buffer.from([0xff]))] : []))),
    ...(request.isCa ? [] : [extension('551d11', sequence(...names))]),
  ]
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    nameOf(request.issuer),
    sequence(time(notBefore), time(notAfter)),
    nameOf(request.subject),
    request.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  const signed = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, request.signer)))
  const lines = signed.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function bits(content: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), content]))
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value))
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))))
}

/** GeneralizedTime, which holds any year. */
function time(date: Date): Buffer {
  return der(0x18, Buffer.from(date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')))
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' })
}

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'))
