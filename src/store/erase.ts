import { setTimeout as pause } from 'node:timers/promises'
import { AuditError } from '../domain/errors.ts'
import { BLOCK_NAMES, type Position, type SealedEvent } from '../domain/sealed.ts'
import { isTooMuch } from './connection.ts'
import { makeStage, mutate } from './mutation.ts'
import type { Connection, Values } from './connection.ts'
import { encodeColumns } from './encode.ts'
import { quotedText } from './quote.ts'
import { sealedOf, STORED_ROW } from './row.ts'
import type { StoredRow } from './row.ts'

/**
 * Rows from which an erasure takes blocks (docs/erasure.md, How it is done). What stays: the leaf, its place, hashes of
 * what went, and the blocks that it does not cover.
 */
export interface Erases {
  /** Rows that may be about a person, as they were sealed, in feed order. May be fewer than asked for. */
  find(which: EraseWhich, signal?: AbortSignal): Promise<readonly SealedEvent[]>
  /**
   * Gives rows the blocks that these events still have and the columns that follow from them. When it returns no active
   * part holds what went. Ended half way, some rows are done and the others as before: call it again.
   */
  clear(events: readonly SealedEvent[], signal?: AbortSignal): Promise<void>
  /**
   * Resolves once no part holds what was cleared before: the engine keeps parts that it replaced for a minute or two.
   * Throws `conflict` where somebody has detached parts, which nobody can clear.
   */
  settle(signal?: AbortSignal): Promise<void>
  /** Where the leaf `subject.erased` of an erasure stands, if it was written. */
  record(erasure: string, signal?: AbortSignal): Promise<Position | undefined>
}

interface EraseWhich {
  readonly names: readonly string[]
  readonly ids: readonly string[]
  readonly emails: readonly string[]
  /** Ids of the person's keys. */
  readonly keys: readonly number[]
  /** Also rows that hold one of these texts in any block. */
  readonly texts: readonly string[]
  readonly afterFeed: number
  readonly asOf: number
  readonly limit: number
}

/** All but what the leaf and the row's place fill. */
const CLEARED =
  'dataset action state usr uid mail ukind groups roles eff ip agent rtype rname rns decision policy category type kind ' +
  'req cluster host labels tags wcat parser actor place target body original erased'
const COLUMNS = CLEARED.split(' ')
const STAGED = ['feed', 'n', 'log', ...COLUMNS]
const STAGED_ROWS = 1000
const FEW = 10
const LOOK_AGAIN_MS = 500

export function createErases(connection: Connection): Erases {
  return {
    find: (which, signal) => find(connection, which, which.limit, signal),
    async clear(events, signal) {
      if (events.length === 0) return
      await stage(connection, events, signal)
      await take(connection, events, signal)
    },
    settle: (signal) => settle(connection, signal),
    async record(erasure, signal) {
      const sql =
        `SELECT log AS at_log, n AS at_index FROM ${connection.database}.events WHERE source = '_log' ` +
        `AND y = 'subject.erased' AND position(body, {erasure:String}) > 0 ORDER BY feed LIMIT 1`
      const { rows } = await connection.select<{ at_log: string; at_index: number }>(sql, { erasure }, signal)
      return rows[0] && { log: rows[0].at_log, index: rows[0].at_index }
    },
  }
}

