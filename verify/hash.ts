/**
 * SHA-256 of the bytes, at once; handed in, so that this package runs anywhere.
 * It must not keep a reference to its input, which is reused, and must return a new array.
 */
export type Sha256 = (bytes: Uint8Array) => Uint8Array

export const HASH_BYTES = 32

const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES)
let leafInput = new Uint8Array(1024)

// RFC 6962 section 2.1: the prefixes keep a leaf from ever hashing like a node.

/** SHA-256(0x00 || leaf). */
export function leafHash(sha256: Sha256, leaf: Uint8Array): Uint8Array {
  if (leaf.length >= leafInput.length) leafInput = new Uint8Array(2 * leaf.length + 1)
  leafInput[0] = 0
  leafInput.set(leaf, 1)
  return sha256(leafInput.subarray(0, leaf.length + 1))
}

/** SHA-256(0x01 || left || right). */
export function nodeHash(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput[0] = 1
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return sha256(nodeInput)
}

/** Root of the empty tree: SHA-256 of nothing. */
export function emptyRoot(sha256: Sha256): Uint8Array {
  return sha256(new Uint8Array(0))
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
