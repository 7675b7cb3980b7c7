import { mergeEvent } from '../domain/blocks.ts'
import type { AuditEvent, Outcome } from '../domain/event.ts'
import { BLOCK_NAMES, parseOrigin } from '../domain/sealed.ts'
import type { Blocks, ErasedPart, SealedEvent } from '../domain/sealed.ts'

/** A row as it is read back: what makes the sealed event and where it stands. */
export interface StoredRow {
  readonly row_feed: number
  readonly row_log: string
  readonly row_n: number
  readonly row_us: number
  readonly row_ms: number
  readonly row_id: string
  readonly row_c: string
  readonly row_source: string
  readonly row_e: number
  readonly row_sq: number
  readonly row_d: string
  readonly row_y: string
  readonly row_outcome: Outcome
  readonly row_leaf: string
  readonly row_actor: string
  readonly row_place: string
  readonly row_target: string
  readonly row_body: string
  readonly row_original: string
  readonly row_akey: number
  readonly row_tkey: number
  readonly row_conflict: number
  readonly row_dup: string
  /** The first four blocks as they were sealed, where the row was read again; else none. */
  readonly row_sealed: readonly string[]
  /** Its `ErasedPart`s as JSON; empty where nothing of it was erased. */
  readonly row_erased: string
}

/** Selects a StoredRow. Names of its own: an alias would hide the column of the same name. */
export const STORED_ROW = `feed AS row_feed, log AS row_log, n AS row_n, toUnixTimestamp64Micro(t) AS row_us,
  toUnixTimestamp64Milli(r) AS row_ms, base64URLEncode(id) AS row_id, base64URLEncode(c) AS row_c, source AS row_source,
  e AS row_e, sq AS row_sq, d AS row_d, y AS row_y, outcome AS row_outcome, leaf AS row_leaf, actor AS row_actor,
  place AS row_place, target AS row_target, body AS row_body, original AS row_original, akey AS row_akey,
  tkey AS row_tkey, conflict AS row_conflict, dup AS row_dup, sealed AS row_sealed, erased AS row_erased`

/** The sealed event again: the leaf line byte for byte. */
export function sealedOf(row: StoredRow): SealedEvent {
  return {
    feed: row.row_feed,
    log: row.row_log,
    index: row.row_n,
    leaf: row.row_leaf === '' ? leafLine(fieldsOf(row)) : row.row_leaf,
    blocks: sealedBlocksOf(row),
    actorKey: row.row_akey,
    targetKey: row.row_tkey,
    conflict: row.row_conflict === 1,
    ...(row.row_erased !== '' && { erased: erasedOf(row) }),
  }
}

/** `encodeRows` wrote it. */
function erasedOf({ row_erased: text }: StoredRow): readonly ErasedPart[] {
  return JSON.parse(text) as readonly ErasedPart[]
}

/** The whole event, nothing hidden: as it was read last. */
export function eventOf(row: StoredRow): AuditEvent {
  const { row_log: log, row_dup: duplicateOf } = row
  return mergeEvent(fieldsOf(row), blocksOf(row), {
    log,
    index: row.row_n,
    stream: parseOrigin(log).stream,
    conflict: row.row_conflict === 1,
    ...(duplicateOf !== '' && { duplicateOf }),
    ...(row.row_erased !== '' && {
      erased: erasedOf(row).map(({ at, request, kept }) => ({
        blocks: BLOCK_NAMES.filter((block) => kept[block] !== undefined),
        at,
        request,
      })),
    }),
  })
}

/** What a leaf of version 1 says (docs/ledger.md, Leaf), in the order in which it says it. */
export interface LeafFields {
  readonly t: string
  readonly r: string
  readonly s: string
  /** Both or neither. */
  readonly e?: number
  readonly n?: number
  readonly d: string
  readonly y: string
  readonly o: Outcome
  readonly id: string
  readonly c: string
}

/** A leaf's line. No value needs escaping: the grammar of leaves has only plain characters. */
export function leafLine(leaf: LeafFields): string {
  const sequence = leaf.e === undefined ? '' : `,"e":${leaf.e},"n":${leaf.n}`
  const head = `{"v":1,"t":"${leaf.t}","r":"${leaf.r}","s":"${leaf.s}"${sequence}`
  return `${head},"d":"${leaf.d}","y":"${leaf.y}","o":"${leaf.o}","id":"${leaf.id}","c":"${leaf.c}"}`
}

function fieldsOf(row: StoredRow): LeafFields {
  const e = row.row_e
  return {
    t: new Date(Math.floor(row.row_us / 1000)).toISOString(),
    r: new Date(row.row_ms).toISOString(),
    s: row.row_source,
    ...(e >= 0 && { e, n: row.row_sq }),
    d: row.row_d,
    y: row.row_y,
    o: row.row_outcome,
    id: row.row_id,
    c: row.row_c,
  }
}

/** A row that was read again shows what the later parser made, and keeps what was sealed beside it. */
function sealedBlocksOf(row: StoredRow): Blocks {
  if (row.row_sealed.length === 0) return blocksOf(row)
  const [actor = '', place = '', target = '', body = ''] = row.row_sealed
  return blocksOf({ ...row, row_actor: actor, row_place: place, row_target: target, row_body: body })
}

/** As they were read last. */
export function blocksOf(row: StoredRow): Blocks {
  const { row_actor: actor, row_place: place, row_target: target, row_body: body, row_original: original } = row
  return [actor || undefined, place || undefined, target || undefined, body || undefined, original || undefined]
}
