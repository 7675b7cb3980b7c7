import { hash } from 'node:crypto'

/** Node's SHA-256, as `verify` wants it handed in. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}
