import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import { formatVerifierKey, fromBase64, keyId, toBase64, toHex } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import type { Files } from '../lib/files.ts'
import { sha256 } from './sha256.ts'

/** Signs for one log. */
export interface LogKey {
  /** Its verifier key, for everyone. */
  readonly vkey: string
  /** First four bytes of a signature line. */
  readonly id: Uint8Array
  /** Ed25519, 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

export interface LogKeys {
  /** Undefined when there is none. Throws `damaged` when its file does not hold the key of this log. */
  find(origin: string): Promise<LogKey | undefined>
  /** Makes the key of a new log, durable when it resolves. */
  create(origin: string): Promise<LogKey>
}

// An Ed25519 seed and public key in DER, up to their 32 bytes (RFC 8410).
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_DER_BYTES = 12

/** Opens the keys in `<folder>/<origin>.skey`, mode 0600, in the format of golang.org/x/mod/sumdb/note. */
export async function openLogKeys(files: Files, folder: string): Promise<LogKeys> {
  await files.makeFolder(folder)
  // Who made a key may have been killed before this: it must not sign before it is durable.
  await files.syncFolder(folder)
  // A key name never holds "+", so origins and names of files go one to one.
  const pathOf = (origin: string): string => `${folder}/${origin.replaceAll('/', '+')}.skey`
  return {
    async find(origin) {
      const bytes = await files.read(pathOf(origin))
      return bytes === undefined ? undefined : parseKey(origin, pathOf(origin), bytes)
    },
    async create(origin) {
      const seed = randomBytes(32)
      // Durable before its first signature: a signature by a key that a crash took could never be continued.
      await files.replace(pathOf(origin), Buffer.from(formatKey(origin, seed)))
      return keyOf(origin, seed)
    },
  }
}

function formatKey(origin: string, seed: Uint8Array): string {
  const key = keyOf(origin, seed)
  return `PRIVATE+KEY+${origin}+${toHex(key.id)}+${toBase64(Buffer.concat([Uint8Array.of(1), seed]))}\n`
}

function parseKey(origin: string, path: string, bytes: Uint8Array): LogKey {
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.{44})\n$/.exec(Buffer.from(bytes).toString())
  const key = match?.[1] === origin ? fromSecret(origin, match[3]!) : undefined
  if (key !== undefined && toHex(key.id) === match?.[2]) return key
  const hint = 'put the file back from a backup of the keys folder'
  throw new AuditError('damaged', `${path} does not hold the key of log ${origin}`, { hint })
}

function fromSecret(origin: string, text: string): LogKey | undefined {
  try {
    const secret = fromBase64(text)
    return secret[0] === 1 && secret.length === 33 ? keyOf(origin, secret.subarray(1)) : undefined
  } catch {
    return undefined
  }
}

function keyOf(origin: string, seed: Uint8Array): LogKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, seed]), format: 'der', type: 'pkcs8' })
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const publicKey = new Uint8Array(der.subarray(PUBLIC_DER_BYTES))
  return {
    vkey: formatVerifierKey(sha256, origin, 'ed25519', publicKey),
    id: keyId(sha256, origin, 'ed25519', publicKey),
    sign: (message) => sign(null, message, privateKey),
  }
}
