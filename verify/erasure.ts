import { VerifyError } from './errors.ts'
import { BLOCKS, type Block } from './blocks.ts'
import { createEdge } from './edge.ts'
import { leafHash, type Sha256 } from './hash.ts'
import { proveInclusion, verifyInclusion } from './inclusion.ts'
import { foldHashes } from './tiles.ts'

/** A block whose text was erased. */
export interface ErasedBlock {
  readonly log: string
  readonly index: number
  readonly block: Block
}

/** That a block is among those which an erasure covers: its place in the sorted list, and the path to the root. */
export interface ErasureProof {
  readonly at: number
  readonly path: readonly Uint8Array[]
}

const ascii = new TextEncoder()

/** `log NUL index NUL block`, ASCII, the index in decimal: a leaf of the tree that an erasure commits to (docs/ledger.md, Erasure). */
export function erasureLine({ log, index, block }: ErasedBlock): string {
  return `${log}\0${index}\0${block}`
}

/** The lines of what an erasure covers, sorted by their bytes. Throws VerifyError `malformed` when one comes twice. */
export function erasureLines(covered: readonly ErasedBlock[]): readonly string[] {
  // ASCII, so that code units sort as bytes do.
  const lines = covered.map(erasureLine).toSorted((a, b) => (a < b ? -1 : 1))
  const twice = lines.find((line, n) => line === lines[n - 1])
  if (twice !== undefined) throw new VerifyError('malformed', `${twice.replaceAll('\0', ' ')} is erased twice`)
  return lines
}

/** Root of the RFC 6962 tree over the sorted lines: what `subject.erased` commits to. */
export function erasureRoot(sha256: Sha256, covered: readonly ErasedBlock[]): Uint8Array {
  const edge = createEdge(sha256)
  for (const line of erasureLines(covered)) edge.push(leafHash(sha256, ascii.encode(line)))
  return edge.root()
}

/** Throws VerifyError `mismatch` when the block is not among those covered. */
export async function proveErasure(
  sha256: Sha256,
  covered: readonly ErasedBlock[],
  block: ErasedBlock,
): Promise<ErasureProof> {
  const lines = erasureLines(covered)
  const at = lines.indexOf(erasureLine(block))
  if (at < 0) throw new VerifyError('mismatch', `the erasure does not cover ${block.block} of leaf ${block.index}`)
  const hashes = new Uint8Array(lines.length * 32)
  lines.forEach((line, n) => hashes.set(leafHash(sha256, ascii.encode(line)), n * 32))
  const path = await proveInclusion(sha256, at, lines.length, (nodes) =>
    Promise.resolve(nodes.map(({ level, index }) => foldHashes(sha256, hashes, index * 2 ** level, 2 ** level))),
  )
  return { at, path }
}

/** Throws VerifyError `bad_proof` unless the block is one of the `count` that the erasure with this root covers. */
export function verifyErasure(
  sha256: Sha256,
  block: ErasedBlock,
  proof: ErasureProof,
  count: number,
  root: Uint8Array,
): void {
  const hash = leafHash(sha256, ascii.encode(erasureLine(block)))
  verifyInclusion(sha256, hash, proof.at, count, proof.path, root)
}

export function isBlock(text: string): text is Block {
  return BLOCKS.some((name) => name === text)
}
