import { VerifyError } from './errors.ts'
import { equalBytes, nodeHash, type Sha256 } from './hash.ts'
import { assertHash, inclusionRanges } from './inclusion.ts'
import { assertCount, largestPower, type LeafRange } from './tree.ts'

/** Paths (RFC 6962 section 2.1.1) of the first and of the last leaf of a range. */
export interface RangePaths {
  readonly first: readonly Uint8Array[]
  readonly last: readonly Uint8Array[]
}

/**
 * Throws VerifyError `bad_proof` unless leaves with these hashes stand one after the other, from index `from`, in the
 * tree of that size and root. The first leaf's path has every subtree left of the range, the last one's every subtree
 * right of it, so both together with the range itself give the root: nothing can have been taken out in between.
 */
export function verifyRange(
  sha256: Sha256,
  hashes: readonly Uint8Array[],
  from: number,
  tree: { readonly size: number; readonly root: Uint8Array },
  paths: RangePaths,
): void {
  assertCount('index', from)
  assertCount('size', tree.size)
  const to = from + hashes.length
  if (hashes.length === 0 || to > tree.size) {
    throw new VerifyError('bad_proof', `leaves ${from} to ${to - 1} are not among the first ${tree.size}`)
  }
  const outside = new Map<string, Uint8Array>()
  for (const [index, path] of [[from, paths.first] as const, [to - 1, paths.last] as const]) {
    const ranges = inclusionRanges(index, tree.size)
    if (ranges.length !== path.length)
      throw new VerifyError('bad_proof', `the path of leaf ${index} is of another tree`)
    path.forEach(assertHash)
    ranges.forEach((range, n) => outside.set(nameOf(range), path[n]!))
  }
  const hashOf = (range: LeafRange): Uint8Array => {
    const width = range.to - range.from
    const isInside = range.from >= from && range.to <= to
    if (isInside && width === 1) return hashes[range.from - from]!
    const known = range.to <= from || range.from >= to ? outside.get(nameOf(range)) : undefined
    if (known !== undefined) return known
    const middle = range.from + largestPower(width)
    return nodeHash(sha256, hashOf({ from: range.from, to: middle }), hashOf({ from: middle, to: range.to }))
  }
  if (!equalBytes(hashOf({ from: 0, to: tree.size }), tree.root)) {
    throw new VerifyError('bad_proof', `leaves ${from} to ${to - 1} do not lead to the root of ${tree.size}`)
  }
}

function nameOf({ from, to }: LeafRange): string {
  return `${from}-${to}`
}
