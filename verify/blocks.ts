import type { Sha256 } from './hash.ts'
import { HASH_BYTES } from './hash.ts'

/** The five blocks, in the order of the commitment. */
export const BLOCKS = ['actor', 'place', 'target', 'body', 'original'] as const
export type Block = (typeof BLOCKS)[number]

/** Length of a subject key, a salt and an id. */
export const KEY_BYTES = 32
export const ID_BYTES = 16
const TARGET = BLOCKS.indexOf('target')

// Reused: nothing here outlives the call. Tags 0x11 to 0x13 are disjoint from the tree's 0x00 and 0x01.
const saltInput = new Uint8Array(1 + KEY_BYTES + ID_BYTES + 1)
const commitmentInput = new Uint8Array(1 + BLOCKS.length * HASH_BYTES)
let blockInput = new Uint8Array(4096)
const utf8 = new TextEncoder()

/** SHA-256(0x13 || K || id || b): the salt of block `b` (0..4) of the event `id` (16 bytes). */
export function blockSalt(sha256: Sha256, key: Uint8Array, id: Uint8Array, b: number): Uint8Array {
  if (key.length !== KEY_BYTES || id.length !== ID_BYTES) throw new RangeError('a subject key has 32 bytes, an id 16')
  saltInput[0] = 0x13
  saltInput.set(key, 1)
  saltInput.set(id, 1 + KEY_BYTES)
  saltInput[1 + KEY_BYTES + ID_BYTES] = b
  return sha256(saltInput)
}

/** B = SHA-256(0x11 || salt || json): hash of a block, of the very text that is kept. */
export function blockHash(sha256: Sha256, salt: Uint8Array, json: string): Uint8Array {
  const start = 1 + HASH_BYTES
  const most = start + 3 * json.length
  if (most > blockInput.length) blockInput = new Uint8Array(2 * most)
  blockInput[0] = 0x11
  blockInput.set(salt, 1)
  const { written } = utf8.encodeInto(json, blockInput.subarray(start))
  const hash = sha256(blockInput.subarray(0, start + written))
  // One huge event must not hold its size in memory for ever.
  if (blockInput.length > 4_194_304) blockInput = new Uint8Array(4096)
  return hash
}

/** c = SHA-256(0x12 || B_0 || … || B_4). An absent block is undefined here and 32 zero bytes in the hash. */
export function commitment(sha256: Sha256, hashes: readonly (Uint8Array | undefined)[]): Uint8Array {
  if (hashes.length !== BLOCKS.length) throw new RangeError(`${hashes.length} block hashes, not ${BLOCKS.length}`)
  commitmentInput.fill(0)
  commitmentInput[0] = 0x12
  for (let b = 0; b < BLOCKS.length; b++) {
    const hash = hashes[b]
    if (hash !== undefined) commitmentInput.set(hash, 1 + b * HASH_BYTES)
  }
  return sha256(commitmentInput)
}

/** Keys that salt an event's blocks: the target's for `target`, the actor's for all others. */
export interface BlockKeys {
  readonly actor: Uint8Array
  /** Only read when there is a target block; then it must be there. */
  readonly target: Uint8Array | undefined
}

/** Salt and hash of each block that is there, and the commitment to all. `blocks` are JSON texts in the order of BLOCKS. */
export function commitBlocks(
  sha256: Sha256,
  id: Uint8Array,
  keys: BlockKeys,
  blocks: readonly (string | undefined)[],
): { readonly commitment: Uint8Array; readonly hashes: readonly (Uint8Array | undefined)[] } {
  const hashes = BLOCKS.map((name, b) => {
    const json = blocks[b]
    if (json === undefined) return undefined
    const key = b === TARGET ? keys.target : keys.actor
    if (key === undefined) throw new RangeError(`no key for block ${name}`)
    return blockHash(sha256, blockSalt(sha256, key, id, b), json)
  })
  return { commitment: commitment(sha256, hashes), hashes }
}
