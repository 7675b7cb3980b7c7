import { erasureLine, erasureLines } from '../../verify/erasure.ts'
import { leafHash } from '../../verify/hash.ts'
import { proveInclusion } from '../../verify/inclusion.ts'
import type { ErasureLine } from '../../verify/pack-lines.ts'
import { foldHashes } from '../../verify/tiles.ts'
import type { Position } from '../domain/sealed.ts'
import { sha256 } from '../ledger/sha256.ts'
import type { CoveredRow, Erasures } from '../state/erasures.ts'
import { linesOf } from './erasure-work.ts'

/** Blocks of leaves from..to of a log that erasures took, each with the record that says so and its proof. */
export type ErasureProofs = (log: string, from: number, to: number) => Promise<readonly ErasureLine[]>

interface Proving {
  readonly rows: readonly CoveredRow[]
  /** Places of the lines in the sorted list, and their hashes one behind the other. */
  readonly places: ReadonlyMap<string, number>
  readonly hashes: Uint8Array
  readonly record: Position
}

const MOST_KEPT = 4

/** What a record commits to does not change any more: the last few lists are kept. */
export function createErasureProofs(erasures: Pick<Erasures, 'list' | 'covered'>): ErasureProofs {
  const kept = new Map<string, Proving>()

  function open(id: string, record: Position): Proving {
    const known = kept.get(id)
    if (known !== undefined) return known
    const rows = erasures.covered(id)
    const lines = erasureLines(rows.flatMap(linesOf))
    const hashes = new Uint8Array(lines.length * 32)
    lines.forEach((line, n) => hashes.set(leafHash(sha256, Buffer.from(line, 'latin1')), n * 32))
    const made = { rows, places: new Map(lines.map((line, n) => [line, n])), hashes, record }
    const [oldest] = kept.keys()
    if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest)
    kept.set(id, made)
    return made
  }

  return async (log, from, to) => {
    const proven: ErasureLine[] = []
    for (const { id, record } of erasures.list()) {
      if (record === undefined) continue
      const { rows, places, hashes } = open(id, record)
      for (const row of rows.filter((each) => each.log === log && each.index >= from && each.index < to)) {
        for (const block of linesOf(row)) {
          const at = places.get(erasureLine(block)) ?? 0
          const path = await proveInclusion(sha256, at, places.size, (nodes) =>
            Promise.resolve(
              nodes.map(({ level, index }) => foldHashes(sha256, hashes, index * 2 ** level, 2 ** level)),
            ),
          )
          proven.push({ ...block, record, at, path })
        }
      }
    }
    return proven
  }
}
