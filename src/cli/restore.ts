import { resolve } from 'node:path'

import { Command } from 'commander'

import { systemClock } from '../lib/clock.ts'
import { realFiles } from '../lib/real-files.ts'
import { restoreBackup } from '../server/restore.ts'
import { progress } from './backup.ts'
import type { Io } from './io.ts'
import { print } from './output.ts'

interface RestoreOptions {
  readonly from: string
  readonly data: string
  readonly keys?: string
}

/** `whodid restore`: puts a backup into a new data folder, and checks it. */
export function restoreCommand(io: Io): Command {
  return new Command('restore')
    .description('put a backup into a new data folder; its server goes on with new logs')
    .requiredOption('--from <dir>', 'the backup')
    .requiredOption('--data <dir>', 'the data folder to be made')
    .option('--keys <dir>', 'a copy of the keys folder, to check the logs with; where the backup holds none')
    .action(async ({ from, data, keys }: RestoreOptions) => {
      const { manifest, rows, logs } = await restoreBackup({
        files: realFiles,
        clock: systemClock,
        from: resolve(from),
        data: resolve(data),
        ...(keys !== undefined && { keys: resolve(keys) }),
        tell: progress(io),
        log: (line) => io.err(`${line}\n`),
        signal: io.signal,
      })
      if (logs === undefined)
        io.err('the backup holds no keys: put the keys folder in place; the first start checks the logs\n')
      io.err('what was erased since the backup is in it again: see docs/backup.md before anybody reads it\n')
      const { at, install } = manifest
      await print(io, `${JSON.stringify({ data: resolve(data), install, at, rows, logs }, undefined, 2)}\n`)
    })
}
