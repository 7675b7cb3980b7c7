import { hash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import {
  blockHash,
  blockSalt,
  commitment,
  leafHash,
  parseBundle,
  parseCheckpoint,
  parseLeaf,
  verifyInclusion,
} from '../../verify/index.ts'
import { BLOCK_NAMES, type ErasedPart, type SealedEvent } from '../domain/sealed.ts'
import { columnValues } from '../store/encode.ts'
import { blocksOf, sealedOf } from '../store/row.ts'
import type { PlaceRange, ScrubbedRow } from '../store/scrub-rows.ts'

/** A stretch of a log as its files and as the store have it. */
export interface ScrubTask extends PlaceRange {
  /** The leaves as a bundle: `u16be length || leaf` each. */
  readonly entries: Uint8Array
  /** Of some leaves, one in each bundle: with the others of the bundle it leads to the signed root. */
  readonly proofs: readonly { readonly index: number; readonly hashes: readonly Uint8Array[]; readonly note: string }[]
  /** `ScrubbedRow` as JSON, a line each, in order of place. */
  readonly lines: string
  readonly keys: readonly (readonly [id: number, key: Uint8Array])[]
  /** Feed number of the row before; 0 where that is not known. */
  readonly feed: number
}

export interface Compared {
  readonly differences: readonly Difference[]
  /** Feed number of the last row. */
  readonly feed: number
  /** Rows whose blocks a later parser made: their columns follow from those, and what was sealed is checked beside them. */
  readonly readAgain: number
  /** Erasures by which blocks are not there, with these as bits in the order of BLOCK_NAMES. */
  readonly erasures: readonly ErasedBlocks[]
  /** Places of rows that have no typed columns, as those that the engine refused. */
  readonly bare: readonly number[]
}

interface ErasedBlocks {
  readonly id: string
  readonly index: number
  readonly blocks: number
}

/** What is not as the ledger says. */
export interface Difference {
  readonly index: number
  readonly kind: 'differs' | 'missing' | 'repeated'
  /**
   * Columns of the store. `blocks`: at least one of the five is not what the leaf commits to. `entries`: the ledger's own
   * files do not lead to its signed root.
   */
  readonly columns: readonly string[]
}

/**
 * Compares leaves with rows: the leaf line, the blocks by their commitment, and every typed column with what it would be
 * made of again. Pure; made for a worker thread.
 */
export function compareStretch(task: ScrubTask): Compared {
  const { from, to } = task
  const leaves = parseBundle(task.entries, to - from)
  const differences: Difference[] = rootFaults(task, leaves)
  const rows = new Map<number, ScrubbedRow>()
  for (const line of task.lines.split('\n')) {
    if (line === '') continue
    // The engine wrote it, by our own SELECT.
    const row = JSON.parse(line) as ScrubbedRow
    if (rows.has(row.row_n)) differences.push({ index: row.row_n, kind: 'repeated', columns: [] })
    else rows.set(row.row_n, row)
  }
  const keys = new Map(task.keys)
  const erasures: ErasedBlocks[] = []
  const bare: number[] = []
  let { feed } = task
  let readAgain = 0
  for (const [at, bytes] of leaves.entries()) {
    const index = from + at
    const row = rows.get(index)
    if (row === undefined) {
      differences.push({ index, kind: 'missing', columns: [] })
      continue
    }
    const found = compareRow(row, new TextDecoder().decode(bytes), keys)
    const columns = [...found.columns, ...(row.row_feed > feed ? [] : ['feed'])]
    if (columns.length > 0) differences.push({ index, kind: 'differs', columns: columns.toSorted() })
    if (found.isBare) bare.push(index)
    if (row.row_sealed.length > 0) readAgain += 1
    for (const part of found.sealed.erased ?? []) erasures.push({ id: part.id, index, blocks: bitsOf(part) })
    feed = Math.max(feed, row.row_feed)
  }
  return { differences, feed, readAgain, erasures, bare }
}

function bitsOf({ kept }: ErasedPart): number {
  return BLOCK_NAMES.reduce((bits, name, b) => (kept[name] === undefined ? bits : bits | (1 << b)), 0)
}

function rootFaults({ from, proofs }: ScrubTask, leaves: readonly Uint8Array[]): Difference[] {
  return proofs.flatMap(({ index, hashes, note }) => {
    const leaf = leaves[index - from]
    try {
      const { size, root } = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))
      if (leaf !== undefined) verifyInclusion(sha256, leafHash(sha256, leaf), index, size, hashes, root)
      return []
    } catch {
      return [{ index, kind: 'differs' as const, columns: ['entries'] }]
    }
  })
}

interface ComparedRow {
  readonly columns: readonly string[]
  readonly isBare: boolean
  readonly sealed: SealedEvent
}

function compareRow(row: ScrubbedRow, leaf: string, keys: ReadonlyMap<number, Uint8Array>): ComparedRow {
  const sealed = { ...sealedOf(row), leaf }
  const proven = isCommitted(sealed, keys) ? [] : ['blocks']
  const shown = { ...sealed, blocks: blocksOf(row) }
  try {
    const columns = differing(row, columnValues(shown))
    const isBare = columns.length > 0 && differing(row, columnValues(shown, 'bare')).length === 0
    return { columns: [...proven, ...(isBare ? [] : columns)], isBare, sealed }
  } catch {
    // Not even JSON.
    return { columns: ['blocks'], isBare: false, sealed }
  }
}

/** Of a conflict nothing but the order of arrival tells; the index of rows says the rest. */
const NOT_COMPARED = new Set(['feed', 'conflict', ...BLOCK_NAMES, 'erased'])

function differing(row: ScrubbedRow, expected: ReadonlyMap<string, unknown>): readonly string[] {
  return [...expected].flatMap(([name, value]) => {
    if (NOT_COMPARED.has(name)) return []
    return isDeepStrictEqual(row[`cell_${name}`], stored(value)) ? [] : [name]
  })
}

/** What is no Unicode is written as the sign for that. */
function stored(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  return Array.isArray(value) ? value.map(stored) : value
}

/** Whether the blocks, and the kept hashes of those that were erased, are what the leaf commits to. */
function isCommitted(sealed: SealedEvent, keys: ReadonlyMap<number, Uint8Array>): boolean {
  const leaf = parseLeaf(sealed.leaf)
  const id = Buffer.from(leaf.id, 'base64url')
  const hasTarget = sealed.blocks[2] !== undefined || keptHash(sealed, 2) !== undefined
  if (!hasTarget && sealed.targetKey !== 0) return false
  const hashes: (Uint8Array | undefined)[] = []
  for (const [b, name] of BLOCK_NAMES.entries()) {
    const json = sealed.blocks[b]
    const key = keys.get(name === 'target' ? sealed.targetKey : sealed.actorKey)
    if (json !== undefined && key === undefined) return false
    hashes.push(
      json === undefined || key === undefined
        ? keptHash(sealed, b)
        : blockHash(sha256, blockSalt(sha256, key, id, b), json),
    )
  }
  return leaf.c === Buffer.from(commitment(sha256, hashes)).toString('base64url')
}

function keptHash({ erased = [] }: SealedEvent, b: number): Uint8Array | undefined {
  const name = BLOCK_NAMES[b]
  const kept = name && erased.find((each) => each.kept[name] !== undefined)?.kept[name]
  return kept === undefined ? undefined : Buffer.from(kept, 'base64url')
}

function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}
