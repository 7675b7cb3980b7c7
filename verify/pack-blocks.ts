import { fromBase64Url, toBase64Url } from './base64.ts'
import type { Block } from './blocks.ts'
import { blockHash, BLOCKS, commitment } from './blocks.ts'
import { VerifyError } from './errors.ts'
import { equalBytes, type Sha256 } from './hash.ts'
import type { Leaf } from './leaf.ts'
import { type BlocksLine, parseBlocksLine, linesIn } from './pack-lines.ts'

/** What a pack shows of one leaf, after it was checked against it. */
export interface Disclosed {
  readonly index: number
  readonly leaf: Leaf
  readonly blocks: readonly { readonly block: Block; readonly json: string }[]
  /** Blocks that the leaf commits to and that are not shown. */
  readonly missing: readonly Block[]
}

/**
 * Reads `blocks.jsonl` of a log: every block that is shown must be what its leaf commits to. Throws VerifyError naming
 * leaf and block.
 */
export function openBlocks(
  sha256: Sha256,
  bytes: Uint8Array,
  leafAt: (index: number) => Leaf | undefined,
): readonly Disclosed[] {
  const found: Disclosed[] = []
  let last = -1
  let number = 0
  for (const text of linesIn(bytes)) {
    number += 1
    const line = lineOf(text, number)
    if (line.index <= last) throw new VerifyError('malformed', `line ${number} is not in the order of the leaves`)
    last = line.index
    const leaf = leafAt(line.index)
    if (leaf === undefined)
      throw new VerifyError('mismatch', `line ${number} shows leaf ${line.index}, which the pack lacks`)
    found.push({ index: line.index, leaf, ...checkLine(sha256, line, leaf) })
  }
  return found
}

function checkLine(sha256: Sha256, line: BlocksLine, leaf: Leaf): Pick<Disclosed, 'blocks' | 'missing'> {
  const hashes = line.commitments.map(fromBase64Url)
  for (const { block, json, salt } of line.blocks) {
    const hash = blockHash(sha256, fromBase64Url(salt), json)
    if (!equalBytes(hash, hashes[BLOCKS.indexOf(block)]!)) {
      throw new VerifyError('mismatch', `block ${block} of leaf ${line.index} is not what was sealed`)
    }
  }
  if (toBase64Url(commitment(sha256, hashes)) !== leaf.c) {
    throw new VerifyError('mismatch', `the block hashes of leaf ${line.index} are not those that it commits to`)
  }
  const isShown = (block: Block): boolean => line.blocks.some((each) => each.block === block)
  return {
    blocks: line.blocks.map(({ block, json }) => ({ block, json })),
    missing: BLOCKS.filter((block, b) => hashes[b]!.some((byte) => byte !== 0) && !isShown(block)),
  }
}

function lineOf(text: string, number: number): BlocksLine {
  try {
    return parseBlocksLine(text)
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error
    throw new VerifyError(error.code, `line ${number}: ${error.message}`, error)
  }
}
