import { setTimeout as pause } from 'node:timers/promises'
import { AuditError } from '../domain/errors.ts'
import type { Connection } from './connection.ts'

/** A change of stored rows by a table in which their new values are staged. */
export interface Mutation {
  /** `ALTER TABLE … UPDATE …`, without settings. */
  readonly sql: string
  /** Name of that table: by it the engine's list tells this change from others. */
  readonly staged: string
  /** What was not done, should it fail. */
  readonly failure: string
}

const LOOK_MS = 50

/** Changes rows part by part; resolves when all are changed. What fails is ended before it is told. */
export async function mutate(connection: Connection, mutation: Mutation, signal?: AbortSignal): Promise<void> {
  try {
    await connection.command(`${mutation.sql} SETTINGS mutations_sync = 0`, signal)
    await done(connection, mutation, signal)
  } catch (error) {
    await endMutation(connection, mutation.staged)
    throw error
  }
}

/**
 * Makes the empty table in which new values are staged, to be looked up by `keys`. A change that a crash left looks its
 * values up in the one that goes now, so it is ended first.
 */
export async function makeStage(
  connection: Connection,
  staged: string,
  keys: readonly string[],
  columns: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const { database } = connection
  await endMutation(connection, staged, signal)
  await connection.command(`DROP TABLE IF EXISTS ${database}.${staged} SYNC`, signal)
  await connection.command(
    `CREATE TABLE ${database}.${staged} ENGINE = Join(ANY, LEFT, ${keys.join(', ')}) EMPTY ` +
      `AS SELECT ${columns.join(', ')} FROM ${database}.events`,
    signal,
  )
}

/** Ends what is under way, perhaps since an earlier process; nothing under way is no error. */
async function endMutation(connection: Connection, staged: string, signal?: AbortSignal): Promise<void> {
  await connection.command(`KILL MUTATION WHERE ${openBy(connection, staged)} SYNC`, signal)
}

/** Not by waiting in the statement: inserts go through the same session. */
async function done(
  connection: Connection,
  { staged, failure }: Mutation,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    const [row] = await connection.ask<{ open: number; reason: string }>(
      `SELECT count() AS open, max(latest_fail_reason) AS reason FROM system.mutations WHERE ${openBy(connection, staged)}`,
      {},
      signal,
    )
    if (row === undefined || row.open === 0) return
    if (row.reason !== '') throw new AuditError('engine_failed', failure)
    await pause(LOOK_MS, undefined, signal && { signal })
  }
}

function openBy({ database }: Connection, staged: string): string {
  return `database = '${database}' AND table = 'events' AND NOT is_done AND position(command, '${database}.${staged}') > 0`
}
