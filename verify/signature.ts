import { type Der, TAG, inside, oidText, readDer } from './der.ts'
import { VerifyError } from './errors.ts'

type Hash = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'

const HASHES: ReadonlyMap<string, Hash> = new Map([
  ['1.3.14.3.2.26', 'SHA-1'],
  ['2.16.840.1.101.3.4.2.1', 'SHA-256'],
  ['2.16.840.1.101.3.4.2.2', 'SHA-384'],
  ['2.16.840.1.101.3.4.2.3', 'SHA-512'],
])

/** How a signature is made, by the name of its algorithm; without a hash where another field names that. */
const SIGNATURES: ReadonlyMap<string, { readonly kind: 'rsa' | 'ec' | 'ed25519'; readonly hash?: Hash }> = new Map([
  ['1.2.840.113549.1.1.1', { kind: 'rsa' }],
  ['1.2.840.113549.1.1.11', { kind: 'rsa', hash: 'SHA-256' }],
  ['1.2.840.113549.1.1.12', { kind: 'rsa', hash: 'SHA-384' }],
  ['1.2.840.113549.1.1.13', { kind: 'rsa', hash: 'SHA-512' }],
  ['1.2.840.10045.2.1', { kind: 'ec' }],
  ['1.2.840.10045.4.3.2', { kind: 'ec', hash: 'SHA-256' }],
  ['1.2.840.10045.4.3.3', { kind: 'ec', hash: 'SHA-384' }],
  ['1.2.840.10045.4.3.4', { kind: 'ec', hash: 'SHA-512' }],
  ['1.3.101.112', { kind: 'ed25519' }],
])

const CURVES: ReadonlyMap<string, { readonly name: string; readonly bytes: number }> = new Map([
  ['1.2.840.10045.3.1.7', { name: 'P-256', bytes: 32 }],
  ['1.3.132.0.34', { name: 'P-384', bytes: 48 }],
  ['1.3.132.0.35', { name: 'P-521', bytes: 66 }],
])

/**
 * That a key signed these bytes: RSA with PKCS#1 v1.5, ECDSA on the curves of NIST, Ed25519, by the WebCrypto of what it
 * runs in. `named` is what, for people. Throws VerifyError `bad_signature`; `unreadable` for an algorithm that is none of
 * these, or where there is no WebCrypto.
 *
 * @param publicKey SubjectPublicKeyInfo; @param digest AlgorithmIdentifier of the hash, where the algorithm names none
 */
export async function verifySigned(
  publicKey: Uint8Array,
  algorithm: Der,
  digest: Der | undefined,
  signed: Uint8Array,
  signature: Uint8Array,
  named: string,
): Promise<void> {
  const oid = algorithmOf(algorithm)
  const known = SIGNATURES.get(oid)
  const hash = known?.hash ?? (digest === undefined ? undefined : HASHES.get(algorithmOf(digest)))
  if (known === undefined || (known.kind !== 'ed25519' && (hash === undefined || hash === 'SHA-1')))
    throw new VerifyError('unreadable', `the signature of ${named} is of a kind that is not checked here (${oid})`)
  if (!(await isSigned(known.kind, hash ?? 'SHA-512', publicKey, signed, signature)))
    throw new VerifyError('bad_signature', `the signature of ${named} does not fit`)
}

/** Throws VerifyError `unreadable` for one that is not known. */
export async function hashOf(algorithm: Der, bytes: Uint8Array): Promise<Uint8Array> {
  const oid = algorithmOf(algorithm)
  const hash = HASHES.get(oid)
  if (hash === undefined) throw new VerifyError('unreadable', `an unknown hash (${oid})`)
  return new Uint8Array(await webCrypto().digest(hash, owned(bytes)))
}

export function algorithmOf(value: Der): string {
  return oidText(inside(value, TAG.sequence, 'an algorithm')[0])
}

async function isSigned(
  kind: 'rsa' | 'ec' | 'ed25519',
  hash: Hash,
  publicKey: Uint8Array,
  signed: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const subtle = webCrypto()
  const importKey = async (how: RsaHashedImportParams | EcKeyImportParams | { name: string }): Promise<CryptoKey> => {
    try {
      return await subtle.importKey('spki', owned(publicKey), how, false, ['verify'])
    } catch (cause) {
      throw new VerifyError('unreadable', 'a public key that is none of its kind', cause)
    }
  }
  if (kind === 'rsa') {
    const name = 'RSASSA-PKCS1-v1_5'
    return subtle.verify(name, await importKey({ name, hash }), owned(signature), owned(signed))
  }
  if (kind === 'ed25519')
    return subtle.verify('Ed25519', await importKey({ name: 'Ed25519' }), owned(signature), owned(signed))
  const curve = CURVES.get(curveOf(publicKey))
  if (curve === undefined) throw new VerifyError('unreadable', 'a public key on a curve that is not checked here')
  const key = await importKey({ name: 'ECDSA', namedCurve: curve.name })
  return subtle.verify({ name: 'ECDSA', hash }, key, owned(plainSignature(signature, curve.bytes)), owned(signed))
}

/** The two numbers of a signature side by side, as WebCrypto wants them. */
function plainSignature(der: Uint8Array, size: number): Uint8Array {
  const numbers = inside(readDer(der), TAG.sequence, 'a signature')
  const plain = new Uint8Array(2 * size)
  for (const [n, { content }] of numbers.slice(0, 2).entries()) {
    const bytes = content[0] === 0 ? content.subarray(1) : content
    if (bytes.length > size) throw new VerifyError('malformed', 'a signature with a number too large')
    plain.set(bytes, (n + 1) * size - bytes.length)
  }
  return plain
}

function curveOf(publicKey: Uint8Array): string {
  const [algorithm] = inside(readDer(publicKey), TAG.sequence, 'a public key')
  if (algorithm === undefined) return ''
  return oidText(inside(algorithm, TAG.sequence, 'an algorithm')[1])
}

function webCrypto(): SubtleCrypto {
  // Pages that came over plain http have none.
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
  if (subtle === undefined)
    throw new VerifyError('unreadable', 'this browser gives this page no means to check signatures')
  return subtle
}

/** A copy that surely lies in an ArrayBuffer of its own: what the types of WebCrypto ask for. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
