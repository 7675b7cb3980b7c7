import { VerifyError } from './errors.ts'
import type { Sha256 } from './hash.ts'
import { equalBytes, nodeHash } from './hash.ts'
import { assertHash } from './inclusion.ts'
import type { HashReader, LeafRange } from './tree.ts'
import { assertCount, largestPower, rangeHashes } from './tree.ts'

/** PROOF(older, D[newer]) of RFC 6962 section 2.1.2. Empty when the sizes are equal or `older` is 0. */
export async function proveConsistency(
  sha256: Sha256,
  older: number,
  newer: number,
  read: HashReader,
): Promise<readonly Uint8Array[]> {
  return rangeHashes(sha256, consistencyRanges(older, newer), read)
}

/** A tree's size and root. */
export interface TreeHead {
  readonly size: number
  readonly root: Uint8Array
}

/** RFC 9162 section 2.1.4.2. Throws VerifyError `bad_proof` unless the newer tree begins with the older one. */
export function verifyConsistency(
  sha256: Sha256,
  older: TreeHead,
  newer: TreeHead,
  proof: readonly Uint8Array[],
): void {
  assertCount('size', older.size)
  assertCount('size', newer.size)
  const bad = (why: string): VerifyError =>
    new VerifyError('bad_proof', `from ${older.size} to ${newer.size} leaves: ${why}`)
  if (older.size > newer.size) throw bad('a log never shrinks')
  if (older.size === newer.size || older.size === 0) {
    if (proof.length > 0) throw bad('the proof should be empty')
    if (older.size === newer.size && !equalBytes(older.root, newer.root)) throw bad('two roots for one size')
    return
  }
  proof.forEach(assertHash)
  const [first, ...rest] = isPowerOfTwo(older.size) ? [older.root, ...proof] : proof
  if (first === undefined || proof.length === 0) throw bad('the proof is empty')
  const roots = climb(sha256, older.size - 1, newer.size - 1, first, rest)
  if (roots === undefined) throw bad('the proof has the wrong length')
  if (!equalBytes(roots.older, older.root)) throw bad('the proof does not lead to the older root')
  if (!equalBytes(roots.newer, newer.root)) throw bad('the proof does not lead to the newer root')
}

/** Both roots, climbing from the older tree's last leaf; undefined when the proof has too many or too few hashes. */
function climb(
  sha256: Sha256,
  from: number,
  to: number,
  first: Uint8Array,
  rest: readonly Uint8Array[],
): { older: Uint8Array; newer: Uint8Array } | undefined {
  let at = from
  let last = to
  while (at % 2 === 1) {
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  let older = first
  let newer = first
  for (const hash of rest) {
    if (last === 0) return undefined
    if (at % 2 === 1 || at === last) {
      older = nodeHash(sha256, hash, older)
      newer = nodeHash(sha256, hash, newer)
      while (at % 2 === 0 && at !== 0) {
        at = at / 2
        last = Math.floor(last / 2)
      }
    } else {
      newer = nodeHash(sha256, newer, hash)
    }
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 ? { older, newer } : undefined
}

/** SUBPROOF of RFC 6962, walked from the root down and turned round at the end. */
function consistencyRanges(older: number, newer: number): readonly LeafRange[] {
  if (!(older >= 0 && older <= newer)) throw new RangeError(`no proof leads from ${older} to ${newer} leaves`)
  if (older === 0 || older === newer) return []
  const ranges: LeafRange[] = []
  let from = 0
  let to = newer
  // While the older tree's end lies within from..to, one half is common or new, and the other is looked at.
  while (to !== older) {
    const middle = from + largestPower(to - from)
    if (older <= middle) {
      ranges.push({ from: middle, to })
      to = middle
    } else {
      ranges.push({ from, to: middle })
      from = middle
    }
  }
  // The older root itself is known to the verifier when the walk never went right.
  if (from !== 0) ranges.push({ from, to })
  return ranges.toReversed()
}

function isPowerOfTwo(n: number): boolean {
  return n === 1 || largestPower(n + 1) === n
}