/** More than is wanted, since the columns say less than the blocks: whoever asked looks at each. */
async function find(
  connection: Connection,
  which: EraseWhich,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<readonly SealedEvent[]> {
  const { names, ids, emails, keys, texts, afterFeed, asOf } = which
  const signs = [...names, ...ids, ...emails].map((each) => JSON.stringify(each).slice(1, -1))
  const values: Values = {
    names,
    ids,
    emails: emails.map((each) => each.toLowerCase()),
    keys,
    signs,
    texts,
    after_feed: afterFeed,
    as_of: asOf,
    row_limit: limit,
  }
  const holds = (text: string, any: string): string =>
    `multiSearchAnyCaseInsensitiveUTF8(${text}, {${any}:Array(String)})`
  const conditions = [
    ...(keys.length > 0 ? ['akey IN {keys:Array(UInt64)}', 'tkey IN {keys:Array(UInt64)}'] : []),
    ...(names.length > 0 ? ['usr IN {names:Array(String)}'] : []),
    ...(ids.length > 0 ? ['uid IN {ids:Array(String)}'] : []),
    ...(emails.length > 0 ? ['lowerUTF8(mail) IN {emails:Array(String)}'] : []),
    ...(signs.length > 0
      ? [
          `(target != '' AND ${holds('target', 'signs')})`,
          // Read again since: its columns say what the later parser made of it.
          `(notEmpty(sealed) AND ${holds('arrayStringConcat(sealed)', 'signs')})`,
        ]
      : []),
    ...(texts.length > 0 ? ['actor', 'place', 'target', 'body', 'original'].map((block) => holds(block, 'texts')) : []),
  ]
  if (conditions.length === 0) return []
  const sql =
    `SELECT ${STORED_ROW} FROM ${connection.database}.events WHERE feed > {after_feed:UInt64} AND feed <= {as_of:UInt64} ` +
    `AND (${conditions.join(' OR ')}) ORDER BY feed LIMIT {row_limit:UInt32}`
  try {
    const { rows } = await connection.select<StoredRow>(sql, values, signal)
    return rows.map(sealedOf)
  } catch (error) {
    // Events may have megabytes.
    if (!isTooMuch(error) || limit <= FEW) throw error
    return find(connection, which, Math.floor(limit / 2), signal)
  }
}

/** Puts what is left where the engine can look it up by feed number, index and log. It holds nothing of what goes. */
async function stage(
  connection: Connection,
  events: readonly SealedEvent[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { database } = connection
  await makeStage(connection, 'erase', ['feed', 'n', 'log'], STAGED, signal)
  for (let at = 0; at < events.length; at += STAGED_ROWS) {
    const piece = events.slice(at, at + STAGED_ROWS)
    const token = `erase:${piece[0]?.feed}:${piece.length}:${at}`
    const blocks = [encodeColumns(piece, STAGED)]
    await connection.insert({ table: `${database}.erase`, columns: STAGED, blocks, token }, signal)
  }
}

/** A mutation rewrites these columns and what is indexed of them, part by part; columns that it does not name are linked. */
async function take(
  connection: Connection,
  events: readonly SealedEvent[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { database } = connection
  const staged = (column: string): string => `joinGet('${database}.erase', '${column}', feed, n, log)`
  const feeds = events.map(({ feed }) => feed)
  const [first, last] = [Math.min(...feeds), Math.max(...feeds)]
  const set = COLUMNS.map((column) => `${column} = ${staged(column)}`)
  const which = `feed BETWEEN ${first} AND ${last} AND ${staged('erased')} != ''`
  // What was sealed of a row that was read again stands in its own columns from now on.
  const sql = `ALTER TABLE ${database}.events UPDATE sealed = [], ${set.join(', ')} WHERE ${which}`
  await mutate(connection, { sql, staged: 'erase', failure: 'the engine could not clear erased blocks' }, signal)
  await connection.command(`DROP TABLE IF EXISTS ${database}.erase SYNC`, signal)
}

async function settle(connection: Connection, signal: AbortSignal | undefined): Promise<void> {
  const { database } = connection
  // Rows that were read again are staged there, and the last ones stay.
  await connection.command(`DROP TABLE IF EXISTS ${database}.reread SYNC`, signal)
  await dropBroken(connection, signal)
  const where = `database = ${quotedText(database)} AND table = 'events'`
  const old = await connection.ask<{ name: string }>(
    `SELECT name FROM system.parts WHERE ${where} AND NOT active`,
    {},
    signal,
  )
  const names = new Set(old.map(({ name }) => name))
  for (;;) {
    const still = await connection.ask<{ name: string }>(
      `SELECT name FROM system.parts WHERE ${where} AND NOT active`,
      {},
      signal,
    )
    if (!still.some(({ name }) => names.has(name))) return
    await pause(LOOK_AGAIN_MS, undefined, signal && { signal })
  }
}

/** Parts that the engine put aside as broken: of these nothing is missed. What a person detached is theirs. */
async function dropBroken(connection: Connection, signal: AbortSignal | undefined): Promise<void> {
  const { database } = connection
  const parts = await connection.ask<{ name: string; reason: string | null }>(
    `SELECT name, reason FROM system.detached_parts WHERE database = ${quotedText(database)} AND table = 'events'`,
    {},
    signal,
  )
  const own = parts.filter(({ reason }) => reason === null || reason === '')
  if (own.length > 0) {
    const hint = 'attach them, or drop them, in the store'
    throw new AuditError('conflict', `${own.length} parts of the store were detached by hand: nobody can clear them`, {
      hint,
    })
  }
  for (const { name } of parts) {
    const drop = `ALTER TABLE ${database}.events DROP DETACHED PART ${quotedText(name)} SETTINGS allow_drop_detached = 1`
    await connection.command(drop, signal)
  }
}

/** The blocks of an event by their names. */
export function withoutBlocks(event: SealedEvent, gone: readonly string[]): SealedEvent['blocks'] {
  const [actor, place, target, body, original] = event.blocks.map((text, at) =>
    gone.includes(BLOCK_NAMES[at] ?? '') ? undefined : text,
  )
  return [actor, place, target, body, original]
}
