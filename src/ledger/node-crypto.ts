import { createPublicKey, verify } from 'node:crypto'
import type { Crypto } from '../../verify/index.ts'
import { sha256 } from './sha256.ts'

// An Ed25519 public key in DER, up to its 32 bytes (RFC 8410).
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex')

/** Node's SHA-256 and Ed25519, as `verify` wants them handed in. */
export const nodeCrypto: Crypto = {
  sha256,
  async verifyEd25519(publicKey, message, signature) {
    const key = createPublicKey({ key: Buffer.concat([PUBLIC_DER, publicKey]), format: 'der', type: 'spki' })
    return verify(null, message, key, signature)
  },
}
