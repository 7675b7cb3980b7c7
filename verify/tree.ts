import { VerifyError } from './errors.ts'
import type { Sha256 } from './hash.ts'
import { emptyRoot, nodeHash } from './hash.ts'

// Sizes are plain numbers up to 2^53 and never meet a bit operator, which would cut them to 32 bits.

/** A complete subtree: the hash of leaves index·2^level up to (index+1)·2^level. */
export interface TreeNode {
  readonly level: number
  readonly index: number
}

/** Hashes of complete subtrees, in the order asked for. */
export type HashReader = (nodes: readonly TreeNode[]) => Promise<readonly Uint8Array[]>

/** Leaves from..to, end exclusive. */
export interface LeafRange {
  readonly from: number
  readonly to: number
}

/** Root of the tree of the first `size` leaves (RFC 6962 section 2.1). */
export async function treeRoot(sha256: Sha256, size: number, read: HashReader): Promise<Uint8Array> {
  if (size === 0) return emptyRoot(sha256)
  const [root] = await rangeHashes(sha256, [{ from: 0, to: size }], read)
  return root!
}

/** MTH of each range, all read in one go. Ranges must be ones that RFC 6962 forms by splitting. */
export async function rangeHashes(
  sha256: Sha256,
  ranges: readonly LeafRange[],
  read: HashReader,
): Promise<readonly Uint8Array[]> {
  const parts = ranges.map(subtrees)
  const hashes = await read(parts.flat())
  let at = 0
  return parts.map((nodes) => {
    const own = hashes.slice(at, at + nodes.length)
    at += nodes.length
    return foldRight(sha256, own)
  })
}

/** The complete subtrees that make up a range, largest first. */
export function subtrees(range: LeafRange): readonly TreeNode[] {
  const nodes: TreeNode[] = []
  for (let from = range.from; from < range.to;) {
    const width = largestPower(range.to - from + 1)
    const level = Math.log2(width)
    if (from % width !== 0) throw new RangeError(`${range.from}..${range.to} is no range of a Merkle tree`)
    nodes.push({ level, index: from / width })
    from += width
  }
  return nodes
}

/** One root over peaks that stand left to right, largest first. */
export function foldRight(sha256: Sha256, peaks: readonly Uint8Array[]): Uint8Array {
  let root = peaks.at(-1)
  if (root === undefined) return emptyRoot(sha256)
  for (let i = peaks.length - 2; i >= 0; i--) root = nodeHash(sha256, peaks[i]!, root)
  return root
}

/** Largest power of two below `n`; n ≥ 2. */
export function largestPower(n: number): number {
  let power = 2 ** Math.floor(Math.log2(n - 1))
  // log2 rounds: near 2^48 and above it may say one too many or one too few.
  while (power >= n) power /= 2
  while (power * 2 < n) power *= 2
  return power
}

/** Throws VerifyError `malformed` for what is no size or index. */
export function assertCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new VerifyError('malformed', `${name} ${value} is no count`)
}
