import { VerifyError } from './errors.ts'
import type { Sha256 } from './hash.ts'
import { equalBytes, HASH_BYTES, nodeHash } from './hash.ts'
import type { HashReader, LeafRange } from './tree.ts'
import { assertCount, largestPower, rangeHashes } from './tree.ts'

/** PATH(index, D[size]) of RFC 6962 section 2.1.1: the leaf's sibling first. */
export async function proveInclusion(
  sha256: Sha256,
  index: number,
  size: number,
  read: HashReader,
): Promise<readonly Uint8Array[]> {
  return rangeHashes(sha256, inclusionRanges(index, size), read)
}

/** RFC 9162 section 2.1.3.2. Throws VerifyError `bad_proof` unless the path leads from the leaf to the root. */
export function verifyInclusion(
  sha256: Sha256,
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): void {
  assertCount('index', index)
  assertCount('size', size)
  if (index >= size) throw new VerifyError('bad_proof', `leaf ${index} is not among the first ${size}`)
  let at = index
  let last = size - 1
  let hash = leaf
  for (const sibling of path) {
    if (last === 0) throw new VerifyError('bad_proof', `proof of leaf ${index} in ${size} is too long`)
    assertHash(sibling)
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sha256, sibling, hash)
      while (at % 2 === 0 && at !== 0) {
        at = at / 2
        last = Math.floor(last / 2)
      }
    } else {
      hash = nodeHash(sha256, hash, sibling)
    }
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  if (last !== 0) throw new VerifyError('bad_proof', `proof of leaf ${index} in ${size} is too short`)
  if (!equalBytes(hash, root)) throw new VerifyError('bad_proof', `leaf ${index} does not lead to the root of ${size}`)
}

export function assertHash(hash: Uint8Array): void {
  if (hash.length !== HASH_BYTES) throw new VerifyError('malformed', `a hash of ${hash.length} bytes`)
}

/** The ranges whose hashes make a path, in its order. */
export function inclusionRanges(index: number, size: number): readonly LeafRange[] {
  if (!(index >= 0 && index < size)) throw new RangeError(`leaf ${index} is not among the first ${size}`)
  const siblings: LeafRange[] = []
  let from = 0
  let to = size
  while (to - from > 1) {
    const middle = from + largestPower(to - from)
    if (index < middle) {
      siblings.push({ from: middle, to })
      to = middle
    } else {
      siblings.push({ from, to: middle })
      from = middle
    }
  }
  return siblings.toReversed()
}
