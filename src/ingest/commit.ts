import type { RecordResult } from '../domain/answers.ts'
import type { Accounting } from '../domain/accounting.ts'
import type { Position } from '../domain/sealed.ts'
import type { DuplicateWindow } from './duplicates.ts'
import {
  arenaBytesOf,
  CONTENT_BYTES,
  FLAG_CONFLICT,
  FLAG_NATURAL,
  flagsOf,
  ROW_BYTES,
  type SealedTable,
  setFlag,
  viewOf,
} from './payload.ts'
import type { SealedSlice } from './seal.ts'

/** A slice with every record's fate decided, ready for the journal. */
export interface Decided {
  /** What is stored, as views of the slice. */
  readonly events: readonly SealedTable[]
  readonly count: number
  readonly accounting: Accounting
  /** One result per record of the slice. */
  readonly results: readonly RecordResult[]
  readonly conflicts: number
}

const ID = 16

/**
 * Decides what of a slice is new (docs/architecture.md, Intake) and gives indexes from `first` on. Runs in the same
 * synchronous step that appends to the journal, so index order is byte order.
 *
 * @param records how many records the slice had; @param now receive time, milliseconds since 1970.
 */
export function decide(
  slice: SealedSlice,
  records: number,
  window: DuplicateWindow,
  log: string,
  first: number,
  now: number,
): Decided {
  const ids = viewOf(slice.ids)
  const contents = viewOf(slice.contents)
  const table = viewOf(slice.table)
  const fates = fatesOfTheRest(slice, records)
  const runs = createRuns(slice)
  let index = first
  let conflicts = 0
  for (let row = 0; row < slice.count; row++) {
    const record = slice.recordOf[row] ?? 0
    const id = ids.toString('base64url', row * ID, row * ID + ID)
    const natural = (flagsOf(table, row) & FLAG_NATURAL) !== 0
    const seen = natural ? window.find(ids, contents, row * ID) : { kind: 'new' as const }
    if (seen.kind === 'duplicate') {
      fates[record] ??= { duplicate: id, ...seen.position }
      runs.skip(row)
      continue
    }
    const position: Position = { log, index: index++ }
    if (seen.kind === 'conflict') {
      setFlag(table, row, FLAG_CONFLICT)
      conflicts++
    }
    if (natural) window.add(ids, contents, row * ID, position, now)
    if (!isKept(fates[record])) {
      fates[record] = { id, ...position, ...(seen.kind === 'conflict' && { conflict: true }) }
    }
    runs.keep(row)
  }
  const count = index - first
  const results = fates.map((fate) => fate ?? EMPTY)
  return { events: runs.end(), count, accounting: account(results, count), results, conflicts }
}

function isKept(result: RecordResult | undefined): boolean {
  return result !== undefined && 'id' in result
}

/** A record that no event came of and that nobody refused: a list without items. */
const EMPTY: RecordResult = { dropped: 'no_event' }

/** Records that gave no event at all were rejected or dropped, or were empty of events. */
function fatesOfTheRest(slice: SealedSlice, records: number): (RecordResult | undefined)[] {
  const results = Array.from<RecordResult | undefined>({ length: records })
  for (const { record, reason, message, path } of slice.rejected) {
    results[record] = { rejected: { code: reason, message, ...(path !== undefined && { path }) } }
  }
  for (const { record, rule } of slice.dropped) results[record] ??= { dropped: rule }
  return results
}

function account(results: readonly RecordResult[], events: number): Accounting {
  const dropped = new Map<string, number>()
  const rejected = new Map<string, number>()
  let kept = 0
  let duplicate = 0
  for (const result of results) {
    if ('id' in result) kept++
    else if ('duplicate' in result) duplicate++
    else if ('dropped' in result) dropped.set(result.dropped, (dropped.get(result.dropped) ?? 0) + 1)
    else rejected.set(result.rejected.code, (rejected.get(result.rejected.code) ?? 0) + 1)
  }
  return {
    received: results.length,
    kept,
    events,
    dropped: Object.fromEntries(dropped),
    duplicate,
    rejected: Object.fromEntries(rejected),
    shed: 0,
  }
}

/** Cuts what is kept out of the slice in as few pieces as there are runs of kept rows; usually one. */
function createRuns(slice: SealedSlice) {
  const table = viewOf(slice.table)
  const pieces: SealedTable[] = []
  let from = 0
  let at = 0
  let arenaFrom = 0
  let arenaAt = 0
  const close = (): void => {
    if (at > from) {
      pieces.push({
        count: at - from,
        table: slice.table.subarray(from * ROW_BYTES, at * ROW_BYTES),
        contents: slice.contents.subarray(from * CONTENT_BYTES, at * CONTENT_BYTES),
        arena: slice.arena.subarray(arenaFrom, arenaAt),
      })
    }
  }
  return {
    keep(row: number): void {
      at = row + 1
      arenaAt += arenaBytesOf(table, row)
    },
    skip(row: number): void {
      close()
      arenaAt += arenaBytesOf(table, row)
      from = row + 1
      at = from
      arenaFrom = arenaAt
    },
    end(): SealedTable[] {
      close()
      return pieces
    },
  }
}
