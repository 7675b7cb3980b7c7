import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AuditError } from '../domain/errors.ts'
import type { Connection } from './connection.ts'

/** Copies of all rows, for backups. Only the embedded engine's: a ClickHouse server has its own ways. */
export interface Freezes {
  /**
   * Holds all rows as they are now, as files that nobody changes (hard links), until `thaw`. Gives the folder that holds a
   * folder for each part.
   */
  freeze(signal?: AbortSignal): Promise<string>
  /** Lets go of what was frozen; nothing frozen is no error. */
  thaw(): Promise<void>
  /** Takes in parts that an earlier `freeze` gave: moves them out of `folder`. Resolves with the number of rows there are. */
  attach(folder: string, signal?: AbortSignal): Promise<number>
}

/** The one name that is used: what has it is a backup's, of this process or of one that died. */
const NAME = 'whodid_backup'
/** `<partition>_<first block>_<last block>_<level>[_<mutation>]` */
const PART = /^[\w-]+_\d+_\d+_\d+(_\d+)?$/

/** @param folder the engine's folder; undefined: it is no embedded one. */
export function createFreezes(connection: Connection, folder: string | undefined): Freezes {
  const { database } = connection

  function embedded(): string {
    if (folder !== undefined) return folder
    const hint = 'back it up with its own BACKUP statement, before the backup of this data folder'
    throw new AuditError('unsupported', 'the rows lie in a ClickHouse server', { hint })
  }

  async function thaw(): Promise<void> {
    if (folder !== undefined) await rm(join(folder, 'data', 'shadow'), { recursive: true, force: true })
  }

  async function tableOf(signal?: AbortSignal): Promise<{ readonly uuid: string }> {
    const sql = `SELECT toString(uuid) AS uuid FROM system.tables WHERE database = '${database}' AND name = 'events'`
    const [table] = await connection.ask<{ uuid: string }>(sql, {}, signal)
    if (table === undefined) throw new AuditError('internal', 'the store has no table of events')
    return table
  }

  return {
    async freeze(signal) {
      const data = join(embedded(), 'data')
      await thaw()
      const { uuid } = await tableOf(signal)
      await connection.command(`ALTER TABLE ${database}.events FREEZE WITH NAME '${NAME}'`, signal)
      return join(data, 'shadow', NAME, 'store', uuid.slice(0, 3), uuid)
    },
    thaw,
    async attach(from, signal) {
      const data = join(embedded(), 'data')
      const { uuid } = await tableOf(signal)
      const detached = join(data, 'store', uuid.slice(0, 3), uuid, 'detached')
      await mkdir(detached, { recursive: true })
      for (const part of (await readdir(from)).toSorted()) {
        if (!PART.test(part)) throw new AuditError('damaged', `${join(from, part)} is no part of a table`)
        await rename(join(from, part), join(detached, part))
        await connection.command(`ALTER TABLE ${database}.events ATTACH PART '${part}'`, signal)
      }
      const [count] = await connection.ask<{ n: number }>(`SELECT count() AS n FROM ${database}.events`, {}, signal)
      return count?.n ?? 0
    },
  }
}
