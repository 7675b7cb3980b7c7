import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import type { VerifierKey } from '../../verify/index.ts'
import {
  cosignedText,
  formatCosignature,
  formatVerifierKey,
  fromBase64,
  isKeyName,
  parseVerifierKey,
  toBase64,
  toHex,
} from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import type { Files } from '../lib/files.ts'
import { sha256 } from './sha256.ts'

/** Signs as a witness. */
export interface WitnessKey {
  readonly name: string
  /** Its verifier key, for the policies of those who believe it. */
  readonly vkey: string
  /** A signature line over the text of a checkpoint; `time` in seconds since 1970. */
  cosign(text: string, time: number): string
}

// An Ed25519 seed and public key in DER, up to their 32 bytes (RFC 8410).
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_DER_BYTES = 12
/** Of cosignatures (tlog-cosignature). */
const TYPE = 4

/** Makes the key of a new witness in a file, mode 0600, durable when it resolves. Throws `conflict` when there is one. */
export async function createWitnessKey(files: Files, path: string, name: string): Promise<WitnessKey> {
  if (!isKeyName(name)) {
    const hint = 'a host name and a path is usual, like witness.example.org/w1; no spaces, no +'
    throw new AuditError('bad_request', `${name} is no name for a witness`, { hint })
  }
  if ((await files.size(path)) !== undefined) {
    const hint = 'start it with whodid witness; to have another one give another folder with --data'
    throw new AuditError('conflict', `${path} is there already`, { hint })
  }
  const seed = randomBytes(32)
  const key = keyOf(name, seed)
  const id = parseVerifierKey(sha256, key.vkey).id
  const secret = toBase64(Buffer.concat([Uint8Array.of(TYPE), seed]))
  await files.replace(path, Buffer.from(`PRIVATE+KEY+${name}+${toHex(id)}+${secret}\n`))
  return key
}

/** Undefined when there is none. Throws `damaged` when the file holds no key of a witness. */
export async function readWitnessKey(files: Files, path: string): Promise<WitnessKey | undefined> {
  const bytes = await files.read(path)
  if (bytes === undefined) return undefined
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.{44})\n$/.exec(Buffer.from(bytes).toString())
  const key = match === null ? undefined : fromSecret(match[1]!, match[3]!)
  if (key !== undefined && key.vkey.split('+')[1] === match?.[2]) return key
  throw new AuditError('damaged', `${path} holds no key of a witness`, { hint: 'put the file back from a backup' })
}

function fromSecret(name: string, text: string): WitnessKey | undefined {
  try {
    const secret = fromBase64(text)
    return secret[0] === TYPE && secret.length === 33 ? keyOf(name, secret.subarray(1)) : undefined
  } catch {
    return undefined
  }
}

function keyOf(name: string, seed: Uint8Array): WitnessKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, seed]), format: 'der', type: 'pkcs8' })
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const publicKey = new Uint8Array(der.subarray(PUBLIC_DER_BYTES))
  const vkey = formatVerifierKey(sha256, name, 'cosignature', publicKey)
  const verifier: VerifierKey = parseVerifierKey(sha256, vkey)
  return {
    name,
    vkey,
    cosign: (text, time) =>
      formatCosignature(verifier, time, sign(null, Buffer.from(cosignedText(text, time)), privateKey)),
  }
}
