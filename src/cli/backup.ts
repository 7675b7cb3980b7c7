import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { Command } from 'commander'

import { trailEvent } from '../api/trail.ts'
import { localOperator } from '../auth/caller.ts'
import type { JobAnswer } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import type { JsonObject } from '../domain/event.ts'
import { pause, systemClock } from '../lib/clock.ts'
import { realFiles } from '../lib/real-files.ts'
import { makeBackup } from '../server/backup.ts'
import { summaryOf } from '../server/backup-manifest.ts'
import { openState } from '../state/state.ts'
import { openStore } from '../store/store.ts'
import { type ServerAddress, callJson, findServer, noServer } from './client.ts'
import type { Io } from './io.ts'
import { print } from './output.ts'

interface BackupOptions {
  readonly data: string
  readonly to: string
  readonly withKeys?: true
  readonly keys?: string
}

/** `whodid backup`: by the server while it runs, else of its folder under its lock. */
export function backupCommand(io: Io): Command {
  return new Command('backup')
    .description('a consistent copy of a data folder, also while its server runs')
    .requiredOption('--to <dir>', 'where to: a new folder')
    .option('--data <dir>', 'the data folder', './.whodid')
    .option('--with-keys', 'with the keys: whoever has such a copy can read and sign everything')
    .option('--keys <dir>', 'the keys folder, where it is not DATA/keys and no server runs')
    .action(async (options: BackupOptions) => {
      const made = await withServer(options, io)
      if (made['keys'] === 'none') io.err('without keys: back up the keys folder apart from it\n')
      await print(io, `${JSON.stringify({ to: resolve(options.to), ...made }, undefined, 2)}\n`)
    })
}

async function withServer(options: BackupOptions, io: Io): Promise<JsonObject> {
  try {
    return await byServer(findServer({ data: options.data }, { ...io, env: {} }), options, io)
  } catch (error) {
    const isNobody = error instanceof AuditError && error.message === noServer(options.data).message
    if (!isNobody || !existsSync(join(options.data, 'state.db'))) throw error
  }
  return ofFolder(options, io)
}

const LOOK_MS = 250

async function byServer(server: ServerAddress, options: BackupOptions, io: Io): Promise<JsonObject> {
  const body = { to: resolve(options.to), withKeys: options.withKeys === true }
  const told = progress(io)
  let job = await callJson<JobAnswer>(server, { method: 'POST', path: '/v1/backups', body, signal: io.signal })
  while (job.state === 'running') {
    told(job.done, job.total)
    await pause(systemClock, LOOK_MS, io.signal)
    io.signal.throwIfAborted()
    job = await callJson<JobAnswer>(server, { path: `/v1/backups/${job.id}`, signal: io.signal })
  }
  if (job.state === 'failed') {
    // An unknown word can only come from a newer server; it is shown as it is.
    const code = job.code as AuditError['code']
    throw new AuditError(code, job.reason, job.hint === undefined ? {} : { hint: job.hint })
  }
  const { at, keys, engine, logs, files, bytes } = job
  return { at, keys, engine, logs, files, bytes }
}

async function ofFolder({ data, to, withKeys, keys }: BackupOptions, io: Io): Promise<JsonObject> {
  const state = openState({ folder: data, clock: systemClock })
  const hasRows = existsSync(join(data, 'engine'))
  const store = hasRows ? openStore({ folder: resolve(data, 'engine'), log: (line) => io.err(`${line}\n`) }) : undefined
  try {
    await store?.ready
    const parts = {
      files: realFiles,
      clock: systemClock,
      data: resolve(data),
      keys: resolve(keys ?? join(data, 'keys')),
      state,
      journal: () => journalFiles(resolve(data, 'journal')),
      freezes: store?.freezes,
      wrapped: false,
    }
    const asked = { to: resolve(to), withKeys: withKeys === true, tell: progress(io), signal: io.signal }
    const made = summaryOf(await makeBackup(parts, asked))
    const act = { action: 'backup-create', category: 'database', type: 'creation', outcome: 'success' } as const
    const by = localOperator(process.getuid?.())
    state.pendingTrail.add(trailEvent(by, { ...act, resource: { type: 'backup' }, asked: made }, systemClock.now()))
    return made
  } finally {
    await store?.close()
    state.close()
  }
}

async function journalFiles(folder: string): Promise<readonly { path: string; sizeBytes: number }[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.wdj')).toSorted()
  return Promise.all(
    names.map(async (name) => ({ path: join(folder, name), sizeBytes: (await stat(join(folder, name))).size })),
  )
}

/** A line for each tenth: stderr may be a file. */
export function progress(io: Io): (done: number, total: number) => void {
  let tenths = 0
  return (done, total) => {
    const reached = total === 0 ? 0 : Math.floor((10 * done) / total)
    if (reached > tenths) io.err(`${done} of ${total} bytes\n`)
    tenths = Math.max(tenths, reached)
  }
}
