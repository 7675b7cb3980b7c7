import { Command } from 'commander'

import type { RereadAnswer } from '../domain/answers.ts'
import { callJson, findServer } from './client.ts'
import type { Io } from './io.ts'
import { addServerOptions, type ServerOptions } from './options.ts'
import { print } from './output.ts'

interface RereadOptions extends ServerOptions {
  readonly since?: string
  readonly until?: string
  readonly dryRun?: true
  readonly force?: true
}

/** `whodid sources reread` */
export function rereadCommand(io: Io): Command {
  const command = new Command('reread')
    .description('read stored originals again with the parsers of today; what is proven stays as it is')
    .argument('<source>', 'see whodid sources list')
    .option('--since <time>', 'events from then on: 7d, 2026-11-01, RFC 3339')
    .option('--until <time>', 'events before then')
    .option('--dry-run', 'only say what would become of them')
    .option('--force', 'also what the parsers of today made: after a change of options')
  return addServerOptions(command).action(async (source: string, options: RereadOptions) => {
    const server = findServer(options, io)
    const { since, until, dryRun, force } = options
    const path = `/v1/sources/${encodeURIComponent(source)}/events:reread`
    const sums = new Map<string, number>()
    let after: string | undefined
    do {
      const body = { since, until, dryRun, force, after }
      const answer = await callJson<RereadAnswer>(server, { method: 'POST', path, body })
      const { read, renewed, unchanged, skipped, examples } = answer
      for (const [name, count] of Object.entries({ read, renewed, unchanged, ...skipped }))
        sums.set(name, (sums.get(name) ?? 0) + count)
      for (const id of examples) io.err(`left as it was: ${id}\n`)
      if (answer.next !== undefined) io.err(`read ${sums.get('read')} so far\n`)
      after = answer.next
    } while (after !== undefined && !io.signal.aborted)
    await print(io, `${[...sums].map(([name, count]) => `${name} ${count}`).join('  ')}\n`)
  })
}
