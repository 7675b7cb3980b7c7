import { hashes, verifyAsync } from '@noble/ed25519'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import type { Crypto } from '../note.ts'

/**
 * What the checks need. Signatures are checked by the browser where it can: over https or on this machine, and only by
 * browsers that know Ed25519. Elsewhere (plain http has no `crypto.subtle`) the audited code that came with the page does it.
 */
export async function browserCrypto(): Promise<Crypto & { readonly by: 'browser' | 'page' }> {
  const native = await nativeEd25519()
  if (native !== undefined) return { sha256, verifyEd25519: native, by: 'browser' }
  // noble's own default is crypto.subtle, which is not there either.
  hashes.sha512 = sha512
  hashes.sha512Async = (message) => Promise.resolve(sha512(message))
  return { sha256, verifyEd25519: (key, message, signature) => verifyAsync(signature, message, key), by: 'page' }
}

async function nativeEd25519(): Promise<Crypto['verifyEd25519'] | undefined> {
  if (!globalThis.isSecureContext) return undefined
  const subtle = globalThis.crypto.subtle
  const importKey = (key: Uint8Array): Promise<CryptoKey> =>
    subtle.importKey('raw', owned(key), 'Ed25519', false, ['verify'])
  try {
    // The base point: a key that every implementation accepts.
    await importKey(Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 0x58 : 0x66)))
  } catch {
    // This browser does not know Ed25519.
    return undefined
  }
  return async (key, message, signature) =>
    subtle.verify('Ed25519', await importKey(key), owned(signature), owned(message))
}

/** A copy that surely lies in an ArrayBuffer of its own: what the types of WebCrypto ask for. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
