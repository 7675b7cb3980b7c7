import { join } from 'node:path'
import { Command } from 'commander'

import { VerifyError } from '../../verify/errors.ts'
import type { LogInfo } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { isRootOrigin } from '../domain/sealed.ts'
import { exportStatic } from '../ledger/static-export.ts'
import { realFiles } from '../lib/real-files.ts'
import { escapeTerminal } from '../lib/text.ts'
import { callBytes, callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { type ServerOptions, addServerOptions } from './options.ts'

interface ExportOptions extends ServerOptions {
  readonly static: string
  readonly log?: string
}

/** `whodid ledger export --static DIR` */
export function exportCommand(io: Io): Command {
  const command = new Command('export')
    .description('write logs as files of tlog-tiles, for a bucket or any web server; verifies them on the way')
    .requiredOption('--static <dir>', 'where to; each log becomes the folder of its name below it')
    .option('--log <origin>', 'this log alone; left out: all')
  return addServerOptions(command).action(async (options: ExportOptions) => {
    const server = findServer(options, io)
    const { logs } = await callJson<{ logs: readonly LogInfo[] }>(server, { path: '/log', signal: io.signal })
    const wanted = logs.filter(({ origin, size, state }) => {
      return size > 0 && state !== 'pruned' && (options.log === undefined || origin === options.log)
    })
    if (wanted.length === 0) {
      const named = options.log === undefined ? 'there is no log' : `there is no log ${escapeTerminal(options.log)}`
      throw new AuditError('not_found', named, { hint: 'whodid ledger list names all' })
    }
    for (const { origin, vkey } of wanted) {
      let told = 0
      const folder = join(options.static, origin)
      const size = await exportStatic({
        files: realFiles,
        folder,
        vkey,
        entries: isRootOrigin(origin) ? 'root' : 'whodid',
        fetch: (path) => callBytes(server, { path: `/log/${origin}/${path}`, signal: io.signal }),
        tell(entries, of) {
          if (entries - told < TELL_EACH) return
          told = entries
          io.err(`${escapeTerminal(origin)}  ${entries} of ${of} entries\n`)
        },
      }).catch((error: unknown) => {
        if (!(error instanceof VerifyError)) throw error
        const hint = `if an earlier run left it in ${folder}: delete it, with tile/0/… also its tile/entries/…, and run again`
        throw new AuditError('not_verified', `${origin}: ${error.message}`, { hint, cause: error })
      })
      io.err(`${escapeTerminal(origin)}  ${size} entries written and verified\n`)
    }
  })
}

const TELL_EACH = 100_000
