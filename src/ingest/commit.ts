import type { RecordResult } from '../domain/answers.ts'
import { type Accounting, NOTHING } from '../domain/accounting.ts'
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
import type { SealedSlice, SliceRecord } from './seal.ts'

/** A slice with every record's fate decided, ready for the journal. */
export interface Decided {
  /** One for each log that it adds to, in the order in which they become frames. At least one. */
  readonly parts: readonly DecidedPart[]
  /** One result per record of the slice. */
  readonly results: readonly RecordResult[]
  readonly conflicts: number
}

/** What of a slice goes into one log. */
export interface DecidedPart {
  /** The log's origin. */
  readonly log: string
  /** Index of its first event. */
  readonly first: number
  /** What is stored, as views of the slice. */
  readonly events: readonly SealedTable[]
  readonly count: number
  /**
   * Of the records whose first kept event is here; in the slice's own log also of all that keep nothing. What rules did
   * beside dropping is in the last part's.
   */
  readonly accounting: Accounting
}

const ID = 16

/**
 * Decides what of a slice is new (docs/architecture.md, Intake) and gives indexes from `nextOf` on. Runs in the same
 * synchronous step that appends to the journal, so index order is byte order.
 *
 * @param records those of the slice; @param nextOf index of a log's next event; @param now receive time, milliseconds
 * since 1970.
 */
export function decide(
  slice: SealedSlice,
  records: readonly Pick<SliceRecord, 'bytes'>[],
  window: DuplicateWindow,
  nextOf: (log: string) => number,
  now: number,
): Decided {
  const ids = viewOf(slice.ids)
  const contents = viewOf(slice.contents)
  const table = viewOf(slice.table)
  const fates = fatesOfTheRest(slice, records.length)
  const parts = slice.logs.map((log) => createPart(slice, log, nextOf(log)))
  let conflicts = 0
  let arenaAt = 0
  for (let row = 0; row < slice.count; row++) {
    const from = arenaAt
    arenaAt += arenaBytesOf(table, row)
    const record = slice.recordOf[row] ?? 0
    const part = parts[slice.logOf?.[row] ?? 0]
    if (part === undefined)
      throw new RangeError(`an event was sealed for log ${slice.logOf?.[row]}, which there is not`)
    const id = ids.toString('base64url', row * ID, row * ID + ID)
    const natural = (flagsOf(table, row) & FLAG_NATURAL) !== 0
    const seen = natural ? window.find(ids, contents, row * ID) : { kind: 'new' as const }
    if (seen.kind === 'duplicate') {
      fates[record] ??= { duplicate: id, ...seen.position }
      continue
    }
    const position = part.keep(row, from, arenaAt)
    if (seen.kind === 'conflict') {
      setFlag(table, row, FLAG_CONFLICT)
      conflicts++
    }
    if (natural) window.add(ids, contents, row * ID, position, now)
    if (!isKept(fates[record])) {
      fates[record] = { id, ...position, ...(seen.kind === 'conflict' && { conflict: true }) }
    }
  }
  const results = fates.map((fate) => fate ?? EMPTY)
  return { parts: partsOf(slice, parts, results, records), results, conflicts }
}

/** The slice's own log comes last, and is left out where there is nothing to say of it. */
function partsOf(
  slice: SealedSlice,
  [own, ...routed]: readonly Part[],
  results: readonly RecordResult[],
  records: readonly Pick<SliceRecord, 'bytes'>[],
): readonly DecidedPart[] {
  const parts = [...routed, ...(own === undefined ? [] : [own])]
    .map((part) => part.end(accountOf(results, records, (log) => (log ?? slice.logs[0]) === part.log)))
    .filter(({ count, accounting, log }) => count > 0 || (log === slice.logs[0] && accounting.received > 0))
  const last = parts.at(-1) ?? own?.end(NOTHING)
  if (last === undefined) throw new RangeError('a slice was sealed for no log')
  const { acted, shadow } = slice
  const rules = { ...(acted !== undefined && { acted }), ...(shadow !== undefined && { shadow }) }
  return [...parts.slice(0, -1), { ...last, accounting: { ...last.accounting, ...rules } }]
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

/** @param isHere whether records are counted whose first kept event is in that log; undefined: that keep nothing. */
function accountOf(
  results: readonly RecordResult[],
  records: readonly Pick<SliceRecord, 'bytes'>[],
  isHere: (log: string | undefined) => boolean,
): Omit<Accounting, 'events'> {
  const dropped = new Map<string, number>()
  const droppedBytes = new Map<string, number>()
  const rejected = new Map<string, number>()
  let kept = 0
  let duplicate = 0
  let received = 0
  for (const [n, result] of results.entries()) {
    if (!isHere('id' in result ? result.log : undefined)) continue
    received++
    if ('id' in result) kept++
    else if ('duplicate' in result) duplicate++
    else if ('dropped' in result) {
      add(dropped, result.dropped, 1)
      add(droppedBytes, result.dropped, records[n]?.bytes.length ?? 0)
    } else if ('rejected' in result) add(rejected, result.rejected.code, 1)
  }
  return {
    received,
    kept,
    dropped: Object.fromEntries(dropped),
    duplicate,
    rejected: Object.fromEntries(rejected),
    shed: 0,
    ...(droppedBytes.size > 0 && { droppedBytes: Object.fromEntries(droppedBytes) }),
  }
}

function add(counts: Map<string, number>, name: string, more: number): void {
  counts.set(name, (counts.get(name) ?? 0) + more)
}

type Part = ReturnType<typeof createPart>

/** Cuts what one log gets out of the slice in as few pieces as there are runs of its rows; usually one. */
function createPart(slice: SealedSlice, log: string, first: number) {
  const pieces: SealedTable[] = []
  let count = 0
  let [from, end, arenaFrom, arenaEnd] = [0, 0, 0, 0]
  const close = (): void => {
    if (end === from) return
    pieces.push({
      count: end - from,
      table: slice.table.subarray(from * ROW_BYTES, end * ROW_BYTES),
      contents: slice.contents.subarray(from * CONTENT_BYTES, end * CONTENT_BYTES),
      arena: slice.arena.subarray(arenaFrom, arenaEnd),
    })
  }
  return {
    log,
    /** @param arenaAt where its bytes begin; @param arenaTo where they end. */
    keep(row: number, arenaAt: number, arenaTo: number): Position {
      if (row !== end) {
        close()
        from = row
        arenaFrom = arenaAt
      }
      end = row + 1
      arenaEnd = arenaTo
      return { log, index: first + count++ }
    },
    end(account: Omit<Accounting, 'events'>): DecidedPart {
      close()
      return { log, first, events: pieces, count, accounting: { ...account, events: count } }
    },
  }
}
